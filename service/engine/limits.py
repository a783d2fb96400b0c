"""What the engine may hold at once."""

from dataclasses import dataclass, fields

from service.errors import SettingsError


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """Bounds of the queue and of each worker's running batch.

    Attributes:
        max_queue_items: Sources that may wait.
        max_queue_tokens: Source tokens that may wait, end marks included.
        max_batch_sources: Sources that a worker decodes together.
        max_batch_tokens: B * S * K of a running batch: source tokens, padding included, once
            per slot of the beam. Bounds memory and the time of one `advance`. A source that
            exceeds it alone is refused.
        workers: Threads; each decodes a batch of its own.
    """

    max_queue_items: int
    max_queue_tokens: int
    max_batch_sources: int
    max_batch_tokens: int
    workers: int

    def __post_init__(self) -> None:
        """Refuse a limit that lets nothing through.

        Raises:
            SettingsError: A limit is below 1.
        """
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise SettingsError(
                    f"{field.name} is {getattr(self, field.name)}; it has to be at least 1"
                )
