"""Which hypothesis is given: through the pipeline, with an engine that found what it is told."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain import DecodedHypothesis, DecodedSource, DecodeRequest, FinishReason, Task
from service.errors import DecodingFailed, ServiceError
from service.pipeline import SearchOverrides, TextRequest, TextResponse
from service.text.tokenizer import Tokenizer
from service.trust.guard import Problem, problems
from tests.pipeline.scenes import EN_DE, FakeEngine, Limits, Manifest, pipeline

SOURCE = "the dog sees a house."
CLEAN = ("der Hund sieht das Haus.", "er sieht ein Haus.", "sie sieht das Haus.")
COPY = SOURCE
NUMBERED = "der Hund sieht 12 Katzen."
LOOPING = "der Hund, der Hund, der Hund, der Hund!"


def found(tokenizer: Tokenizer, texts: Sequence[str], asked: int) -> DecodedSource:
    """A search that found these texts, best first."""
    hypotheses = tuple(
        DecodedHypothesis(
            token_ids=tuple(ids := tokenizer.encode(text)),
            log_prob=-1.0 - rank,
            score=-0.5 - rank,
            token_log_probs=np.zeros(len(ids), dtype=np.float32),
            attention=None,
            finish_reason=FinishReason.END,
        )
        for rank, text in enumerate(texts)
    )
    return DecodedSource(hypotheses[:asked], 5, 0.0, 0.0, 0.0, others=lambda: hypotheses[asked:])


def answer(tokenizer: Tokenizer, texts: Sequence[str], asked: int = 1) -> TextResponse:
    def decode(request: DecodeRequest) -> DecodedSource:
        return found(tokenizer, texts, asked)

    request = TextRequest(SOURCE, EN_DE, SearchOverrides(num_hypotheses=asked))
    return asyncio.run(pipeline(tokenizer, FakeEngine(decode)).run(request))


def test_a_clean_best_one_stays(tokenizer: Tokenizer) -> None:
    def rebuilt() -> tuple[DecodedHypothesis, ...]:
        raise AssertionError("nobody needs the others")

    def decode(request: DecodeRequest) -> DecodedSource:
        return replace(found(tokenizer, CLEAN, 1), others=rebuilt)

    response = asyncio.run(pipeline(tokenizer, FakeEngine(decode)).run(TextRequest(SOURCE, EN_DE)))
    [sentence] = response.sentences
    assert response.text == CLEAN[0]
    assert (sentence.problems, sentence.avoided) == ((), ())


def test_the_first_clean_one_is_given_and_it_is_said_why(tokenizer: Tokenizer) -> None:
    response = answer(tokenizer, [COPY, NUMBERED, *CLEAN])
    [sentence] = response.sentences
    assert response.text == CLEAN[0]
    assert response.alternatives == ()
    assert sentence.problems == ()
    assert sentence.avoided == (Problem.SOURCE_COPY,)


def test_without_a_clean_one_the_fewest_problems_win_and_are_said(tokenizer: Tokenizer) -> None:
    response = answer(tokenizer, [LOOPING, COPY, NUMBERED])
    [sentence] = response.sentences
    assert response.text == COPY
    assert sentence.problems == (Problem.SOURCE_COPY,)
    assert sentence.avoided == (Problem.LOOP, Problem.REPETITION)


def test_as_many_problems_are_no_reason_to_leave_the_best(tokenizer: Tokenizer) -> None:
    response = answer(tokenizer, [COPY, NUMBERED])
    [sentence] = response.sentences
    assert response.text == COPY
    assert (sentence.problems, sentence.avoided) == ((Problem.SOURCE_COPY,), ())


def test_alternatives_follow_by_score(tokenizer: Tokenizer) -> None:
    response = answer(tokenizer, [COPY, NUMBERED, *CLEAN], asked=3)
    assert (response.text, *response.alternatives) == (CLEAN[0], COPY, CLEAN[1])
    [sentence] = response.sentences
    assert [each.text for each in sentence.hypotheses] == [CLEAN[0], COPY, CLEAN[1]]


@given(
    texts=st.lists(
        st.sampled_from([*CLEAN, COPY, NUMBERED, LOOPING]), min_size=1, max_size=4, unique=True
    ),
    data=st.data(),
)
def test_the_answer_is_the_best_of_the_least_bad(
    tokenizer: Tokenizer, texts: list[str], data: st.DataObject
) -> None:
    asked = data.draw(st.integers(1, len(texts)))
    counts = [len(problems(Task.TRANSLATION, SOURCE, text)) for text in texts]
    first = texts[counts.index(min(counts))]
    rest = [text for text in texts if text not in {first, NUMBERED}]
    response = answer(tokenizer, texts, asked)
    assert [response.text, *response.alternatives] == [first, *rest][:asked]


class TestWiderSearch:
    """What is asked when no hypothesis of the first search is clean."""

    WIDE = Manifest(limits=Limits(max_beam_size=16))

    def ask(
        self,
        tokenizer: Tokenizer,
        first: Sequence[str],
        second: Sequence[str] | ServiceError,
        beam_size: int | None = None,
        manifest: Manifest = WIDE,
    ) -> tuple[TextResponse | ServiceError, list[int]]:
        """The outcome, and the beams that were asked for."""

        def decode(request: DecodeRequest) -> DecodedSource | ServiceError:
            if request.options.beam_size <= 4:
                return found(tokenizer, first, 1)
            return second if isinstance(second, ServiceError) else found(tokenizer, second, 1)

        options = SearchOverrides(beam_size=beam_size)
        # There is room for one text; what is searched again needs none.
        engine = FakeEngine(decode, room=1)
        asked = pipeline(tokenizer, engine, manifest)
        [outcome] = asyncio.run(asked.run_many([TextRequest(SOURCE, EN_DE, options)]))
        return outcome, [each.options.beam_size for batch in engine.submitted for each in batch]

    def test_is_asked_when_nothing_was_clean_and_takes_its_place(
        self, tokenizer: Tokenizer
    ) -> None:
        outcome, beams = self.ask(tokenizer, [COPY, NUMBERED], [COPY, *CLEAN])
        assert isinstance(outcome, TextResponse)
        assert (outcome.text, beams) == (CLEAN[0], [4, 16])
        [sentence] = outcome.sentences
        assert (sentence.problems, sentence.avoided) == ((), (Problem.SOURCE_COPY,))
        assert sentence.decode_steps == 10, "of both"

    def test_is_not_asked_when_something_was_clean(self, tokenizer: Tokenizer) -> None:
        outcome, beams = self.ask(tokenizer, [COPY, CLEAN[1]], [CLEAN[0]])
        assert isinstance(outcome, TextResponse)
        assert (outcome.text, beams) == (CLEAN[1], [4])

    def test_finding_nothing_better_changes_nothing(self, tokenizer: Tokenizer) -> None:
        outcome, beams = self.ask(tokenizer, [COPY], [NUMBERED, LOOPING])
        assert isinstance(outcome, TextResponse)
        assert (outcome.text, beams) == (COPY, [4, 16])
        assert outcome.sentences[0].avoided == ()

    def test_a_beam_that_was_named_stands(self, tokenizer: Tokenizer) -> None:
        _, beams = self.ask(tokenizer, [COPY], CLEAN, beam_size=2)
        assert beams == [2]

    def test_the_model_sets_the_limit(self, tokenizer: Tokenizer) -> None:
        narrow = Manifest(limits=Limits(max_beam_size=6))
        assert self.ask(tokenizer, [COPY], CLEAN, manifest=narrow)[1] == [4, 6]

    def test_its_failure_is_the_outcome(self, tokenizer: Tokenizer) -> None:
        outcome, _ = self.ask(tokenizer, [COPY], DecodingFailed("no"))
        assert isinstance(outcome, DecodingFailed)

    @pytest.mark.parametrize(
        "second", [CLEAN, [COPY, *CLEAN], [NUMBERED], DecodingFailed("no")], ids=str
    )
    def test_a_text_that_is_followed_has_the_answer_of_one_that_is_not(
        self, tokenizer: Tokenizer, second: Sequence[str] | ServiceError
    ) -> None:
        """What was given of it before is what the first search found."""

        def decode(request: DecodeRequest) -> DecodedSource | ServiceError:
            if request.options.beam_size > 4 and isinstance(second, ServiceError):
                return second
            if request.options.beam_size <= 4 or isinstance(second, ServiceError):
                return found(tokenizer, [COPY, NUMBERED], 1)
            return found(tokenizer, second, 1)

        request = TextRequest(f"- {SOURCE}\n", EN_DE)
        asked = pipeline(tokenizer, FakeEngine(decode), self.WIDE)

        async def followed() -> tuple[str, TextResponse | ServiceError]:
            following = await asked.follow(request)
            while not following.is_over:
                await following.changed(60)
            delta = following.take().delta
            try:
                return delta, await following.answer()
            except ServiceError as error:
                return delta, error

        [usual] = asyncio.run(asked.run_many([request]))
        assert asyncio.run(followed()) == (f"- {COPY}\n", usual)

    def test_who_does_not_wait_for_it_takes_it_back(self, tokenizer: Tokenizer) -> None:
        def decode(request: DecodeRequest) -> DecodedSource | None:
            return found(tokenizer, [COPY], 1) if request.options.beam_size <= 4 else None

        engine = FakeEngine(decode)

        async def scene() -> None:
            following = await pipeline(tokenizer, engine, self.WIDE).follow(
                TextRequest(SOURCE, EN_DE)
            )
            while not following.is_over:
                await following.changed(60)
            answer = asyncio.create_task(following.answer())
            await asyncio.sleep(0)
            answer.cancel()
            await asyncio.wait([answer])

        asyncio.run(scene())
        first, second = engine.futures
        assert first.done()
        assert second.cancelled()

    def test_texts_beside_it_have_their_own_answers(self, tokenizer: Tokenizer) -> None:
        def decode(request: DecodeRequest) -> DecodedSource:
            if tuple(tokenizer.encode("Tom.")) == request.source_ids[:-1]:
                return found(tokenizer, ["Tom."], 1)
            if request.options.beam_size > 4:
                return found(tokenizer, CLEAN[1:], 1)
            return found(tokenizer, [COPY], 1)

        asked = pipeline(tokenizer, FakeEngine(decode), self.WIDE)
        requests = [TextRequest(text, EN_DE) for text in ("Tom.", f"Tom. {SOURCE}\nTom.", "---")]
        outcomes = asyncio.run(asked.run_many(requests))
        texts = [each.text for each in outcomes if isinstance(each, TextResponse)]
        assert texts == ["Tom.", f"Tom. {CLEAN[1]}\nTom.", "---"]
