"""A number that every search loses is copied, and what is done about it is said."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain import DecodedSource, DecodeRequest, MarkIds
from service.errors import DecodingFailed, ServiceError
from service.markup.document import Markup
from service.pipeline import SearchOverrides, TextRequest, TextResponse
from service.text.glossary import Entry, Glossary
from service.text.tokenizer import Tokenizer
from service.trust.guard import Problem
from tests.pipeline.marked import MARKS, Say, answering, ask, pipeline
from tests.pipeline.scenes import EN_DE, FakeEngine

PLACEHOLDERS = frozenset(MARKS.placeholders)
FIGURES = st.sampled_from(["12", "1,500", "7:45", "3.5", "1888", "0.5", "10 000"])


def vague(tokenizer: Tokenizer, *, copies: int = 1, says: str = "der Hund sieht das Haus") -> Say:
    """Says the same of everything, and each placeholder so many times behind it."""

    def say(ids: tuple[int, ...]) -> Sequence[Sequence[int]]:
        heard = [id_ for id_ in ids if id_ in PLACEHOLDERS]
        return [[*tokenizer.encode(says), *heard * copies]]

    return say


@given(
    numbers=st.lists(FIGURES, min_size=1, max_size=3, unique=True),
    copies=st.integers(0, 2),
    beam_size=st.sampled_from([None, 1, 4]),
)
def test_no_number_is_lost(
    marked_tokenizer: Tokenizer, numbers: list[str], copies: int, beam_size: int | None
) -> None:
    text = f"the dog sees {', the cat and '.join(numbers)} keys."
    request = TextRequest(text, EN_DE, SearchOverrides(beam_size=beam_size), want_alignment=True)
    response, decodes = ask(marked_tokenizer, request, vague(marked_tokenizer, copies=copies))
    [sentence] = response.sentences
    [hypothesis] = sentence.hypotheses
    assert sentence.problems == ()
    assert sentence.avoided == (Problem.LOST_NUMBER,)
    assert [text[slice(*use.source)] for use in hypothesis.uses] == numbers
    assert [use.is_inserted for use in hypothesis.uses] == [copies == 0] * len(numbers)
    assert all(use.is_number for use in hypothesis.uses)
    first, last = decodes
    assert last.options == first.options, "the beam that was named stands"
    assert sentence.decode_steps == 2


@pytest.mark.parametrize(
    ("figure", "written"), [("1,500", "1.500"), ("12", "12"), ("3.5", "3.5"), ("7:45", "7:45")]
)
def test_a_number_is_written_as_the_language_does(
    marked_tokenizer: Tokenizer, figure: str, written: str
) -> None:
    request = TextRequest(f"the dog sees {figure} keys.", EN_DE)
    response, _ = ask(marked_tokenizer, request, vague(marked_tokenizer))
    assert response.text == f"der Hund sieht das Haus {written}"


def test_a_number_that_was_changed_comes_out_as_it_was(marked_tokenizer: Tokenizer) -> None:
    changing = vague(marked_tokenizer, says="der Hund sieht 13")

    def say(ids: tuple[int, ...]) -> Sequence[Sequence[int]]:
        return vague(marked_tokenizer)(ids) if PLACEHOLDERS & {*ids} else changing(ids)

    response, _ = ask(marked_tokenizer, TextRequest("the dog sees 12 keys.", EN_DE), say)
    assert response.text == "der Hund sieht das Haus 12"
    assert set(response.sentences[0].avoided) == {
        Problem.LOST_NUMBER,
        Problem.UNSUPPORTED_NUMBER,
    }


def test_only_what_was_lost_is_hidden(marked_tokenizer: Tokenizer) -> None:
    text = "the dog sees 12 keys and 40 cats."
    says = vague(marked_tokenizer, says="der Hund sieht 40")
    response, decodes = ask(marked_tokenizer, TextRequest(text, EN_DE), says)
    assert response.text == "der Hund sieht 40 12"
    encode = marked_tokenizer.encode
    hidden = (*encode("the dog sees"), 6, *encode("keys and 40 cats."))
    assert [decode.source_ids[:-1] for decode in decodes] == [tuple(encode(text)), hidden]


def test_when_another_number_is_lost_instead_all_are_hidden(marked_tokenizer: Tokenizer) -> None:
    text = "the dog sees 12 keys and 40 cats."

    def say(ids: tuple[int, ...]) -> Sequence[Sequence[int]]:
        is_first = not PLACEHOLDERS & {*ids}
        return vague(marked_tokenizer, says="er sieht 40" if is_first else "er sieht")(ids)

    response, decodes = ask(marked_tokenizer, TextRequest(text, EN_DE), say)
    assert response.text == "er sieht 12 40"
    assert len(decodes) == 3
    assert response.sentences[0].problems == ()


def test_of_equal_faults_the_one_with_the_number_is_given(marked_tokenizer: Tokenizer) -> None:
    def say(ids: tuple[int, ...]) -> Sequence[Sequence[int]]:
        is_first = not PLACEHOLDERS & {*ids}
        return vague(marked_tokenizer, says="er sieht" if is_first else "er sieht 13")(ids)

    response, _ = ask(marked_tokenizer, TextRequest("the dog sees 12 keys.", EN_DE), say)
    assert response.text == "er sieht 13 12"
    assert response.sentences[0].problems == (Problem.UNSUPPORTED_NUMBER,)


def test_what_would_be_worse_is_not_given(marked_tokenizer: Tokenizer) -> None:
    def say(ids: tuple[int, ...]) -> Sequence[Sequence[int]]:
        is_second = bool(PLACEHOLDERS & {*ids})
        says = "der Hund " * 4 if is_second else "der Hund sieht das Haus"
        return vague(marked_tokenizer, says=says)(ids)

    response, decodes = ask(marked_tokenizer, TextRequest("the dog sees 12 keys.", EN_DE), say)
    assert len(decodes) == 2
    assert response.text == "der Hund sieht das Haus"
    assert response.sentences[0].problems == (Problem.LOST_NUMBER,)


def test_a_number_where_the_model_put_it_goes_before_one_that_was_put_in(
    marked_tokenizer: Tokenizer,
) -> None:
    def say(ids: tuple[int, ...]) -> Sequence[Sequence[int]]:
        return [*vague(marked_tokenizer, copies=0)(ids), *vague(marked_tokenizer)(ids)]

    response, _ = ask(marked_tokenizer, TextRequest("the dog sees 12 keys.", EN_DE), say)
    [use] = response.sentences[0].hypotheses[0].uses
    assert not use.is_inserted


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("the 51, 62, 73 and 84 keys.", MARKS),
        ("the dog sees 12 keys.", None),
        ("the dog sees keys.", MARKS),
    ],
)
def test_there_is_no_search_without_room_or_marks_or_need(
    marked_tokenizer: Tokenizer, text: str, marks: MarkIds | None
) -> None:
    response, decodes = ask(
        marked_tokenizer, TextRequest(text, EN_DE), vague(marked_tokenizer), marks=marks
    )
    assert len(decodes) == 1
    assert response.text == "der Hund sieht das Haus"


def test_terms_and_copies_of_the_sentence_hold(marked_tokenizer: Tokenizer) -> None:
    glossary = Glossary([Entry("cat", "der Hund", "1"), Entry("Acme", None, "2")])
    text = "the cat of Acme sees 12 keys."
    request = TextRequest(text, EN_DE, glossaries=(glossary,))
    response, _ = ask(marked_tokenizer, request, vague(marked_tokenizer))
    assert response.sentences[0].problems == ()
    assert [response.text[slice(*(term.use.target or (0, 0)))] for term in response.terms] == [
        "der Hund",
        "Acme",
    ]
    assert "12" in response.text


def test_who_follows_and_who_sends_a_document_have_the_same(marked_tokenizer: Tokenizer) -> None:
    text = "the dog sees 12 keys."
    asked = pipeline(marked_tokenizer, FakeEngine(answering(vague(marked_tokenizer))))

    async def followed() -> TextResponse:
        following = await asked.follow(TextRequest(text, EN_DE))
        while not following.is_over:
            await following.changed(60)
        return await following.answer()

    usual = asyncio.run(asked.run(TextRequest(text, EN_DE)))
    assert asyncio.run(followed()) == usual
    document = TextRequest(f"<p>Tom.</p><p>{text}</p>", EN_DE, markup=Markup("html"))
    assert asyncio.run(asked.run(document)).text.endswith(f"<p>{usual.text}</p>")


def test_its_failure_is_the_outcome(marked_tokenizer: Tokenizer) -> None:
    answer = answering(vague(marked_tokenizer))

    def failing(request: DecodeRequest) -> DecodedSource | ServiceError:
        return DecodingFailed("no") if PLACEHOLDERS & {*request.source_ids} else answer(request)

    asked = pipeline(marked_tokenizer, FakeEngine(failing))
    with pytest.raises(DecodingFailed):
        asyncio.run(asked.run(TextRequest("the dog sees 12 keys.", EN_DE)))


def test_alternatives_keep_their_numbers(marked_tokenizer: Tokenizer) -> None:
    text, kept, lost = "the dog sees 12 keys.", "der Hund sieht 12.", "der Hund sieht das Haus."

    def say(ids: tuple[int, ...]) -> Sequence[Sequence[int]]:
        if PLACEHOLDERS & {*ids}:
            return vague(marked_tokenizer)(ids)
        return [marked_tokenizer.encode(said) for said in (kept, lost)]

    request = TextRequest(text, EN_DE, SearchOverrides(num_hypotheses=2))
    response, _ = ask(marked_tokenizer, request, say)
    assert response.text == kept
    assert response.alternatives == ("der Hund sieht das Haus 12",)
    assert not response.sentences[0].is_rescued


def test_alternatives_with_wrong_numbers_are_left_out(marked_tokenizer: Tokenizer) -> None:
    said = ["der Hund sieht 12.", "der Hund sieht das Haus.", "er sieht 12 und 13.", "er sieht 12."]

    def say(ids: tuple[int, ...]) -> Sequence[Sequence[int]]:
        return [marked_tokenizer.encode(each) for each in said]

    request = TextRequest("the dog sees 12 keys.", EN_DE, SearchOverrides(num_hypotheses=4))
    response, _ = ask(marked_tokenizer, request, say, marks=None)
    assert (response.text, *response.alternatives) == (said[0], said[3])
