"""What the figures of `benchmarks.rescue` count, and that its steps are the service's own."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.rescue import Reined, Step, measured, steps_of
from model_export.corpus import Line
from service.domain import (
    DecodedHypothesis,
    DecodedSource,
    DecodeRequest,
    Direction,
    FinishReason,
    SearchOptions,
)
from service.errors import ServiceError, TooLarge
from service.pipeline import TextRequest, TextResponse
from service.trust.guard import Problem
from tests.api.fakes import shout

EN_DE = Direction("en", "de")
FIRST = DecodeRequest((4, 3), SearchOptions(4, 1, 1.0, 0, 8))
WIDER = replace(FIRST, options=replace(FIRST.options, beam_size=16))
NUMBERS = replace(FIRST, source_ids=(5, 3))


def hypothesis(token: int) -> DecodedHypothesis:
    log_probs = np.zeros(1, np.float32)
    return DecodedHypothesis((token,), -1.0, -0.5, log_probs, None, FinishReason.END)


class Engine:
    """Finds one hypothesis for whoever asks, and knows of another."""

    def submit_many(
        self, requests: Sequence[DecodeRequest], *, again: bool = False
    ) -> list[Future[DecodedSource]]:
        found: list[Future[DecodedSource]] = []
        for _ in requests:
            found.append(Future())
            found[-1].set_result(
                DecodedSource((hypothesis(4),), 1, 0, 0, 0, lambda: (hypothesis(5),))
            )
        return found


@pytest.mark.parametrize(
    ("step", "others", "refused"),
    [
        (Step.BEST_SCORED, 0, [WIDER, NUMBERS]),
        (Step.SAME_SEARCH, 1, [WIDER, NUMBERS]),
        (Step.SECOND_SEARCH, 1, [NUMBERS]),
        (Step.NUMBERS_COPIED, 1, []),
    ],
)
def test_a_step_has_what_those_before_it_have_and_more(
    step: Step, others: int, refused: list[DecodeRequest]
) -> None:
    engine = Reined(Engine(), step, beam_size=4)
    [first] = engine.submit_many([FIRST])
    assert first.result().hypotheses == (hypothesis(4),)
    assert len(first.result().others()) == others
    for again in (WIDER, NUMBERS):
        if again in refused:
            with pytest.raises(TooLarge):
                engine.submit_many([again], again=True)
        else:
            assert len(engine.submit_many([again], again=True)) == 1


def test_a_failure_is_one_in_every_step() -> None:
    class Broken(Engine):
        def submit_many(
            self, requests: Sequence[DecodeRequest], *, again: bool = False
        ) -> list[Future[DecodedSource]]:
            failed: Future[DecodedSource] = Future()
            failed.set_exception(ServiceError("broken"))
            return [failed]

    for step in Step:
        [first] = Reined(Broken(), step, beam_size=4).submit_many([FIRST])
        assert isinstance(first.exception(), ServiceError)


def test_lines_are_counted_once_for_each_kind_of_problem() -> None:
    class Asked:
        async def run_many(
            self, requests: Sequence[TextRequest]
        ) -> list[TextResponse | ServiceError]:
            return [self._answer(request) for request in requests]

        def _answer(self, request: TextRequest) -> TextResponse:
            answer = shout(request)
            [sentence] = answer.sentences
            seen = {
                "a b c d": (Problem.LOOP, Problem.LOST_NUMBER),
                "e f g h": (Problem.LOST_NUMBER,),
            }
            sentence = replace(sentence, problems=seen.get(request.text, ()))
            return replace(answer, sentences=(sentence, sentence))

    lines = [Line(text, text.upper(), EN_DE) for text in ("a b c d", "e f g h", "i j k l")]
    row = asyncio.run(measured(Asked(), Step.SAME_SEARCH, lines))
    assert row["step"] == "2. same search"
    assert (row["lines"], row["with a problem"], row["loop"], row["lost number"]) == (3, 2, 1, 2)
    assert row["BLEU"] == pytest.approx(100)


def test_a_summary_copies_no_numbers() -> None:
    assert steps_of(EN_DE) == list(Step)
    assert Step.NUMBERS_COPIED not in steps_of(Direction("en", None))
