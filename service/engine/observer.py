"""What the engine tells whoever measures it, as plain values."""

from typing import Protocol

from service.domain import FinishReason


class EngineObserver(Protocol):
    """Told what happens, from worker threads and from the threads that submit or cancel.

    Methods are called inside the engine's loop, `queue_changed` even with its queue locked:
    they return at once, raise nothing and never call the engine back.
    """

    def queue_changed(self, *, items: int, tokens: int) -> None:
        """What waits now: sources, and their tokens."""

    def encoded(
        self, *, sources: int, source_tokens: int, padded_tokens: int, seconds: float
    ) -> None:
        """One call of `encode`. Padding ratio = 1 - source_tokens / padded_tokens."""

    def advanced(
        self,
        *,
        sources: int,
        rows: int,
        steps: int,
        source_tokens: int,
        padded_tokens: int,
        seconds: float,
        captured: bool | None = None,
    ) -> None:
        """One call of `advance`: B sources, B * K rows, n steps; B * S padded tokens.

        `captured` as in `service.decoding.contract.Chunk`.
        """

    def finished(
        self,
        *,
        reason: FinishReason,
        source_tokens: int,
        generated_tokens: int,
        queue_s: float,
        encode_s: float,
        decode_s: float,
    ) -> None:
        """One source was answered; reason and generated tokens are its best hypothesis's."""

    def failed(self, *, code: str) -> None:
        """One accepted source was not answered; `code` as in `service.errors`."""

    def died(self, *, error: BaseException) -> None:
        """A worker died, and the engine with it."""


class Unobserved:
    """An `EngineObserver` that looks away."""

    def queue_changed(self, *, items: int, tokens: int) -> None:
        pass

    def encoded(
        self, *, sources: int, source_tokens: int, padded_tokens: int, seconds: float
    ) -> None:
        pass

    def advanced(
        self,
        *,
        sources: int,
        rows: int,
        steps: int,
        source_tokens: int,
        padded_tokens: int,
        seconds: float,
        captured: bool | None = None,
    ) -> None:
        pass

    def finished(
        self,
        *,
        reason: FinishReason,
        source_tokens: int,
        generated_tokens: int,
        queue_s: float,
        encode_s: float,
        decode_s: float,
    ) -> None:
        pass

    def failed(self, *, code: str) -> None:
        pass

    def died(self, *, error: BaseException) -> None:
        pass
