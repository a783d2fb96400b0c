"""A text that is read while it is made: never taken back, and whole in the end."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine import Engine
from service.errors import DecodingFailed, Overloaded, TooLarge
from service.pipeline import Pipeline, SearchOverrides, TextLimits, TextRequest
from service.pipeline.following import Progress
from service.text.tokenizer import Tokenizer
from tests.engine.scenes import WIDE, WatchedModel, run
from tests.fakes import TableModel, echo_table, random_table
from tests.pipeline.scenes import ANY_TEXT, EN_DE, Manifest

PATIENCE_S = 20
LIMITS = TextLimits(max_characters=10_000, max_sentences=500)


def pipeline_of(engine: Engine, tokenizer: Tokenizer) -> Pipeline:
    return Pipeline(Manifest(), tokenizer, tokenizer, engine, LIMITS)


async def read(
    pipeline: Pipeline, engine: Engine, request: TextRequest, *, steps: Callable[[], int]
) -> tuple[list[Progress], str]:
    """Take what there is after so many turns of the engine, until all is over."""
    following = await pipeline.follow(request)
    given = []
    is_over = False
    while not is_over:
        for _ in range(steps()):
            engine.workers[0].step()
        await asyncio.sleep(0)  # what the worker said arrives
        is_over = following.is_over
        given.append(following.take())
    answer = await following.answer()
    following.close()
    return given, answer.text


@settings(max_examples=30)
@given(
    text=ANY_TEXT,
    options=st.builds(
        SearchOverrides,
        beam_size=st.just(4),
        num_hypotheses=st.integers(1, 4),
        max_decoding_length=st.integers(1, 6),
    ),
    seed=st.integers(0, 1000),
    pauses=st.lists(st.integers(1, 6), min_size=1),
)
def test_deltas_are_the_answer_piece_by_piece(
    tokenizer: Tokenizer, text: str, options: SearchOverrides, seed: int, pauses: list[int]
) -> None:
    model = TableModel(random_table(tokenizer.vocabulary_size, seed), steps=2)
    engine = Engine(model, replace(WIDE, max_batch_sources=2))
    request = TextRequest(text, EN_DE, options)
    turns = iter(pauses * 1000)
    pipeline = pipeline_of(engine, tokenizer)
    given, whole = asyncio.run(read(pipeline, engine, request, steps=lambda: next(turns)))

    assert "".join(progress.delta for progress in given) == whole
    settled = [progress.settled for progress in given]
    assert settled == sorted(settled)
    assert {progress.total for progress in given} == {settled[-1]}


def test_a_sentence_is_read_before_it_is_finished(tokenizer: Tokenizer) -> None:
    engine = Engine(TableModel(echo_table(tokenizer.vocabulary_size), steps=2), WIDE)
    request = TextRequest(
        "the teacher bought keys, too.\n- Tom", EN_DE, SearchOverrides(beam_size=1)
    )
    given, whole = asyncio.run(
        read(pipeline_of(engine, tokenizer), engine, request, steps=lambda: 1)
    )
    assert whole == request.text
    assert given[0].settled == 0
    assert given[0].delta
    assert whole.startswith(given[0].delta)


def test_later_sentences_wait_for_their_turn(tokenizer: Tokenizer) -> None:
    # The second is finished long before the first, and is given in the turn of the first.
    engine = Engine(TableModel(echo_table(tokenizer.vocabulary_size), steps=1), WIDE)
    request = TextRequest(
        "the teacher is looking for a house.\nTom", EN_DE, SearchOverrides(beam_size=1)
    )
    given, _ = asyncio.run(read(pipeline_of(engine, tokenizer), engine, request, steps=lambda: 1))
    assert [progress.settled for progress in given[-2:]] == [0, 2]
    assert given[-1].delta.endswith("\nTom")


class TestFailures:
    def test_one_sentence_takes_the_others_back(self, tokenizer: Tokenizer) -> None:
        model = WatchedModel(echo_table(tokenizer.vocabulary_size))
        bad = tokenizer.encode("Mary")
        model.cannot_encode = lambda source: list(source[:-1]) == bad
        engine = Engine(model, WIDE)

        async def scene() -> None:
            following = await pipeline_of(engine, tokenizer).follow(
                TextRequest("Tom\nMary\nTom", EN_DE)
            )
            run(engine)
            assert await following.changed(PATIENCE_S)
            assert following.is_over
            with pytest.raises(DecodingFailed):
                await following.answer()

        asyncio.run(scene())

    def test_a_refusal_comes_before_anything_else(self, tokenizer: Tokenizer) -> None:
        engine = Engine(TableModel(), replace(WIDE, max_queue_items=2))
        pipeline = pipeline_of(engine, tokenizer)

        async def scene() -> None:
            first = await pipeline.follow(TextRequest("Tom\nMary", EN_DE))
            with pytest.raises(Overloaded):
                await pipeline.follow(TextRequest("Tom", EN_DE))
            with pytest.raises(TooLarge):
                await pipeline.follow(TextRequest("a" * 10_001, EN_DE))
            first.close()

        asyncio.run(scene())

    def test_to_close_frees_places_and_rows(self, tokenizer: Tokenizer) -> None:
        engine = Engine(
            TableModel(echo_table(tokenizer.vocabulary_size), steps=1),
            replace(WIDE, max_batch_sources=2),
        )

        async def scene() -> None:
            following = await pipeline_of(engine, tokenizer).follow(
                TextRequest("Tom sees.\n" * 5, EN_DE)
            )
            engine.workers[0].step()
            assert (engine.workers[0].load.sources, engine.queue_depth) == (2, 3)
            following.close()
            engine.workers[0].step()
            assert (engine.workers[0].load.sources, engine.queue_depth) == (0, 0)

        asyncio.run(scene())


def test_when_nothing_happens_it_says_so(tokenizer: Tokenizer) -> None:
    engine = Engine(TableModel(), WIDE)

    async def scene() -> None:
        following = await pipeline_of(engine, tokenizer).follow(TextRequest("Tom", EN_DE))
        assert not await following.changed(0)
        following.close()

    asyncio.run(scene())
