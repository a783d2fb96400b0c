"""What a model cannot spell comes out as it went in, and the model is not asked to say it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.pipeline import TextRequest
from service.text.foreign import Alphabet, tag_spans
from service.text.glossary import Entry, Glossary
from service.text.protected import protected_spans
from service.text.tokenizer import Tokenizer
from service.trust.guard import Problem
from tests.pipeline.marked import MODELS, Say, ask, deaf, obedient
from tests.pipeline.scenes import EN_DE, is_inside

FOREIGN_TEXT = st.lists(
    st.one_of(
        st.sampled_from(["the dog sees", "Tom.", " ", " ", "! ", "\n", ", ", "@tom_x", "#Monday"]),
        st.sampled_from(["🎉", "❤\ufe0f", "東京", "Москва", "→", "👋🏽", "🇩🇪", "你好。再见"]),
    ),
    max_size=12,
).map("".join)


@given(text=FOREIGN_TEXT, say=MODELS)
def test_it_survives_every_model(marked_tokenizer: Tokenizer, text: str, say: Say) -> None:
    request = TextRequest(text, EN_DE, want_tokens=True, want_alignment=True)
    response, decodes = ask(marked_tokenizer, request, say)
    assert not any(character in str(decodes) for character in "🎉東京")
    addresses = protected_spans(text)
    for start, end in addresses:
        assert text[start:end] in response.text
    between = 0
    for span in Alphabet(marked_tokenizer.characters).foreign_spans(text):
        copied = text[slice(*span)]
        if any(start < span[1] and span[0] < end for start, end in addresses):
            # "a@b.c" and the first characters are one address, which is copied as a whole.
            assert sorted(filter(copied.count, text)) == sorted(filter(copied.count, response.text))
            continue
        assert copied in response.text
        if any(is_inside(span, each.source_span) for each in response.sentences):
            [use] = [
                use
                for each in response.sentences
                for use in each.hypotheses[0].uses
                if is_inside(span, use.source)  # perhaps with a handle
            ]
            assert use.target is not None
            assert response.text[slice(*use.target)] == text[slice(*use.source)]
        else:  # what is kept from the model is in order
            between = response.text.index(copied, between) + len(copied)
    for tag in tag_spans(text):
        assert text[slice(*tag)] in response.text
    for each in response.sentences:
        assert response.text[slice(*each.hypotheses[0].span)] == each.hypotheses[0].text


@pytest.mark.parametrize("text", ["🎉", "你好，世界。", "Всё хорошо, спасибо!", "@tom 🎉\n#so"])
def test_what_has_nothing_else_is_not_asked(marked_tokenizer: Tokenizer, text: str) -> None:
    response, decodes = ask(marked_tokenizer, TextRequest(text, EN_DE))
    assert (response.text, decodes) == (text, [])


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("The dog! 🎉 The cat 👋🏽", ["The dog!", "The cat"]),
        ("→ The dog. 東京", ["The dog."]),
        ("🎉 東京 sees the dog", ["東京 sees the dog"]),
        ("The dog sees #Berlin", ["The dog sees #Berlin"]),
        ("The dog! #so #tired", ["The dog!"]),
        ("The dog 🎉 #so", ["The dog"]),
        ("The 🎉 dog 🎉.", ["The 🎉 dog 🎉."]),
    ],
)
def test_what_sentences_do_not_need_is_cut_off(
    marked_tokenizer: Tokenizer, text: str, sentences: list[str]
) -> None:
    response, _ = ask(marked_tokenizer, TextRequest(text, EN_DE))
    assert [text[slice(*each.source_span)] for each in response.sentences] == sentences
    assert response.text == text


def test_a_term_goes_before(marked_tokenizer: Tokenizer) -> None:
    terms = Glossary([Entry("東京", "Tokio", "1")])
    request = TextRequest("The dog sees 東京 大阪 here.", EN_DE, glossaries=(terms,))
    response, _ = ask(marked_tokenizer, request, deaf)
    assert "Tokio" in response.text
    assert "大阪" in response.text


def test_a_model_without_marks_is_asked_as_ever(marked_tokenizer: Tokenizer) -> None:
    text = "The dog 🎉 sees @tom 東京 🎉"
    _, [decode] = ask(marked_tokenizer, TextRequest(text, EN_DE), marks=None)
    assert list(decode.source_ids[:-1]) == marked_tokenizer.encode(text)


def test_more_than_there_are_placeholders_are_asked_in_parts(marked_tokenizer: Tokenizer) -> None:
    text = " the dog ".join("🎉❤🍎🍌🍇🍓") + " the dog"
    response, decodes = ask(marked_tokenizer, TextRequest(text, EN_DE))
    assert (response.text, len(decodes) > 1) == (text, True)


def test_copies_make_no_source_copy(marked_tokenizer: Tokenizer) -> None:
    copied, _ = ask(marked_tokenizer, TextRequest("Taxi привет, мир now", EN_DE), obedient)
    assert Problem.SOURCE_COPY in copied.sentences[0].problems
    named, _ = ask(marked_tokenizer, TextRequest("Taxi привет, мир Tom", EN_DE), obedient)
    assert Problem.SOURCE_COPY not in named.sentences[0].problems
