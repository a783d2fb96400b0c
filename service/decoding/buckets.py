"""The few shapes that batches have on a device.

Every new shape costs a device a plan of its own, and a captured graph has one shape for good:
batches are rounded up to few shapes, and what is not needed of one computes for nobody.
"""

from dataclasses import dataclass
from typing import Self

from service.decoding.contract import BatchState, padded_width

# Four times as many seats as are taken is the most that a batch can have; what a step costs on
# a device depends little on its rows.
_SOURCES_FACTOR = 4
_SMALLEST_WIDTH = 32


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """A shape.

    Attributes:
        sources: B.
        width: S.
        slots: K.
    """

    sources: int
    width: int
    slots: int

    @classmethod
    def of(cls, sources: int, width: int, slots: int) -> Self:
        """The smallest bucket that holds so much.

        Worked case: 5 sources of 33 tokens with 3 slots -> 16 x 64 x 4.
        """
        return cls(
            _power(sources, _SOURCES_FACTOR),
            max(_SMALLEST_WIDTH, _power(width, 2)),
            # Greedy search is common and four slots are the usual beam.
            1 if slots == 1 else max(4, _power(slots, 2)),
        )

    @classmethod
    def of_state(cls, state: BatchState) -> Self:
        """The smallest bucket that holds a state."""
        return cls.of(state.sources, padded_width(state.source_lengths), state.slots)

    @property
    def cells(self) -> int:
        """What a step computes, more or less."""
        return self.sources * self.width * self.slots

    def holds(self, other: "Bucket") -> bool:
        """Whether a batch of shape `other` fits."""
        return (
            self.sources >= other.sources
            and self.width >= other.width
            and self.slots >= other.slots
        )

    @property
    def axes(self) -> dict[str, int]:
        """Sizes by the names that graphs give their axes."""
        return {"B": self.sources, "S": self.width, "K": self.slots}

    def __str__(self) -> str:
        return f"{self.sources}x{self.width}x{self.slots}"


def read_buckets(text: str) -> tuple[Bucket, ...]:
    """Shapes as settings name them: `16x64x4,64x64x4`, or `none`.

    Raises:
        ValueError: One cannot be read; the message says which.
    """
    if text.strip() == "none":
        return ()
    found = []
    for shape in text.split(","):
        sizes = shape.strip().split("x")
        if len(sizes) != 3 or not all(size.isdecimal() and int(size) > 0 for size in sizes):
            raise ValueError(
                f"{shape.strip()!r} is no shape; it is sentences x source tokens x beam, "
                "such as 16x64x4"
            )
        found.append(Bucket(*map(int, sizes)))
    return tuple(found)


def _power(number: int, base: int) -> int:
    """The smallest power of `base` that is at least `number`."""
    power = 1
    while power < number:
        power *= base
    return power
