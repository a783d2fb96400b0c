"""Tiny networks exported once per test session, with their PyTorch twins."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from model_export.bundle import STEPS, write_graphs
from model_export.config import AttentionKind, EncoderKind
from model_export.export.advance import AdvanceConfig, advance_graph
from model_export.export.encode import encode_graph
from model_export.export.graph import WeightsFile
from model_export.export.linear import Rounding, round_weights
from model_export.export.network import DecoderStep, Embedding
from model_export.export.output import OutputLayer
from model_export.export.ranges import measure
from model_export.model.search import TorchDecoder
from service.bundle.manifest import Graphs, Precision, Signature
from service.decoding.runtime import Device, OnnxModel
from service.decoding.shortlist import NO_CANDIDATE, Shortlist
from tests.networks import (
    END,
    FIRST_WORD,
    IDS,
    loud_network,
    random_sources,
    tiny_config,
)


@dataclass(frozen=True)
class Exported:
    """One network as PyTorch and as graphs.

    Attributes:
        torch: The network with rounded weights, whose answers the graphs have to give.
        directory: Where the graphs are.
    """

    torch: TorchDecoder
    directory: Path
    shortlist: Shortlist | None
    graphs: dict[Precision, Graphs]
    signature: dict[str, Signature]
    roundings: Mapping[str, Rounding]

    def model(self, precision: Precision, advance: str | None = None) -> OnnxModel:
        """The graphs of a precision; `advance` names another file than the exported one."""
        graphs = self.graphs[precision]
        return OnnxModel(
            self.directory / graphs.encode,
            self.directory / (advance or graphs.advance),
            IDS,
            Device.CPU,
            threads=1,
            shortlist=None if graphs.shortlist is None else self.shortlist,
        )

    def other_advance(self, precision: Precision, *, unrolled: bool) -> OnnxModel:
        """The graphs of a precision with `advance` built in the form asked for."""
        # A directory of its own would need its own weights; these go into the graph's file.
        network = self.torch.network
        embedding = Embedding(network)
        step = DecoderStep(network, embedding)
        output = OutputLayer(network, embedding, IDS)
        weights = WeightsFile()
        encode_graph(network, step, weights, precision, self.roundings)
        config = AdvanceConfig(
            steps=STEPS,
            unrolled=unrolled,
            precision=precision,
        )
        directory = self.directory / f"{precision}-{unrolled}"
        directory.mkdir(exist_ok=True)
        (directory / "advance.onnx").write_bytes(
            advance_graph(step, output, weights, config).SerializeToString()
        )
        weights.write(directory)
        return self.model(precision, f"{directory.name}/advance.onnx")


_DIRECTORIES: list[tempfile.TemporaryDirectory[str]] = []


@cache
def exported(
    encoder: EncoderKind,
    attention: AttentionKind,
    copies: bool = False,
    *,
    size: int = 32,
    vocabulary_size: int = 40,
    per_token: int = 0,
) -> Exported:
    """The graphs of one architecture, made when first asked for.

    With `per_token`, the int8 graphs score a shortlist of `FREQUENT` tokens and, for each
    token of the source, so many random ones.
    """
    config = tiny_config(encoder, attention, copies, size=size)
    network = round_weights(loud_network(config, vocabulary_size=vocabulary_size, seed=3))
    _DIRECTORIES.append(tempfile.TemporaryDirectory())
    directory = Path(_DIRECTORIES[-1].name)
    shortlist = random_shortlist(vocabulary_size, per_token) if per_token else None
    measured = random_sources([5, 40, 1, 17], vocabulary_size=vocabulary_size, seed=1)
    roundings = measure(network, measured)
    graphs, signature = write_graphs(network, IDS, directory, shortlist, roundings)
    torch_model = TorchDecoder(network, IDS, steps=STEPS)
    return Exported(torch_model, directory, shortlist, graphs, signature, roundings)


FREQUENT = 64


def random_shortlist(vocabulary_size: int, per_token: int) -> Shortlist:
    """Each token itself and `per_token` random rare ones, fewer where one is drawn twice."""
    generator = np.random.default_rng(5)
    frequent = np.array([END, *range(FIRST_WORD, FIRST_WORD + FREQUENT - 1)])
    rare = np.arange(frequent[-1] + 1, vocabulary_size)
    lexical = np.sort(generator.choice(rare, (vocabulary_size, per_token)), axis=1)
    lexical[:, 1:][lexical[:, 1:] == lexical[:, :-1]] = NO_CANDIDATE
    # The token itself, as learned lists have it.
    lexical = np.column_stack([np.arange(vocabulary_size), lexical])
    lexical[frequent, 0] = NO_CANDIDATE
    return Shortlist(frequent, lexical)
