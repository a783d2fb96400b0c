"""The `calibrate` step: what a model's confidence comes to, on dev data.

Dev lines are answered by the code that serves them. On every second line the calibration is
fitted; on the others it is judged, and the reliability plot shows those.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from model_export.corpus import Line, Split, read_split
from model_export.evaluation import answers_to
from model_export.fitting import (
    Group,
    calibration_error,
    fit,
    rank_correlation,
    reliability,
)
from model_export.metrics import sentence_chrf, sentence_rouge_l
from model_export.reliability import Panel, reliability_plot
from service.bundle.loader import Bundle
from service.bundle.manifest import Confidence, HeldOut, Knot, Manifest
from service.domain import Direction
from service.pipeline import TextRequest
from service.trust.confidence import Signs

logger = logging.getLogger(__name__)

# Dev lines of a direction that are answered, and the fewest that say anything.
MOST_LINES = 4000
LEAST_LINES = 200

PLOT_NAME = "reliability.svg"


@dataclass(frozen=True, slots=True)
class _Judged:
    """An answer that was compared with its reference."""

    signs: Signs
    quality: float


def calibrate_bundle(
    run: Path, bundle: Bundle, *, least_lines: int = LEAST_LINES
) -> tuple[Confidence, ...]:
    """Fit the confidence of every direction that the run has dev lines for.

    Args:
        run: Prepared run directory; gets `reliability.svg`.
        bundle: What answers, with its default search.
        least_lines: Of one sentence each, that a direction has to have.

    Returns:
        By direction, in the manifest's order; directions with too few lines are left out.
    """
    found: list[Confidence] = []
    panels: list[Panel] = []
    for direction in bundle.manifest.prefixes:
        lines = _dev_lines(run, direction)
        judged = _judged(bundle, lines, direction)
        if len(judged) < least_lines:
            logger.warning(
                "%s: %d dev lines of one sentence; calibration needs %d",
                direction,
                len(judged),
                least_lines,
            )
            continue
        confidence, groups = _calibrated(judged, direction, bundle)
        logger.info(
            "%s: expected %s within %.3f on %d held-out sentences, rank correlation %.2f",
            direction,
            confidence.quality,
            confidence.held_out.calibration_error,
            confidence.held_out.sentences,
            confidence.held_out.rank_correlation,
        )
        found.append(confidence)
        panels.append(Panel(str(direction), f"sentence {confidence.quality}", groups))
    if panels:
        (run / PLOT_NAME).write_text(reliability_plot(panels), encoding="utf-8")
    return tuple(found)


def record_confidence(
    manifest: Manifest, confidence: tuple[Confidence, ...], directory: Path
) -> Manifest:
    """Put calibrations into a bundle's manifest in place of those it had."""
    calibrated = manifest.model_copy(update={"confidence": confidence})
    calibrated.write(directory)
    return calibrated


def _dev_lines(run: Path, direction: Direction) -> list[Line]:
    lines = (line for line in read_split(run, Split.DEV) if line.direction == direction)
    return list(islice(lines, MOST_LINES))


def _judged(bundle: Bundle, lines: Sequence[Line], direction: Direction) -> list[_Judged]:
    """Answers to lines of one sentence: what is known of it can be laid beside the reference."""
    requests = [TextRequest(line.source, direction, want_confidence=True) for line in lines]
    answers = answers_to(bundle, requests) if requests else []
    outputs: list[str] = []
    references: list[str] = []
    signs: list[Signs] = []
    for line, answer in zip(lines, answers, strict=True):
        if len(answer.sentences) == 1 and (seen := answer.sentences[0].signs) is not None:
            outputs.append(answer.text)
            references.append(line.target)
            signs.append(seen)
    if not signs:
        return []
    measure = sentence_rouge_l if direction.target is None else sentence_chrf
    return [
        _Judged(seen, percent / 100)
        for seen, percent in zip(signs, measure(outputs, references), strict=True)
    ]


def _calibrated(
    judged: Sequence[_Judged], direction: Direction, bundle: Bundle
) -> tuple[Confidence, list[Group]]:
    fitted, held_out = judged[::2], judged[1::2]
    calibration = fit([each.signs for each in fitted], [each.quality for each in fitted])
    confidences = [calibration.confidence(each.signs) for each in held_out]
    qualities = [each.quality for each in held_out]
    groups = reliability(confidences, qualities)
    return Confidence(
        source=direction.source,
        target=direction.target,
        quality="ROUGE-L" if direction.target is None else "chrF",
        typical_token=calibration.typical_token,
        mean_token=calibration.mean_token,
        worst_token=calibration.worst_token,
        problems=calibration.problems,
        curve=tuple(Knot(*knot) for knot in calibration.curve),
        precision=bundle.precision,
        sentences=len(fitted),
        held_out=HeldOut(
            sentences=len(held_out),
            calibration_error=calibration_error(groups),
            rank_correlation=rank_correlation(confidences, qualities),
        ),
    ), groups
