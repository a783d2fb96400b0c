"""Models that keep their states on a device, where the device is the CPU."""

from collections.abc import Callable, Mapping
from pathlib import Path

from model_export.bundle import STEPS
from model_export.config import AttentionKind, EncoderKind
from service.bundle.manifest import Precision
from service.decoding.device import DeviceGraphs, Files
from service.decoding.runtime import Binding, Device, Session, open_session
from tests.export.graphs import exported
from tests.networks import Architecture

GRU = Architecture(EncoderKind.GRU, AttentionKind.GENERAL)


def files(architecture: Architecture, precision: Precision = Precision.FLOAT) -> Files:
    """The graphs of one architecture."""
    bundle = exported(*architecture)
    graphs = bundle.graphs[precision]
    assert graphs.rearrange is not None
    return Files(
        bundle.directory / graphs.encode,
        bundle.directory / graphs.advance,
        bundle.directory / graphs.rearrange,
    )


def device_graphs(
    architecture: Architecture = GRU,
    open_session: Callable[..., Session] = open_session,
) -> DeviceGraphs:
    """The sessions of one architecture."""
    return DeviceGraphs(
        files(architecture), Device.CPU, steps=STEPS, threads=1, open_session=open_session
    )


class SessionNotes:
    """Opens real sessions and notes what is done with those that are for one shape.

    Attributes:
        captured: The axes of each, in the order they were opened.
        runs: How often each was run.
    """

    def __init__(self) -> None:
        self.captured: list[dict[str, int]] = []
        self.runs: list[int] = []

    def open(
        self,
        path: Path,
        device: Device,
        threads: int,
        *,
        captured: Mapping[str, int] | None = None,
    ) -> Session:
        """As `runtime.open_session`."""
        session = open_session(path, device, threads, captured=captured)
        if captured is None:
            return session
        self.captured.append(dict(captured))
        self.runs.append(0)
        return _Noting(session, self.runs, len(self.runs) - 1)


class _Noting:
    """A session that counts its runs."""

    def __init__(self, session: Session, runs: list[int], number: int) -> None:
        self._runs = runs
        self._number = number
        self._session = session
        self.io_binding = session.io_binding
        self.run = session.run
        self.get_inputs = session.get_inputs
        self.get_outputs = session.get_outputs
        self.get_providers = session.get_providers

    def run_with_iobinding(self, binding: Binding) -> None:
        self._runs[self._number] += 1
        self._session.run_with_iobinding(binding)
