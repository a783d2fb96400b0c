"""The one result type of the metrics, and the checks all of them share."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Better(StrEnum):
    """Which way a score improves."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"  # describes the output; a reference's own value is the target


@dataclass(frozen=True, slots=True)
class Score:
    """A measured value and what it means.

    Attributes:
        name: Short name, as printed: "BLEU", "ROUGE-L".
        value: The score; 0 to 100 unless the signature says otherwise.
        signature: What was computed, precisely enough to compute it again elsewhere.
        better: Which way is better.
        sentences: Outputs the value was computed over.
    """

    name: str
    value: float
    signature: str
    better: Better
    sentences: int

    def __str__(self) -> str:
        return f"{self.name} {self.value:.2f} ({self.signature}, {self.sentences} sentences)"


def check_aligned(**sides: Sequence[str]) -> int:
    """The common length of `sides`.

    Raises:
        ValueError: The lengths differ, or there is nothing to score; the message names each
            side with its count.
    """
    counts = {name: len(side) for name, side in sides.items()}
    if len(set(counts.values())) != 1:
        described = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise ValueError(f"sides are not aligned: {described}")
    count = next(iter(counts.values()))
    if count == 0:
        raise ValueError(f"nothing to score: no {' and no '.join(counts)}")
    return count


def share(part: int, whole: int) -> float:
    """`part` in percent of `whole`; 0 of nothing is 0."""
    return 100.0 * part / whole if whole else 0.0
