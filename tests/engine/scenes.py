"""What the tests of the engine have in common: requests, limits, a model that remembers."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st

from service.decoding.contract import BatchState, Chunk
from service.domain import DecodedSource, DecodeRequest, SearchOptions
from service.engine import Engine, EngineLimits, Unobserved
from tests.fakes import END, FIRST_WORD, Table, TableModel

WIDE = EngineLimits(
    max_queue_items=1000,
    max_queue_tokens=100_000,
    max_batch_sources=16,
    max_batch_tokens=100_000,
    workers=1,
)


def options(
    beam_size: int = 2,
    num_hypotheses: int = 1,
    length_penalty: float = 1.0,
    min_decoding_length: int = 0,
    max_decoding_length: int = 60,
) -> SearchOptions:
    return SearchOptions(
        beam_size, num_hypotheses, length_penalty, min_decoding_length, max_decoding_length
    )


def request(
    words: int | Sequence[int] = 3,
    search: SearchOptions | None = None,
    *,
    deadline_s: float | None = None,
    priority: int = 0,
    want_attention: bool = True,
) -> DecodeRequest:
    """A source of these words, or of so many, and its end mark."""
    if isinstance(words, int):
        words = [FIRST_WORD + position % 5 for position in range(words)]
    return DecodeRequest((*words, END), search or options(), deadline_s, priority, want_attention)


@st.composite
def searches(draw: st.DrawFn, *, max_beam: int = 5, max_length: int = 12) -> SearchOptions:
    beam_size = draw(st.integers(1, max_beam))
    longest = draw(st.integers(1, max_length))
    return SearchOptions(
        beam_size=beam_size,
        num_hypotheses=draw(st.integers(1, beam_size)),
        length_penalty=draw(st.sampled_from([0.0, 0.6, 1.0, 2.0])),
        min_decoding_length=draw(st.integers(0, longest)),
        max_decoding_length=longest,
    )


@st.composite
def requests(draw: st.DrawFn, *, max_words: int = 40) -> DecodeRequest:
    words = draw(st.lists(st.integers(FIRST_WORD, 11), max_size=max_words))
    return request(words, draw(searches()), priority=draw(st.integers(0, 2)))


def run(engine: Engine, *, most_steps: int = 10_000) -> None:
    """Step the workers in turn, in this thread, until none has work."""
    for _ in range(most_steps):
        busy = [worker.step() for worker in engine.workers]
        if not any(busy) and engine.queue_depth == 0:
            return
    raise AssertionError(f"still not done after {most_steps} steps")


def same(first: DecodedSource, second: DecodedSource) -> bool:
    """Whether two answers are the same bytes; timings aside."""
    return (
        first.decode_steps == second.decode_steps
        and [*map(_bytes, first.hypotheses)] == [*map(_bytes, second.hypotheses)]
        and [*map(_bytes, first.others())] == [*map(_bytes, second.others())]
    )


def _bytes(hypothesis: object) -> tuple[object, ...]:
    values = (getattr(hypothesis, name) for name in type(hypothesis).__slots__)  # type: ignore[attr-defined]
    return tuple(value.tobytes() if hasattr(value, "tobytes") else value for value in values)


class BrokenModelError(Exception):
    """What `WatchedModel` raises on demand."""


class WatchedModel(TableModel):
    """A `TableModel` that notes its calls and breaks when told to.

    Attributes:
        encoded: Lengths of the sources of every `encode` that succeeded.
        advanced: (B, S, K) of every `advance`.
        cannot_encode: Whether a source makes `encode` raise.
        cannot_advance: Makes `advance` raise.
    """

    def __init__(self, table: Table | None = None, *, steps: int = 4) -> None:
        super().__init__(table, steps=steps)
        self.encoded: list[list[int]] = []
        self.advanced: list[tuple[int, int, int]] = []
        self.cannot_encode: Callable[[Sequence[int]], bool] = lambda source: False
        self.cannot_advance = False

    def encode(
        self, sources: Sequence[Sequence[int]], options: Sequence[SearchOptions], slots: int
    ) -> BatchState:
        if any(self.cannot_encode(source) for source in sources):
            raise BrokenModelError("encode")
        self.encoded.append([len(source) for source in sources])
        return super().encode(sources, options, slots)

    def advance(self, state: BatchState) -> tuple[BatchState, Chunk]:
        if self.cannot_advance:
            raise BrokenModelError("advance")
        assert not state.finished.any(), "a finished row was computed further"
        assert state.slots == state.beam_size.max(), "slots that nobody uses were computed"
        self.advanced.append((state.sources, state.memory["source"].shape[1], state.slots))
        return super().advance(state)


class HeldModel(WatchedModel):
    """A model whose `advance` stops at a gate until the test opens it.

    Attributes:
        arrived: Released once by every `advance` that has reached the gate.
        gate: Acquired once by every `advance` that passes; the test releases it.
    """

    def __init__(self, table: Table | None = None, *, steps: int = 4) -> None:
        super().__init__(table, steps=steps)
        self.arrived = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)

    def advance(self, state: BatchState) -> tuple[BatchState, Chunk]:
        self.arrived.release()
        assert self.gate.acquire(timeout=60), "the test forgot to open the gate"
        return super().advance(state)

    def open(self) -> None:
        """Let everything pass from now on."""
        self.gate.release(10_000)


@dataclass
class Notes(Unobserved):
    """An observer that writes everything down."""

    depths: list[tuple[int, int]] = field(default_factory=list)
    chunks: list[dict[str, float]] = field(default_factory=list)
    encodes: list[dict[str, float]] = field(default_factory=list)
    answers: list[dict[str, object]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    deaths: list[BaseException] = field(default_factory=list)

    def queue_changed(self, *, items: int, tokens: int) -> None:
        self.depths.append((items, tokens))

    def encoded(self, **values: float) -> None:
        self.encodes.append(values)

    def advanced(self, *, captured: bool | None = None, **values: float) -> None:
        self.chunks.append(values)

    def finished(self, **values: object) -> None:
        self.answers.append(values)

    def failed(self, *, code: str) -> None:
        self.failures.append(code)

    def died(self, *, error: BaseException) -> None:
        self.deaths.append(error)
