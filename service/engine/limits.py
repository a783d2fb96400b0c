"""What the engine may hold at once."""

from dataclasses import dataclass, fields
from typing import Self

from service.engine.plan import CPU_COSTS, Costs, Load, Space
from service.errors import SettingsError

# 8 ms of a core, which is what a chunk of a full batch of short sentences takes.
_ENCODE_TOKENS = 512

_PLENTY = 1 << 40


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """Bounds of the queue and of what each worker decodes.

    Attributes:
        max_queue_items: Sources that may wait.
        max_queue_tokens: Source tokens that may wait, end marks included.
        max_batch_sources: Sources that a worker decodes at the same time.
        max_batch_tokens: B * S * K of a worker's batches together: source tokens, padding
            included, once per slot of the beam. Bounds memory and the time of a turn. A source
            that exceeds it alone is refused.
        workers: Threads; each decodes batches of its own.
        max_encode_tokens: Source tokens, padding included, that a worker encodes between two
            chunks, while those it decodes have to wait. A longer source is encoded alone.
        costs: What a call takes on the device; says who is advanced together.
    """

    max_queue_items: int
    max_queue_tokens: int
    max_batch_sources: int
    max_batch_tokens: int
    workers: int
    max_encode_tokens: int = _ENCODE_TOKENS
    costs: Costs = CPU_COSTS

    @classmethod
    def refusing_nothing(cls, max_batch_sources: int, workers: int) -> Self:
        """For whoever asks for all there is and waits, such as an evaluation.

        Args:
            max_batch_sources: See the attribute.
            workers: See the attribute.
        """
        return cls(_PLENTY, _PLENTY, max_batch_sources, _PLENTY, workers)

    def __post_init__(self) -> None:
        """Refuse a limit that lets nothing through.

        Raises:
            SettingsError: A limit is below 1.
        """
        for field in fields(self):
            if field.name != "costs" and getattr(self, field.name) < 1:
                raise SettingsError(
                    f"{field.name} is {getattr(self, field.name)}; it has to be at least 1"
                )

    def space_beside(self, load: Load, sources: int) -> Space:
        """What a worker may take in one turn.

        Args:
            load: What it decodes already.
            sources: The most that it should take.
        """
        return Space(
            sources=min(self.max_batch_sources - load.sources, sources),
            cells=self.max_batch_tokens - load.cells,
            encode_tokens=self.max_encode_tokens,
        )
