"""Terms and copies through the pipeline, with models that hold them, lose them and repeat them."""

import asyncio

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service.errors import RequestError
from service.pipeline import SearchOverrides, TextRequest
from service.text.codes import code_spans
from service.text.foreign import Alphabet, tag_spans
from service.text.glossary import Entry, Glossary
from service.text.normalise import normalise
from service.text.protected import protected_spans
from service.text.tokenizer import Tokenizer
from tests.pipeline.marked import (
    MARKED_TEXT,
    MARKS,
    MODELS,
    TERMS,
    FillingEngine,
    Say,
    answering,
    ask,
    deaf,
    late,
    obedient,
    pipeline,
    stuttering,
)
from tests.pipeline.scenes import ANY_TEXT, EN_DE, FakeEngine, is_inside


@given(text=ANY_TEXT)
def test_a_text_without_marks_is_asked_and_answered_as_ever(
    marked_tokenizer: Tokenizer, text: str
) -> None:
    foreign = Alphabet(marked_tokenizer.characters).foreign_spans(text)
    assume(not (foreign or tag_spans(text) or protected_spans(text) or code_spans(text)))
    answers = [
        ask(marked_tokenizer, TextRequest(text, EN_DE, want_alignment=True), marks=marks)
        for marks in (None, MARKS)
    ]
    assert answers[0] == answers[1]


@given(text=MARKED_TEXT, say=MODELS, room=st.integers(14, 40))
def test_what_is_protected_survives_every_model(
    marked_tokenizer: Tokenizer, text: str, say: Say, room: int
) -> None:
    request = TextRequest(text, EN_DE, want_tokens=True, want_alignment=True, glossaries=(TERMS,))
    response, decodes = ask(marked_tokenizer, request, say, max_source_tokens=room)
    for span in protected_spans(text):
        copied = text[slice(*span)]
        assert copied in response.text
        uses = [
            use
            for sentence in response.sentences
            for use in sentence.hypotheses[0].uses
            if use.source == span
        ]
        if uses:
            assert uses[0].target is not None
            assert response.text[slice(*uses[0].target)] == copied
        else:  # in what the model was not asked
            assert not any(is_inside(span, each.source_span) for each in response.sentences)
    for decode in decodes:
        assert len(decode.source_ids) <= room
        placeholders = [id_ for id_ in decode.source_ids if 6 <= id_ <= 8]
        assert placeholders == list(MARKS.placeholders)[: len(placeholders)]
    for term in response.terms:
        assert term.entry.target is not None or term.is_held
        if term.use.target is not None:
            held = response.text[slice(*term.use.target)]
            wanted = term.entry.target or text[slice(*term.use.source)]
            assert held.lower() == wanted.lower()


@given(text=MARKED_TEXT, say=MODELS)
def test_every_place_of_a_marked_answer_is_inside_its_text(
    marked_tokenizer: Tokenizer, text: str, say: Say
) -> None:
    options = SearchOverrides(num_hypotheses=2)
    request = TextRequest(
        text, EN_DE, options, want_tokens=True, want_alignment=True, glossaries=(TERMS,)
    )
    response, _ = ask(marked_tokenizer, request, say)
    texts = (response.text, *response.alternatives)
    for sentence in response.sentences:
        assert 1 <= len(sentence.hypotheses) <= 2
        for rank, hypothesis in enumerate(sentence.hypotheses):
            assert texts[rank][slice(*hypothesis.span)] == hypothesis.text
            for token in hypothesis.tokens or ():
                assert is_inside(token.span, hypothesis.span)
            words = [word.span for word in hypothesis.alignment or ()]
            assert words == sorted(words)
            for word in hypothesis.alignment or ():
                assert is_inside(word.span, hypothesis.span)
                for source in word.sources:
                    assert is_inside(source.span, sentence.source_span)


@given(text=MARKED_TEXT)
def test_a_model_that_copies_gives_the_text_back(marked_tokenizer: Tokenizer, text: str) -> None:
    response, _ = ask(marked_tokenizer, TextRequest(text, EN_DE), max_source_tokens=1000)
    assert spelt(response.text) == spelt(text)


def spelt(text: str) -> str:
    return "".join(normalise(text).split())


@given(text=MARKED_TEXT)
def test_a_model_without_marks_is_not_shown_what_is_protected(
    marked_tokenizer: Tokenizer, text: str
) -> None:
    spans = tuple(protected_spans(text))
    request = TextRequest(text, EN_DE, protected=spans)
    response, _ = ask(marked_tokenizer, request, lambda _: [[300]], marks=None)
    expected = 0
    for start, end in spans:
        expected = response.text.index(text[start:end], expected) + end - start
        for sentence in response.sentences:
            assert end <= sentence.source_span[0] or sentence.source_span[1] <= start


def test_a_model_without_marks_refuses_terms(marked_tokenizer: Tokenizer) -> None:
    with pytest.raises(RequestError, match="not trained with terms"):
        ask(marked_tokenizer, TextRequest("A cat.", EN_DE, glossaries=(TERMS,)), marks=None)


def test_the_model_is_told_terms_and_placeholders(marked_tokenizer: Tokenizer) -> None:
    text = "The Cat of Acme sees {name}. See https://a.de. Then?"
    _, decodes = ask(marked_tokenizer, TextRequest(text, EN_DE, glossaries=(TERMS,)))
    encode = marked_tokenizer.encode
    assert [decode.source_ids[:-1] for decode in decodes] == [
        (
            *encode("The"),
            4,
            *encode("der Hund"),
            5,
            *encode("of"),
            6,
            *encode("sees"),
            7,
            *encode("."),
        ),
        (*encode("See"), 6, *encode(".")),
        tuple(encode("Then?")),
    ]
    assert [decode.want_attention for decode in decodes] == [True, True, False]


@pytest.mark.parametrize(
    ("say", "expected", "held"),
    [
        (obedient, "The der Hund of Acme.", [True, True]),
        (late, "The der Hund of Acme.", [True, True]),
        (stuttering, "The der Hund of Acme.", [True, True]),
        (deaf, "The der Hund of Acme.", [True, True]),
    ],
)
def test_the_answer_says_what_was_held(
    marked_tokenizer: Tokenizer, say: Say, expected: str, held: list[bool]
) -> None:
    text = "The cat of Acme."
    response, _ = ask(marked_tokenizer, TextRequest(text, EN_DE, glossaries=(TERMS,)), say)
    assert response.text == expected
    assert [term.is_held for term in response.terms] == held
    assert [text[slice(*term.use.source)] for term in response.terms] == ["cat", "Acme"]
    assert [term.use.is_inserted for term in response.terms] == [say is deaf] * 2


def test_a_term_that_is_lost_is_asked_for_again_as_a_placeholder(
    marked_tokenizer: Tokenizer,
) -> None:
    def copying(ids: tuple[int, ...]) -> list[list[int]]:
        return deaf(ids) if 4 in ids else obedient(ids)

    request = TextRequest("The cat of Acme. Then?", EN_DE, glossaries=(TERMS,))
    response, decodes = ask(marked_tokenizer, request, copying)
    assert response.text == "The der Hund of Acme. Then?"
    assert not any(term.use.is_inserted for term in response.terms)
    encode = marked_tokenizer.encode
    again = (*encode("The"), 6, *encode("of"), 7, *encode("."))
    assert [decode.source_ids[:-1] for decode in decodes[2:]] == [again]
    assert [sentence.decode_steps for sentence in response.sentences] == [2, 1]


def test_a_full_queue_has_room_for_what_was_let_in_before(marked_tokenizer: Tokenizer) -> None:
    request = TextRequest("The cat of Acme.", EN_DE, glossaries=(TERMS,))
    engine = FillingEngine(answering(deaf))
    response = asyncio.run(pipeline(marked_tokenizer, engine).run(request))
    assert [term.is_held for term in response.terms] == [True, True]
    assert len(engine.submitted) == 2


def test_an_engine_that_closes_leaves_the_first_answer(marked_tokenizer: Tokenizer) -> None:
    request = TextRequest("The cat of Acme.", EN_DE, glossaries=(TERMS,))
    response, _ = ask(marked_tokenizer, request, deaf, is_closing=True)
    assert response.text == "The of Acme."
    assert [term.is_held for term in response.terms] == [False, True]


@pytest.mark.parametrize(
    ("text", "begins"), [("Cat and Tom.", "Der hund and"), ("{x} Cat and Tom.", "{x} der hund and")]
)
def test_a_term_at_the_beginning_gets_a_capital(
    marked_tokenizer: Tokenizer, text: str, begins: str
) -> None:
    terms = Glossary([Entry("cat", "der hund", "1")])

    def copying(ids: tuple[int, ...]) -> list[list[int]]:
        return deaf(ids) if 4 in ids else obedient(ids)

    response, _ = ask(marked_tokenizer, TextRequest(text, EN_DE, glossaries=(terms,)), copying)
    assert response.text.startswith(begins)


def test_what_the_model_is_not_asked_holds_what_stays_and_lacks_terms(
    marked_tokenizer: Tokenizer,
) -> None:
    terms = Glossary([Entry("---", "===", "1"), Entry("***", None, "2")])
    response, _ = ask(
        marked_tokenizer, TextRequest("Tom.\n--- ***\nTom.", EN_DE, glossaries=(terms,))
    )
    assert [term.is_held for term in response.terms] == [False, True]
    assert response.terms[1].use.target == (9, 12)


def test_terms_are_held_once_for_each_place(marked_tokenizer: Tokenizer) -> None:
    once = lambda ids: [[id_ for id_ in dict.fromkeys(ids) if id_ not in (4, 5)]]  # noqa: E731
    request = TextRequest("the teacher, cat, cat", EN_DE, glossaries=(TERMS,))
    response, _ = ask(marked_tokenizer, request, once, is_closing=True)
    assert [term.is_held for term in response.terms] == [True, True, False]


def test_a_translation_in_a_longer_word_does_not_count(marked_tokenizer: Tokenizer) -> None:
    request = TextRequest("the teacher sees.", EN_DE, glossaries=(TERMS,))
    longer = marked_tokenizer.encode("erst herr aber")
    response, _ = ask(marked_tokenizer, request, lambda _: [longer], is_closing=True)
    assert [term.is_held for term in response.terms] == [False]
    itself = marked_tokenizer.encode("Er sieht")
    response, _ = ask(marked_tokenizer, request, lambda _: [itself])
    assert [term.use.target for term in response.terms] == [(0, 2)]


def test_a_lost_copy_goes_behind_the_word_that_stood_before_it(
    marked_tokenizer: Tokenizer,
) -> None:
    text = "{one}: the dog likes {name}{city}."
    response, _ = ask(marked_tokenizer, TextRequest(text, EN_DE), deaf)
    assert response.text == text
    [sentence] = response.sentences
    assert [use.is_inserted for use in sentence.hypotheses[0].uses] == [True] * 3


def test_a_sentence_with_more_copies_than_placeholders_is_cut(marked_tokenizer: Tokenizer) -> None:
    text = "{a}{b}{c}{d}, the dog {e}, Tom {f}, the cat {g}{h} {i}"
    response, decodes = ask(marked_tokenizer, TextRequest(text, EN_DE))
    assert response.text == text
    assert all(sentence.is_part for sentence in response.sentences)
    assert len(decodes) == len(response.sentences) > 1


def test_copies_and_terms_are_one_aligned_word_each(marked_tokenizer: Tokenizer) -> None:
    text = "See https://a.de/b?c, the cat"
    request = TextRequest(text, EN_DE, want_alignment=True, glossaries=(TERMS,))
    response, _ = ask(marked_tokenizer, request)
    pairs = {
        response.text[slice(*word.span)]: [text[slice(*source.span)] for source in word.sources]
        for word in response.sentences[0].hypotheses[0].alignment or ()
    }
    assert pairs["https://a.de/b?c"] == ["https://a.de/b?c"]
    assert pairs["der Hund"] == ["cat"]


def test_a_request_of_one_hypothesis_gets_one(marked_tokenizer: Tokenizer) -> None:
    response, _ = ask(marked_tokenizer, TextRequest("See {x} here.", EN_DE), late)
    assert response.alternatives == ()
    assert len(response.sentences[0].hypotheses) == 1


@given(text=MARKED_TEXT, say=MODELS)
def test_what_is_read_while_it_is_made_is_the_answer(
    marked_tokenizer: Tokenizer, text: str, say: Say
) -> None:
    # A number that is lost is searched for again when all has been read.
    assume(not any(map(str.isnumeric, text)))

    async def follow() -> tuple[str, str]:
        request = TextRequest(text, EN_DE, glossaries=(TERMS,))
        following = await pipeline(marked_tokenizer, FakeEngine(answering(say))).follow(request)
        while not following.is_over:
            await following.changed(60)
        return following.take().delta, (await following.answer()).text

    read, answer = asyncio.run(follow())
    assert read == answer


def test_what_a_term_brings_along_is_no_problem(marked_tokenizer: Tokenizer) -> None:
    terms = Glossary([Entry("cat", "Modell 12", "1")])
    request = TextRequest("the dog sees a cat.", EN_DE, glossaries=(terms,))

    def say(ids: tuple[int, ...]) -> list[list[int]]:
        return [marked_tokenizer.encode("der Hund sieht Modell 12.")]

    response, _ = ask(marked_tokenizer, request, say)
    assert [term.is_held for term in response.terms] == [True]
    assert response.sentences[0].problems == ()


def test_a_term_too_long_for_the_model_is_not_held(marked_tokenizer: Tokenizer) -> None:
    terms = Glossary([Entry("cat", "Q" * 60, "1")])
    request = TextRequest("the cat sees Tom.", EN_DE, glossaries=(terms,))
    response, _ = ask(marked_tokenizer, request)
    assert response.text == "the cat sees Tom."
    assert [term.is_held for term in response.terms] == [False]


@given(text=MARKED_TEXT)
def test_a_model_without_marks_is_not_shown_what_is_to_stay(
    marked_tokenizer: Tokenizer, text: str
) -> None:
    engine = FakeEngine()
    asked = pipeline(marked_tokenizer, engine, marks=None)
    response = asyncio.run(asked.run(TextRequest(text, EN_DE)))
    spans = protected_spans(text)
    kept = [text[slice(*span)] for span in spans]
    rest = "".join(c for place, c in enumerate(text) if not any(a <= place < b for a, b in spans))
    place = 0
    for stretch in kept:
        place = response.text.index(stretch, place) + len(stretch)
    shown = [
        marked_tokenizer.decode(decode.source_ids) for group in engine.submitted for decode in group
    ]
    assert not any(each in source for each in kept if each not in rest for source in shown)
