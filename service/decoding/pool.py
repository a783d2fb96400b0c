"""Buffers of one shape that a search on a device sits in, a seat for each source."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from service.decoding.buckets import Bucket
from service.decoding.contract import BatchState, Chunk, padded_width
from service.decoding.ending import judged
from service.decoding.runtime import Buffer, Device, Session, allocate
from service.domain import IntArray

# What the host knows of a hypothesis, and what an empty seat holds of it: one that has ended,
# which nothing grows from.
_HYPOTHESIS = {"last_ids": 0, "log_probs": -np.inf, "lengths": 0, "ended": True}
# What marks a slot that a source does not use; one that had ended would keep its place.
_NO_HYPOTHESIS = {"log_probs": -np.inf, "ended": False}
# What it knows of a source, and what an empty seat holds of it: the shortest there is.
_SOURCE = {"source_lengths": 1, "beam_size": 1, "min_length": 0, "max_length": 1}

# ONNX Runtime runs once to allocate, captures in the second run, and replays from the third.
_RUNS_TO_CAPTURE = 3

_Array = npt.NDArray[Any]


class Pool:
    """Buffers at fixed addresses, and a session of `advance` that reads and writes them.

    What comes out of the state, `next.X`, is written where X was read: everything in the graph
    that reads X does so before what `next.X` depends on, and a test holds the graphs to it.

    Attributes:
        bucket: The shape.
        captured: Whether it is one of the shapes that are ready, and not made for one batch.
        arrays: The large arrays, by name.
        tenant: Who sits here; gives None when they are gone.
    """

    def __init__(
        self, session: Session, device: Device, bucket: Bucket, steps: int, *, captured: bool
    ) -> None:
        """Allocate the buffers; every seat is empty.

        Args:
            session: Of `advance`.
            device: Where it runs.
            bucket: The shape.
            steps: n of one `advance`.
            captured: See the attribute; the session's first runs, here, capture it.
        """
        self.bucket = bucket
        self.captured = captured
        self.tenant: Callable[[], object | None] = lambda: None
        self._session = session
        self._binding = session.io_binding()
        self._values: dict[str, Buffer] = {}
        self._shown: dict[str, _Array] = {}  # what lies on the device of `_HYPOTHESIS`, `_SOURCE`
        axes = {**bucket.axes, "n": steps}
        for value in session.get_inputs():
            self._values[value.name] = allocate(value, axes, device)
            self._binding.bind_ortvalue_input(value.name, self._values[value.name])
        for value in session.get_outputs():
            name = value.name.removeprefix("next.")
            if name not in self._values:
                self._values[name] = allocate(value, axes, device)
            self._binding.bind_ortvalue_output(value.name, self._values[name])
        self.arrays = {
            name: buffer
            for name, buffer in self._values.items()
            if name.startswith(("memory.", "state."))
        }
        self._empty()
        if captured:
            for _ in range(_RUNS_TO_CAPTURE):
                self.run()
            self._empty()

    @property
    def addresses(self) -> dict[str, int]:
        """Where the buffers lie."""
        return {name: buffer.data_ptr() for name, buffer in self._values.items()}

    def run(self) -> None:
        """Advance whoever sits here by one chunk."""
        self._session.run_with_iobinding(self._binding)

    def show(self, state: BatchState, seats: IntArray) -> None:
        """Write what the host knows of the sources in `seats`, as far as it is news here."""
        K = state.slots
        for name, shown in self._shown.items():
            wanted = shown.copy()
            known = getattr(state, name)
            if name in _SOURCE:
                wanted[seats] = known
            else:
                # To the graph, a search that is over is one in which nothing grows.
                over = state.finished[:, np.newaxis]
                wanted[seats, :K] = known | over if name == "ended" else known
            if name in _NO_HYPOTHESIS:
                wanted[seats, K:] = _NO_HYPOTHESIS[name]
            if not np.array_equal(wanted, shown):
                self._write(name, wanted)

    def look(self, state: BatchState, seats: IntArray) -> tuple[BatchState, Chunk]:
        """What one `run` has made of `state`, whose sources are in `seats`, and how."""
        K = state.slots
        taken = {
            name: self._read(f"step.{name}")
            for name in ("tokens", "parents", "log_probs", "attention")
            if f"step.{name}" in self._values
        }
        # After the chunk stands what was taken in its last step.
        self._shown["last_ids"] = taken["tokens"][-1]
        self._shown["log_probs"] = taken["log_probs"][-1]
        for name in ("lengths", "ended"):
            self._shown[name] = self._read(name)
        known: dict[str, Any] = {name: self._shown[name][seats, :K] for name in _HYPOTHESIS}
        seen = {name: array[:, seats, :K] for name, array in taken.items()}
        attention = seen.get("attention")
        return judged(state, replace(state, **known)), Chunk(
            tokens=seen["tokens"],
            parents=seen["parents"],
            log_probs=seen["log_probs"],
            attention=None
            if attention is None
            else attention[..., : padded_width(state.source_lengths)],
            captured=self.captured,
        )

    def _empty(self) -> None:
        B, K = self.bucket.sources, self.bucket.slots
        for name, value in (_HYPOTHESIS | _SOURCE).items():
            if name in self._values:
                shape = (B, K) if name in _HYPOTHESIS else (B,)
                self._write(name, np.full(shape, value, dtype=self._read(name).dtype))

    def _write(self, name: str, array: _Array) -> None:
        self._values[name].update_inplace(array)
        self._shown[name] = array

    def _read(self, name: str) -> _Array:
        # On the CPU this is a view of the buffer; what leaves here is picked by seat, a copy.
        return self._values[name].numpy()
