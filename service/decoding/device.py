"""The decoder contract on a device: the large arrays stay where they are computed.

A search sits in a `Pool`: buffers of one shape that `advance` reads and writes in place.
Between two chunks the host sees the few numbers of each hypothesis and nothing of `memory` and
`decoder`; admitting a source writes its rows into free seats, retiring one gives up its seat
and moves nothing.

The shapes that are expected have a *captured* pool: a session whose shapes are constants, all
of whose kernels the device starts as one CUDA graph. What fits none of them runs in a pool made
for it, kernel by kernel, and is counted. ONNX Runtime keeps captured graphs by thread, so each
worker captures its own, in its own thread.

The same code runs on the CPU, where it answers what `OnnxModel` answers: so it is tested.
"""

import logging
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from service.decoding.beginning import first_state, pad_sources
from service.decoding.buckets import Bucket
from service.decoding.contract import BatchState, Chunk, Part, VocabularyModel
from service.decoding.host import HostModel
from service.decoding.pool import Pool
from service.decoding.runtime import Buffer, Device, Session, device_of, open_session
from service.domain import IntArray, SearchOptions, SpecialIds

logger = logging.getLogger(__name__)

# While one thread captures, CUDA lets no other allocate: workers capture one after the other.
_CAPTURING = threading.Lock()


@dataclass(frozen=True, slots=True)
class Files:
    """The graphs of one precision; weights lie beside them.

    Attributes:
        encode: Path of the `encode` graph.
        advance: Path of the `advance` graph, without control flow.
        rearrange: Path of the `rearrange` graph.
    """

    encode: Path
    advance: Path
    rearrange: Path


class DeviceGraphs:
    """The sessions that all workers use, and how to make those they do not share.

    Attributes:
        device: Where the sessions really run.
        steps: n of one `advance`.
    """

    def __init__(
        self,
        files: Files,
        device: Device,
        *,
        steps: int,
        threads: int,
        open_session: Callable[..., Session] = open_session,
    ) -> None:
        """Load the graphs.

        Args:
            files: Where they are.
            device: Where to run; see `self.device` for what came of it.
            steps: n of one `advance`.
            threads: Threads of one call on the CPU.
            open_session: Makes sessions, as `runtime.open_session` does.

        Raises:
            BundleDamaged: A graph cannot be loaded.
        """
        self.steps = steps
        self.encode = open_session(files.encode, device, threads)
        self.advance = open_session(files.advance, device, threads)
        self.rearrange = open_session(files.rearrange, device, threads)
        self.device = device_of([self.encode, self.advance, self.rearrange])
        self._open = partial(open_session, files.advance, device, threads)

    def pool(self, bucket: Bucket) -> Pool:
        """A pool for one batch."""
        return Pool(self.advance, self.device, bucket, self.steps, captured=False)

    def captured_pool(self, bucket: Bucket) -> Pool:
        """A pool that is ready for any batch of its shape; captured in this thread."""
        session = self._open(captured=bucket.axes)
        return Pool(session, self.device, bucket, self.steps, captured=True)


@dataclass(eq=False, slots=True, weakref_slot=True)
class _Rows:
    """Arrays on the device with a row per source: a pool's, or as `encode` gave them.

    Attributes:
        arrays: By name.
        pool: Whose they are.
        chunks: How often they were advanced.
    """

    arrays: dict[str, Buffer]
    pool: Pool | None = None
    chunks: int = 0


@dataclass(frozen=True, slots=True)
class DeviceState(BatchState):
    """A `BatchState` whose `memory` and `decoder` lie elsewhere, and are empty here.

    Attributes:
        rows: Where they lie.
        chunks: How often each of `rows` had been advanced when this state was made.
        rows_of: Which of `rows` each source is in, [B].
        seats: Which row of these is the source's, [B].
    """

    rows: tuple[_Rows, ...]
    chunks: tuple[int, ...]
    rows_of: IntArray
    seats: IntArray

    @classmethod
    def of(
        cls, state: BatchState, rows: Sequence[_Rows], rows_of: IntArray, seats: IntArray
    ) -> Self:
        """`state`, and where the rest of it lies."""
        return cls(
            **_fields(state),
            rows=tuple(rows),
            chunks=tuple(each.chunks for each in rows),
            rows_of=rows_of,
            seats=seats,
        )

    @property
    def plain(self) -> BatchState:
        """What the host has of it."""
        return BatchState(**_fields(self))


class DeviceModel(VocabularyModel):
    """A `DecoderModel` whose states stay on a device; called from one thread at a time.

    Attributes:
        graphs: Shared with other workers' models.
        ids: The vocabulary's special ids.
    """

    def __init__(
        self,
        graphs: DeviceGraphs,
        ids: SpecialIds,
        buckets: Sequence[Bucket] = (),
        captured: Mapping[Bucket, Pool] | None = None,
    ) -> None:
        """Search with `graphs`.

        Args:
            graphs: Shared with other workers' models.
            ids: The vocabulary's special ids.
            buckets: Shapes that `for_worker` captures.
            captured: Pools that were captured for this thread.
        """
        self.ids = ids
        self.graphs = graphs
        self._buckets = tuple(buckets)
        self._captured = dict(captured or {})
        self._missed: set[Bucket] = set()

    @property
    def device(self) -> Device:
        """Where the sessions really run."""
        return self.graphs.device

    def for_worker(self) -> "DeviceModel":
        """See `DecoderModel.for_worker`: a graph is captured for every bucket."""
        with _CAPTURING:
            captured = {bucket: self.graphs.captured_pool(bucket) for bucket in self._buckets}
        return DeviceModel(self.graphs, self.ids, self._buckets, captured)

    def encode(
        self, sources: Sequence[Sequence[int]], options: Sequence[SearchOptions], slots: int
    ) -> DeviceState:
        """See `DecoderModel.encode`."""
        ids, lengths = pad_sources(sources, self.pad_id)
        captured = self._captured_for(Bucket(len(ids), ids.shape[1], slots))
        if captured:
            # In a shape that all batches share, so that rounding does not depend on neighbours.
            shape = captured[0].bucket
            fitted = np.full((shape.sources, shape.width), self.pad_id, dtype=ids.dtype)
            fitted[: ids.shape[0], : ids.shape[1]] = ids
            ids = fitted
        fitted_lengths = np.ones(len(ids), dtype=lengths.dtype)
        fitted_lengths[: len(sources)] = lengths
        session = self.graphs.encode
        binding = session.io_binding()
        binding.bind_cpu_input("ids", ids)
        binding.bind_cpu_input("lengths", fitted_lengths)
        names = [output.name for output in session.get_outputs()]
        for name in names:
            binding.bind_output(name, self.device.value)
        session.run_with_iobinding(binding)
        state = first_state(
            memory={},
            source_lengths=lengths,
            decoder={},
            options=options,
            slots=slots,
            start_id=self.start_id,
        )
        rows = _Rows(dict(zip(names, binding.get_outputs(), strict=True)))
        everyone = np.arange(len(sources))
        return DeviceState.of(state, [rows], np.zeros_like(everyone), everyone)

    def rearrange(self, parts: Sequence[Part], slots: int) -> DeviceState:
        """See `DecoderModel.rearrange`; what moves on the device moves in `advance`."""
        rows: list[_Rows] = []
        plain, rows_of, seats = [], [], []
        for part in parts:
            state = _living(part.state)
            rows += [each for each in state.rows if each not in rows]
            numbers = np.array([rows.index(each) for each in state.rows])
            plain.append(Part(state.plain, part.sources))
            rows_of.append(numbers[state.rows_of[part.sources]])
            seats.append(state.seats[part.sources])
        used, renumbered = np.unique(np.concatenate(rows_of), return_inverse=True)
        return DeviceState.of(
            HostModel().rearrange(plain, slots),
            [rows[number] for number in used],
            renumbered,
            np.concatenate(seats),
        )

    def advance(self, state: BatchState) -> tuple[DeviceState, Chunk]:
        """See `DecoderModel.advance`."""
        living = _living(state)
        rows, seats = self._seated(living)
        pool = rows.pool
        assert pool is not None
        rows.chunks += 1
        pool.show(living, seats)
        pool.run()
        after, chunk = pool.look(living.plain, seats)
        return DeviceState.of(after, [rows], np.zeros_like(seats), seats), chunk

    def _seated(self, state: DeviceState) -> tuple[_Rows, IntArray]:
        """Bring all sources of a state into one pool; which, and their seats there."""
        home = self._home(state)
        assert home.pool is not None
        stays = np.array([rows is home for rows in state.rows])[state.rows_of]
        free = np.setdiff1d(np.arange(home.pool.bucket.sources), state.seats[stays])
        seats = state.seats.copy()
        seats[~stays] = free[: np.count_nonzero(~stays)]
        for number, rows in enumerate(state.rows):
            if rows is not home:
                moving = state.rows_of == number
                self._place(rows, state.seats[moving], home, seats[moving])
        return home, seats

    def _home(self, state: DeviceState) -> _Rows:
        """The smallest captured pool that holds a state and is vacant or its own, else a plain one.

        Seats where nobody sits cost less than starting every kernel by itself.
        """
        needed = Bucket.of_state(state)
        for pool in self._captured_for(needed):
            tenant = pool.tenant()
            if tenant is None:
                return _moved_in(pool)
            for rows in state.rows:
                if rows is tenant:
                    return rows
        for rows in state.rows:
            if rows.pool is not None and not rows.pool.captured and rows.pool.bucket == needed:
                return rows
        if self._captured and needed not in self._missed:
            self._missed.add(needed)
            logger.warning("no CUDA graph for a batch of shape %s: it runs slower", needed)
        return _moved_in(self.graphs.pool(needed))

    def _captured_for(self, needed: Bucket) -> list[Pool]:
        """Captured pools that hold so much, smallest first."""
        holding = [bucket for bucket in self._captured if bucket.holds(needed)]
        return [self._captured[bucket] for bucket in sorted(holding, key=lambda each: each.cells)]

    def _place(self, origin: _Rows, rows: IntArray, home: _Rows, seats: IntArray) -> None:
        """Copy rows of `origin` to seats of `home`."""
        assert home.pool is not None
        there = 1 if origin.pool is None else origin.pool.bucket.slots
        slots = np.arange(home.pool.bucket.slots)
        # A new slot begins as slot 0; see `with_slots`.
        begun = np.where(slots < there, slots, 0)
        session = self.graphs.rearrange
        binding = session.io_binding()
        binding.bind_cpu_input("rows", rows)
        binding.bind_cpu_input("seats", seats)
        binding.bind_cpu_input("slots", begun)
        for name, array in home.arrays.items():
            binding.bind_ortvalue_input(f"from.{name}", origin.arrays[name])
            binding.bind_ortvalue_input(f"into.{name}", array)
            binding.bind_ortvalue_output(f"placed.{name}", array)
        session.run_with_iobinding(binding)


def _moved_in(pool: Pool) -> _Rows:
    """The rows of a pool for a new search; the pool is vacant again when they are forgotten."""
    rows = _Rows(pool.arrays, pool)
    pool.tenant = weakref.ref(rows)
    return rows


def _fields(state: BatchState) -> dict[str, Any]:
    return {field.name: getattr(state, field.name) for field in fields(BatchState)}


def _living(state: BatchState) -> DeviceState:
    """The state, unless its rows have been advanced since it was made.

    Raises:
        RuntimeError: They have: what it stood for is no longer there.
    """
    assert isinstance(state, DeviceState), "a state of another model"
    if state.chunks != tuple(rows.chunks for rows in state.rows):
        raise RuntimeError("a state was used again after its sources had been advanced")
    return state
