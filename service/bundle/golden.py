"""Golden cases: what PyTorch answered, which every loaded model has to answer again.

They are sources whose answers have a clear margin, so that honest rounding cannot fail them
and a processor that multiplies differently does.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from service.decoding.batch import decode
from service.decoding.contract import DecoderModel
from service.domain import SearchOptions
from service.errors import BundleDamaged, GoldenMismatch

# How far a score may lie from PyTorch's, in natural log per token: rounding of activations
# to int8 moves it by hundredths, a wrong product by whole units.
SCORE_TOLERANCE = 0.15


@dataclass(frozen=True, slots=True)
class GoldenCase:
    """One source and PyTorch's best hypothesis for it.

    Attributes:
        source_ids: The end mark included.
        options: How it was searched.
        token_ids: The answer, without the end mark.
        score: The answer's score.
    """

    source_ids: tuple[int, ...]
    options: SearchOptions
    token_ids: tuple[int, ...]
    score: float


def read_golden(path: Path) -> list[GoldenCase]:
    """Read golden cases, one JSON object a line.

    Raises:
        BundleDamaged: A line is no golden case; the message says which.
    """
    cases = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            values = json.loads(line)
            cases.append(
                GoldenCase(
                    source_ids=tuple(values["source_ids"]),
                    options=SearchOptions(**values["options"]),
                    token_ids=tuple(values["token_ids"]),
                    score=float(values["score"]),
                )
            )
        except (ValueError, TypeError, KeyError) as error:
            raise BundleDamaged(f"{path.name}, line {number}: {error!r}") from error
    return cases


def write_golden(path: Path, cases: Sequence[GoldenCase]) -> None:
    """Write what `read_golden` reads."""
    lines = [json.dumps(asdict(case), separators=(",", ":")) + "\n" for case in cases]
    path.write_text("".join(lines), encoding="utf-8")


def check_golden(model: DecoderModel, cases: Sequence[GoldenCase]) -> None:
    """Answer the golden cases again.

    Raises:
        GoldenMismatch: An answer differs; the message says how the first one does.
    """
    if not cases:
        raise GoldenMismatch("the bundle has no golden cases")
    for options in {case.options: None for case in cases}:
        alike = [case for case in cases if case.options == options]
        answers = decode(model, [case.source_ids for case in alike], options)
        for case, hypotheses in zip(alike, answers, strict=True):
            number = cases.index(case) + 1
            if not hypotheses:  # log-probabilities that are no numbers end in none
                raise GoldenMismatch(f"golden case {number}: the search found no answer")
            best = hypotheses[0]
            if best.token_ids != case.token_ids:
                raise GoldenMismatch(
                    f"golden case {number}: token ids are {list(best.token_ids)}; "
                    f"PyTorch gave {list(case.token_ids)}"
                )
            if abs(best.score - case.score) > SCORE_TOLERANCE:
                raise GoldenMismatch(
                    f"golden case {number}: the score is {best.score:.4f}; PyTorch gave "
                    f"{case.score:.4f} and the tolerance is {SCORE_TOLERANCE}"
                )
