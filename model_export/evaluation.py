"""The `evaluate` step: score what is served, by the code that serves it.

Test lines go through the service's own pipeline and engine, segmentation and all, on the
bundle's ONNX graphs; what comes out is what an HTTP client would have got.
"""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict
from tqdm import tqdm

from model_export.corpus import Split, read_corpora
from model_export.errors import EvaluationError
from model_export.metrics import Score as Measured
from model_export.metrics import (
    bleu,
    bleu_by_source_length,
    characters_kept,
    chrf,
    deletion_only,
    empty_outputs,
    exact_matches,
    loops,
    lost_numbers,
    multi30k_bleu,
    repetitions,
    rouge,
    source_copies,
    token_f1,
    unsupported_names,
    unsupported_numbers,
)
from service.bundle.loader import Bundle
from service.bundle.manifest import Manifest, Score
from service.cores import usable_cores
from service.domain import Direction, Task
from service.engine import Engine, EngineLimits
from service.errors import ServiceError
from service.pipeline import (
    Outcome,
    Pipeline,
    TextLimits,
    TextRequest,
    TextResponse,
    run_in_windows,
)

logger = logging.getLogger(__name__)


_NAME = "evaluation.json"


class Evaluation(BaseModel):
    """`evaluation.json` of a run: what its model was found to be worth."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    digest: str
    """Of the bundle that was scored."""
    scores: tuple[Score, ...]

    @classmethod
    def read(cls, run: Path) -> Self:
        """The latest evaluation of a run.

        Raises:
            EvaluationError: There is none, or it is damaged.
        """
        path = run / _NAME
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise EvaluationError(f"{path} cannot be read: {error}") from error

    def write(self, run: Path) -> None:
        """Write it in place of an earlier one."""
        (run / _NAME).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def answer_lines(bundle: Bundle, lines: list[str], direction: Direction) -> list[str]:
    """What the service says to each line, every line a request of its own.

    Raises:
        ServiceError: The service would have refused a line, or failed.
    """
    requests = [TextRequest(line, direction) for line in lines]
    return [answer.text for answer in answers_to(bundle, requests)]


def answers_to(bundle: Bundle, requests: Sequence[TextRequest]) -> list[TextResponse]:
    """The service's answer to each request.

    Raises:
        ServiceError: The service would have refused a line, or failed.
    """
    limits = EngineLimits.refusing_nothing(32, workers=usable_cores())
    engine = Engine(bundle.model, limits)
    pipeline = Pipeline(
        bundle.manifest,
        bundle.tokenizer,
        bundle.tokenizer,
        engine,
        TextLimits.refusing_nothing(),
    )
    engine.start()
    try:
        return asyncio.run(_answers(pipeline, requests))
    finally:
        engine.close()


async def _answers(pipeline: Pipeline, requests: Sequence[TextRequest]) -> list[TextResponse]:
    answers: list[TextResponse] = []
    with tqdm(total=len(requests), unit="line", desc="decoding") as bar:

        def take(outcomes: Sequence[Outcome]) -> None:
            for outcome in outcomes:
                if isinstance(outcome, ServiceError):
                    raise outcome
                answers.append(outcome)
            bar.update(len(outcomes))

        await run_in_windows(pipeline, requests, take)
    return answers


def evaluate_bundle(run: Path, bundle: Bundle) -> list[Score]:
    """Score a loaded bundle on a run's test sets; writes outputs and scores to `run`.

    Args:
        run: Prepared run directory; gets `outputs/` and `evaluation.json`.
        bundle: What is scored, with its default search.

    Returns:
        Every score of every test set, in a fixed order.
    """
    scores: list[Score] = []
    directory = run / "outputs"
    directory.mkdir(exist_ok=True)
    for corpus, pairs in read_corpora(run, Split.TEST):
        sources = [pair.source for pair in pairs]
        references = [pair.target for pair in pairs]
        direction = pairs[0].direction
        outputs = answer_lines(bundle, sources, direction)
        (directory / f"{corpus}.{bundle.precision}.txt").write_text(
            "".join(f"{line}\n" for line in outputs), encoding="utf-8"
        )
        measured = _measure(direction, sources, outputs, references)
        for score in measured:
            logger.info("%s: %s", corpus, score)
        if direction.target is not None:
            for bucket in bleu_by_source_length(sources, outputs, references):
                logger.info(
                    "%s: source words %d to %s: %s",
                    corpus,
                    bucket.at_least,
                    bucket.at_most or "more",
                    bucket.bleu,
                )
        scores += [
            Score(
                corpus=corpus,
                metric=score.name,
                value=round(score.value, 2),
                better=score.better,
                signature=score.signature,
                sentences=score.sentences,
                precision=bundle.precision,
                beam_size=bundle.manifest.search.beam_size,
            )
            for score in measured
        ]
    Evaluation(digest=bundle.manifest.digest, scores=tuple(scores)).write(run)
    return scores


def record_scores(manifest: Manifest, scores: list[Score], directory: Path) -> Manifest:
    """Put scores into a bundle's manifest in place of those it had."""
    scored = manifest.model_copy(update={"scores": tuple(scores)})
    scored.write(directory)
    return scored


def _measure(
    direction: Direction, sources: list[str], outputs: list[str], references: list[str]
) -> list[Measured]:
    task = Task.SUMMARIZATION if direction.target is None else Task.TRANSLATION
    faults = [
        empty_outputs(outputs),
        loops(sources, outputs),
        repetitions(task, sources, outputs),
        unsupported_numbers(sources, outputs),
    ]
    if direction.target is None:
        return [
            *rouge(outputs, references),
            token_f1(outputs, references),
            exact_matches(outputs, references),
            deletion_only(sources, outputs),
            characters_kept(sources, outputs),
            unsupported_names(sources, outputs),
            *faults,
        ]
    return [
        bleu(outputs, references),
        chrf(outputs, references),
        multi30k_bleu(outputs, references, direction.target),
        source_copies(sources, outputs, references),
        lost_numbers(sources, outputs),
        *faults,
    ]
