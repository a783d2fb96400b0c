"""Sentences in capitals: the model is asked for small letters, the answer is in capitals."""

from service.pipeline import TextRequest
from service.text.glossary import Entry, Glossary
from service.text.tokenizer import Tokenizer
from tests.pipeline import marked
from tests.pipeline.scenes import EN_DE, FakeEngine, ask


def asked(tokenizer: Tokenizer, engine: FakeEngine) -> list[str]:
    return [
        tokenizer.decode(request.source_ids[:-1]) for batch in engine.submitted for request in batch
    ]


def test_the_model_reads_small_letters(tokenizer: Tokenizer) -> None:
    text = "- STOP! THE DOG SEES TOM.\n\nthe dog sees Tom."
    response, engine = ask(tokenizer, text)
    assert asked(tokenizer, engine) == ["Stop!", "The dog sees tom.", "the dog sees Tom."]
    assert response.text == text


def test_one_word_goes_with_its_line(tokenizer: Tokenizer) -> None:
    text = "STOP! THE DOG SEES TOM.\nSTOP! the dog sees Tom."
    response, engine = ask(tokenizer, text)
    assert asked(tokenizer, engine) == ["Stop!", "The dog sees tom.", "STOP!", "the dog sees Tom."]
    assert response.text == text


def test_places_are_those_of_the_answer(tokenizer: Tokenizer) -> None:
    text = "TOM! THE DOG SEES MARY."
    response, _ = ask(tokenizer, TextRequest(text, EN_DE, want_alignment=True, want_tokens=True))
    for sentence in response.sentences:
        [hypothesis] = sentence.hypotheses
        assert hypothesis.text == text[slice(*hypothesis.span)]
        assert hypothesis.alignment is not None
        for word in hypothesis.alignment:
            assert text[slice(*word.span)] == text[slice(*word.sources[0].span)]


def test_copies_are_what_they_were(marked_tokenizer: Tokenizer) -> None:
    text = "THE DOG SEES {NAME}. WWW.A.ORG/B C3"
    response, _ = marked.ask(marked_tokenizer, TextRequest(text, EN_DE))
    assert response.text == text


def test_a_term_s_translation_is_as_it_was_given(marked_tokenizer: Tokenizer) -> None:
    terms = Glossary([Entry("DOG", "Hund", "1")])
    request = TextRequest("THE DOG SEES TOM.", EN_DE, glossaries=(terms,))
    response, _ = marked.ask(marked_tokenizer, request)
    assert "Hund" in response.text
