"""What each step of the rescue brings: `python -m benchmarks.rescue BUNDLE RUN`.

Dev lines of a prepared run are answered four times, by the service's pipeline with one more of
the steps that docs/trust.md names each time: the best-scored hypothesis; the best one of the same
search; of a second search, too; of one in which lost numbers are copied (not in summaries). What
the guard still sees in the answers is counted by lines.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import partial
from pathlib import Path

from benchmarks.answering import Asking, answers_of, pipeline_of, running
from benchmarks.report import Report, Row
from model_export.corpus import Line, Split, read_split
from model_export.metrics import bleu, chrf, rouge
from service.bundle.loader import Provider, load_bundle
from service.domain import DecodedSource, DecodeRequest, Direction
from service.errors import TooLarge
from service.pipeline import Submitter, TextRequest, TextResponse

_LINES = 2000


class Step(IntEnum):
    """How far the rescue goes."""

    BEST_SCORED = 1
    SAME_SEARCH = 2
    SECOND_SEARCH = 3
    NUMBERS_COPIED = 4

    def __str__(self) -> str:
        return f"{self.value}. {self.name.replace('_', ' ').lower().replace('best s', 'best-s')}"


@dataclass(frozen=True, slots=True)
class Reined:
    """An engine that a pipeline gets no more from than a step of the rescue has.

    Attributes:
        engine: Which has everything.
        step: The last that is made.
        beam_size: Of first searches. A second one is wider, one for numbers is not.
    """

    engine: Submitter
    step: Step
    beam_size: int

    def submit_many(
        self, requests: Sequence[DecodeRequest], *, again: bool = False
    ) -> list[Future[DecodedSource]]:
        """As of an engine.

        Raises:
            TooLarge: It is of a later step; a sentence without another search keeps its answer.
        """
        if again and self.step < max(map(self._step_of, requests)):
            raise TooLarge(f"of the rescue there is no more than {self.step}")
        futures = self.engine.submit_many(requests, again=again)
        return [_best_of(each) for each in futures] if self.step is Step.BEST_SCORED else futures

    def _step_of(self, again: DecodeRequest) -> Step:
        is_wider = again.options.beam_size > self.beam_size
        return Step.SECOND_SEARCH if is_wider else Step.NUMBERS_COPIED


def _best_of(whole: Future[DecodedSource]) -> Future[DecodedSource]:
    """The same answer, as if nothing else had been found."""
    best: Future[DecodedSource] = Future()
    whole.add_done_callback(partial(_give_best, best))
    return best


def _give_best(best: Future[DecodedSource], whole: Future[DecodedSource]) -> None:
    error = whole.exception()
    if error is not None:
        best.set_exception(error)
    else:
        best.set_result(replace(whole.result(), others=tuple))


def main() -> int:
    """Measure every direction of a bundle, print the table, write the file."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.rescue",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("run", type=Path, help="prepared run directory")
    parser.add_argument("--lines", type=int, default=_LINES, help="of each direction, at most")
    arguments = parser.parse_args()
    bundle = load_bundle(arguments.bundle, Provider.CPU, threads=1)
    beam_size = bundle.manifest.search.beam_size
    dev = list(read_split(arguments.run, Split.DEV))
    rows: list[Row] = []
    with running(bundle) as engine:
        for direction in bundle.manifest.prefixes:
            lines = [line for line in dev if line.direction == direction][: arguments.lines]
            for step in steps_of(direction):
                pipeline = pipeline_of(bundle, Reined(engine, step, beam_size))
                rows.append(asyncio.run(measured(pipeline, step, lines)))
    Report(
        f"rescue-{bundle.manifest.name}",
        "Lines in whose answers the guard sees a problem, by the steps of the rescue",
        {
            "bundle": bundle.manifest.name,
            "digest": bundle.manifest.digest[:12],
            "precision": bundle.precision.value,
            "beam": beam_size,
        },
        rows,
        ["CPU s: of all threads; compare them within a direction"],
    ).publish()
    return 0


def steps_of(direction: Direction) -> list[Step]:
    """Summaries may leave numbers out, so none is copied."""
    return list(Step)[: -1 if direction.target is None else None]


async def measured(pipeline: Asking, step: Step, lines: Sequence[Line]) -> Row:
    """One row: what is wrong with the answers, what they are worth and what they cost.

    Args:
        pipeline: As `step` has it.
        step: By whose name the row goes.
        lines: Of one direction, at least one.
    """
    direction = lines[0].direction
    begin_s = time.process_time()
    answers = await answers_of(pipeline, [TextRequest(line.source, direction) for line in lines])
    taken_s = time.process_time() - begin_s
    kinds = Counter(kind for answer in answers for kind in problems_of(answer))
    return {
        "direction": str(direction),
        "step": str(step),
        "lines": len(lines),
        "with a problem": sum(bool(problems_of(answer)) for answer in answers),
        **{kind.replace("_", " "): count for kind, count in sorted(kinds.items())},
        **_scores(direction, [answer.text for answer in answers], [line.target for line in lines]),
        "CPU s": taken_s,
    }


def problems_of(answer: TextResponse) -> set[str]:
    """The kinds of problems that are left in an answer."""
    return {problem.value for sentence in answer.sentences for problem in sentence.problems}


def _scores(direction: Direction, outputs: list[str], references: list[str]) -> dict[str, float]:
    if direction.target is None:
        scores = list(rouge(outputs, references))
    else:
        scores = [bleu(outputs, references), chrf(outputs, references)]
    return {score.name: score.value for score in scores}


if __name__ == "__main__":
    sys.exit(main())
