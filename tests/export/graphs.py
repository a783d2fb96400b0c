"""Tiny networks exported once per test session, with their PyTorch twins."""

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from model_export.bundle import STEPS, write_graphs
from model_export.config import AttentionKind, EncoderKind
from model_export.export.advance import AdvanceConfig, advance_graph
from model_export.export.encode import encode_graph
from model_export.export.graph import WeightsFile
from model_export.export.linear import round_weights
from model_export.export.network import DecoderStep, Embedding
from model_export.model.search import TorchDecoder
from service.bundle.manifest import Graphs, Precision, Signature
from service.decoding.runtime import Device, OnnxModel
from service.domain import SpecialIds
from tests.networks import END, PAD, START, UNKNOWN, loud_network, tiny_config

IDS = SpecialIds(pad_id=PAD, unk_id=UNKNOWN, start_id=START, end_id=END)


@dataclass(frozen=True)
class Exported:
    """One network as PyTorch and as graphs.

    Attributes:
        torch: The network with rounded weights, whose answers the graphs have to give.
        directory: Where the graphs are.
    """

    torch: TorchDecoder
    directory: Path
    graphs: dict[Precision, Graphs]
    signature: dict[str, Signature]

    def model(self, precision: Precision, advance: str | None = None) -> OnnxModel:
        """The graphs of a precision; `advance` names another file than the exported one."""
        graphs = self.graphs[precision]
        return OnnxModel(
            self.directory / graphs.encode,
            self.directory / (advance or graphs.advance),
            IDS,
            Device.CPU,
            threads=1,
        )

    def other_advance(self, precision: Precision, *, unrolled: bool) -> OnnxModel:
        """The graphs of a precision with `advance` built in the form asked for."""
        # A directory of its own would need its own weights; these go into the graph's file.
        network = self.torch.network
        step = DecoderStep(network, Embedding(network), [PAD, UNKNOWN, START])
        weights = WeightsFile()
        _, bound = encode_graph(network, step, weights, precision)
        config = AdvanceConfig(
            steps=STEPS,
            unrolled=unrolled,
            precision=precision,
            memory_bound=bound,
            pad_id=PAD,
            end_id=END,
        )
        directory = self.directory / f"{precision}-{unrolled}"
        directory.mkdir(exist_ok=True)
        (directory / "advance.onnx").write_bytes(
            advance_graph(step, weights, config).SerializeToString()
        )
        weights.write(directory)
        return self.model(precision, f"{directory.name}/advance.onnx")


_DIRECTORIES: list[tempfile.TemporaryDirectory[str]] = []


@cache
def exported(encoder: EncoderKind, attention: AttentionKind, size: int = 32) -> Exported:
    """The graphs of one architecture, made when first asked for."""
    network = round_weights(loud_network(tiny_config(encoder, attention, size=size), seed=3))
    _DIRECTORIES.append(tempfile.TemporaryDirectory())
    directory = Path(_DIRECTORIES[-1].name)
    graphs, signature = write_graphs(network, IDS, directory)
    torch_model = TorchDecoder(network, start_id=START, end_id=END, steps=STEPS)
    return Exported(torch_model, directory, graphs, signature)
