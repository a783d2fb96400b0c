"""A text as its sentences: what is asked, what is kept, what is refused."""

import asyncio
import itertools
import threading
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service.domain import DecodedSource, DecodeRequest
from service.errors import TooLarge
from service.pipeline import SearchOverrides, TextRequest
from service.text.normalise import normalise
from service.text.protected import protected_spans
from service.text.segment import split
from service.text.tokenizer import Tokenizer
from tests.pipeline.scenes import ANY_TEXT, EN_DE, FakeEngine, ask, echo, narrow, pipeline


@given(text=ANY_TEXT)
def test_sentences_are_translated_and_the_rest_is_kept(tokenizer: Tokenizer, text: str) -> None:
    assume(not protected_spans(text))
    response, _ = ask(tokenizer, text, narrow(1000))
    segmented = split(text, "en")
    expected = "".join(
        segment.before
        + (
            normalise(segment.text)
            if any(character.isalpha() for character in segment.text)
            else segment.text
        )
        for segment in segmented.segments
    )
    assert response.text == expected + segmented.trailing


@given(text=st.text(st.characters(exclude_categories=["L"]), max_size=30))
def test_a_text_without_a_letter_passes_through_without_the_model(
    tokenizer: Tokenizer, text: str
) -> None:
    response, engine = ask(tokenizer, text)
    assert (response.text, response.sentences, engine.submitted) == (text, (), [])


@given(text=ANY_TEXT.filter(lambda text: not protected_spans(text)))
def test_what_is_too_long_for_the_model_is_translated_in_parts(
    tokenizer: Tokenizer, text: str
) -> None:
    room = 16
    response, engine = ask(tokenizer, text, narrow(room))
    for request in itertools.chain(*engine.submitted):
        assert 2 <= len(request.source_ids) <= room
        assert request.source_ids[-1] == tokenizer.end_id
    # Every letter of the text is in exactly one part.
    read = "".join(text[slice(*each.source_span)] for each in response.sentences)
    assert list(filter(str.isalpha, read)) == list(filter(str.isalpha, text))


def test_parts_are_joined_with_what_was_between_them_and_said_to_be_parts(
    tokenizer: Tokenizer,
) -> None:
    text = "the dog sees a house,  the teacher likes cats,\xa0she found keys. Tom sees."
    room = len(tokenizer.encode("the dog sees a house, the teacher likes")) + 1
    response, _ = ask(tokenizer, text, narrow(room))
    assert response.text == text
    assert [sentence.is_part for sentence in response.sentences] == [True] * 3 + [False]
    assert text[slice(*response.sentences[0].source_span)] == "the dog sees a house,"


def test_alternatives_join_the_hypotheses_of_equal_rank(tokenizer: Tokenizer) -> None:
    options = SearchOverrides(num_hypotheses=2)
    # Names: an echo of them is no copy to be rescued from.
    response, _ = ask(tokenizer, TextRequest("Tom Mary. \n Mary Tom.", EN_DE, options))
    assert response.text == "Tom Mary. \n Mary Tom."
    assert response.alternatives == ("Mary. \n Tom.",)


def test_a_sentence_with_fewer_hypotheses_repeats_its_last_one(tokenizer: Tokenizer) -> None:
    def shy(request: DecodeRequest) -> DecodedSource:
        decoded = echo(request)
        few = decoded.hypotheses[:1] if len(request.source_ids) < 5 else decoded.hypotheses
        return replace(decoded, hypotheses=few)

    request = TextRequest("Tom. the dog sees Mary.", EN_DE, SearchOverrides(num_hypotheses=3))
    response = asyncio.run(pipeline(tokenizer, FakeEngine(shy)).run(request))
    assert len(response.alternatives) == 2
    assert all(text.startswith("Tom. ") for text in response.alternatives)
    assert [len(each.hypotheses) for each in response.sentences] == [1, 3]


def test_a_large_text_is_answered_like_a_small_one(tokenizer: Tokenizer) -> None:
    text = "the dog sees Tom.\n" * 200
    response, _ = ask(tokenizer, text)
    assert response.text == text
    assert len(response.sentences) == 200


@pytest.mark.parametrize(("texts", "in_a_thread"), [(2, False), (200, True)])
def test_many_small_texts_do_not_hold_up_the_event_loop(
    tokenizer: Tokenizer, texts: int, in_a_thread: bool
) -> None:
    threads: set[int] = set()

    def clock() -> float:
        threads.add(threading.get_ident())
        return 0.0

    asked = pipeline(tokenizer, FakeEngine(), clock=clock)
    asyncio.run(asked.run_many([TextRequest("the dog sees Tom.", EN_DE)] * texts))
    assert (threads != {threading.get_ident()}) == in_a_thread


def test_deadline_and_priority_reach_the_engine(tokenizer: Tokenizer) -> None:
    _, engine = ask(tokenizer, TextRequest("Tom. Mary.", EN_DE, deadline_s=7.5, priority=3))
    assert [(each.deadline_s, each.priority) for each in engine.submitted[0]] == [(7.5, 3)] * 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x" * 101, "the text has 101 characters; the limit is 100"),
        ("Tom. " * 4, "the text has 4 sentences; the limit is 3"),
    ],
)
def test_limits_are_checked_before_the_engine_is_asked(
    tokenizer: Tokenizer, text: str, message: str
) -> None:
    engine = FakeEngine()
    limited = pipeline(tokenizer, engine, max_characters=100, max_sentences=3)
    with pytest.raises(TooLarge, match=message):
        asyncio.run(limited.run(TextRequest(text, EN_DE)))
    assert engine.submitted == []


def test_lines_that_pass_through_are_no_sentences(tokenizer: Tokenizer) -> None:
    limited = pipeline(tokenizer, FakeEngine(), max_sentences=1)
    response = asyncio.run(limited.run(TextRequest("---\nTom.\n---\n!!!", EN_DE)))
    assert response.text == "---\nTom.\n---\n!!!"
