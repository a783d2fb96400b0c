"""The decoder contract on ONNX Runtime; the only module that knows it.

ONNX Runtime gives up an execution provider without an error when its libraries are missing,
so the provider is always read from the session that was made, never from what was asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime

from service.decoding.beginning import first_state, pad_sources
from service.decoding.contract import BatchState, Chunk, VocabularyModel
from service.decoding.ending import judged
from service.decoding.host import HostModel
from service.decoding.shortlist import Shortlist
from service.domain import SearchOptions, SpecialIds
from service.errors import BundleDamaged, SettingsError


class Device(StrEnum):
    """Where a session runs."""

    CPU = "cpu"
    CUDA = "cuda"


_PROVIDERS = {Device.CPU: "CPUExecutionProvider", Device.CUDA: "CUDAExecutionProvider"}
_DTYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(bool)": np.bool_}


class Buffer(Protocol):
    """The part of onnxruntime.OrtValue that is used: an array at a fixed address of a device."""

    def numpy(self) -> np.ndarray[Any, Any]: ...

    def update_inplace(self, array: np.ndarray[Any, Any]) -> None: ...

    def data_ptr(self) -> int: ...


class Binding(Protocol):
    """The part of onnxruntime.IOBinding that is used."""

    def bind_cpu_input(self, name: str, array: np.ndarray[Any, Any]) -> None: ...

    def bind_ortvalue_input(self, name: str, value: Buffer) -> None: ...

    def bind_ortvalue_output(self, name: str, value: Buffer) -> None: ...

    def bind_output(self, name: str, device_type: str) -> None: ...

    def get_outputs(self) -> list[Buffer]: ...


class Session(Protocol):
    """The part of onnxruntime.InferenceSession that is used; the package has no types."""

    def io_binding(self) -> Binding: ...

    def run_with_iobinding(self, binding: Binding) -> None: ...

    def run(self, outputs: list[str] | None, feeds: dict[str, Any]) -> list[Any]: ...

    def get_inputs(self) -> list[Any]: ...

    def get_outputs(self) -> list[Any]: ...

    def get_providers(self) -> list[str]: ...


def cuda_is_available() -> bool:
    """Whether the installed ONNX Runtime was built with CUDA and loads its libraries."""
    if _PROVIDERS[Device.CUDA] not in onnxruntime.get_available_providers():
        return False
    onnxruntime.preload_dlls()
    return True


class OnnxModel(VocabularyModel, HostModel):
    """A bundle's two graphs. Both calls may be made from several threads at once.

    Attributes:
        device: Where the sessions really run.
    """

    def __init__(
        self,
        encode: Path,
        advance: Path,
        ids: SpecialIds,
        device: Device,
        *,
        threads: int,
        shortlist: Shortlist | None = None,
    ) -> None:
        """Load both graphs.

        Args:
            encode: Path of the `encode` graph; weights lie beside it.
            advance: Path of the `advance` graph.
            ids: The vocabulary's special ids.
            device: Where to run; see `self.device` for what came of it.
            threads: Threads of one call on the CPU. Calls from several threads run side by
                side, so more than 1 is for lone requests on an idle machine.
            shortlist: What `advance` scores; None when it scores the whole vocabulary.

        Raises:
            BundleDamaged: A graph cannot be loaded.
        """
        self.ids = ids
        self._shortlist = shortlist
        self._encode = open_session(encode, device, threads)
        self._advance = open_session(advance, device, threads)
        self.device = device_of([self._encode, self._advance])
        self._encode_outputs = [output.name for output in self._encode.get_outputs()]
        self._advance_inputs = [value.name for value in self._advance.get_inputs()]
        self._advance_outputs = [output.name for output in self._advance.get_outputs()]

    def encode(
        self, sources: Sequence[Sequence[int]], options: Sequence[SearchOptions], slots: int
    ) -> BatchState:
        """See `DecoderModel.encode`."""
        ids, lengths = pad_sources(sources, self.pad_id)
        results = self._encode.run(self._encode_outputs, {"ids": ids, "lengths": lengths})
        values = dict(zip(self._encode_outputs, results, strict=True))
        return first_state(
            memory=_named(values, "memory."),
            source_lengths=lengths,
            decoder=_named(values, "state."),
            options=options,
            slots=slots,
            start_id=self.start_id,
            candidates=None if self._shortlist is None else self._shortlist.rows(sources),
        )

    def advance(self, state: BatchState) -> tuple[BatchState, Chunk]:
        """See `DecoderModel.advance`."""
        # To the graph, a search that is over is one in which nothing grows.
        searched = replace(state, ended=state.ended | state.finished[:, np.newaxis])
        feeds = {name: _field(searched, name) for name in self._advance_inputs}
        results = self._advance.run(self._advance_outputs, feeds)
        values = dict(zip(self._advance_outputs, results, strict=True))
        following = _named(values, "next.")
        decoder = {**state.decoder, **_named(following, "state.")}
        plain = {name: each for name, each in following.items() if not name.startswith("state.")}
        chunk = _named(values, "step.")
        return judged(state, replace(state, decoder=decoder, **plain)), Chunk(
            tokens=chunk["tokens"],
            parents=chunk["parents"],
            log_probs=chunk["log_probs"],
            attention=chunk.get("attention"),
        )


def open_session(
    path: Path, device: Device, threads: int, *, captured: Mapping[str, int] | None = None
) -> Session:
    """Load a graph.

    Args:
        path: The graph; weights lie beside it.
        device: Where to run; see `device_of` for what came of it.
        threads: Threads of one call on the CPU.
        captured: Sizes of all the axes that have names, when the session is for this one shape,
            bound buffers and one thread: on CUDA its second run is captured as a CUDA graph,
            which later runs replay.

    Raises:
        BundleDamaged: It cannot be loaded.
        SettingsError: There is no CUDA here.
    """
    if device is Device.CUDA and not cuda_is_available():
        raise SettingsError("CUDA was asked for and this ONNX Runtime has none")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Two pools that spin while they wait ruin each other on a small machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Batches change shape from call to call; a plan of the memory would not fit the next one.
    options.enable_mem_pattern = False
    for axis, size in (captured or {}).items():
        # Whatever is computed from shapes is then a constant: none of it is left to the CPU,
        # with which there is no CUDA graph.
        options.add_free_dimension_override_by_name(axis, size)
    try:
        session: Session = onnxruntime.InferenceSession(
            str(path),
            options,
            providers=_providers(device, captured is not None),
            # It lays out convolutions, of which there are none, and crashes on half precision.
            disabled_optimizers=["NchwcTransformer"],
        )
    except Exception as error:  # onnxruntime's own exceptions have no common root
        raise BundleDamaged(f"{path.name} cannot be loaded: {error}") from error
    return session


def _providers(device: Device, captured: bool) -> list[str | tuple[str, dict[str, str]]]:
    if device is Device.CPU:
        return [_PROVIDERS[Device.CPU]]
    cuda = {
        # TensorFloat-32 rounds factors to 10 bits; those who want speed take half precision.
        "use_tf32": "0",
        # Doubling what is allocated, the default, wastes it for each of many sessions.
        "arena_extend_strategy": "kSameAsRequested",
        "enable_cuda_graph": str(int(captured)),
    }
    return [(_PROVIDERS[Device.CUDA], cuda), _PROVIDERS[Device.CPU]]


def device_of(sessions: Sequence[Session]) -> Device:
    """Where sessions run: on CUDA when all of them do."""
    on_cuda = all(_PROVIDERS[Device.CUDA] in session.get_providers() for session in sessions)
    return Device.CUDA if on_cuda else Device.CPU


def allocate(value: Any, axes: Mapping[str, int], device: Device) -> Buffer:
    """A buffer of zeros for an input or output of a session.

    Args:
        value: What `get_inputs` and `get_outputs` are lists of.
        axes: Sizes of the axes that have names.
        device: Where it is to lie.
    """
    shape = [axes.get(axis, axis) for axis in value.shape]
    dtype = _DTYPES[value.type]
    buffer: Buffer = onnxruntime.OrtValue.ortvalue_from_shape_and_type(shape, dtype, device.value)
    buffer.update_inplace(np.zeros(shape, dtype))
    return buffer


def _named(values: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The values whose names begin with `prefix`, without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in values.items()
        if name.startswith(prefix)
    }


def _field(state: BatchState, name: str) -> np.ndarray[Any, Any]:
    """The array of a state that an input is called after: `memory.x`, `state.x` or a field."""
    group, _, key = name.rpartition(".")
    if group == "memory":
        array: np.ndarray[Any, Any] = state.memory[key]
    elif group == "state":
        array = state.decoder[key]
    else:
        array = getattr(state, name)
    return array
