"""Copying in the graphs, by its laws; that it is PyTorch's too is a matter of `test_parity`."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from model_export.bundle import STEPS, write_graphs
from model_export.export.linear import round_weights
from model_export.export.ranges import measure
from model_export.model.search import TorchDecoder
from model_export.model.seq2seq import Seq2Seq
from service.bundle.manifest import Precision
from service.decoding.contract import DecoderModel
from service.decoding.runtime import Device, OnnxModel
from service.decoding.shortlist import Shortlist
from service.domain import FloatArray
from tests.export.graphs import random_shortlist
from tests.networks import (
    COPYING,
    END,
    IDS,
    UNKNOWN,
    loud_network,
    random_sources,
    search_options,
    tiny_config,
)

VOCABULARY = 200
# Words that come once, twice and three times, in widths of 16 and 32.
SOURCES = [
    [9, 7, 9, 120, 9, END],
    [END],
    [150, 150, *random_sources([18], vocabulary_size=VOCABULARY, seed=2)[0]],
]
OPEN, SHUT = 60.0, -60.0


def network_with_gate(odds: float | None) -> Seq2Seq:
    """A network that copies, whose gate stands still at these log-odds, or moves as drawn."""
    config = tiny_config(*COPYING[0], size=32)
    network = loud_network(config, vocabulary_size=VOCABULARY, seed=3)
    assert network.decoder.copy_gate is not None
    if odds is not None:
        with torch.no_grad():
            network.decoder.copy_gate.linear.weight.zero_()
            network.decoder.copy_gate.linear.bias.fill_(odds)
    return round_weights(network)


def without_gate(network: Seq2Seq) -> Seq2Seq:
    """The same network as one that does not copy."""
    config = network.config.model_copy(update={"copies": False})
    plain = Seq2Seq(config, VOCABULARY, pad_id=network.pad_id, unk_id=network.unk_id)
    weights = network.state_dict()
    plain.load_state_dict({name: weights[name] for name in plain.state_dict()})
    return plain.eval()


@pytest.fixture(params=[0, 12], ids=["whole", "shortlist"])
def shortlist(request: pytest.FixtureRequest) -> Shortlist | None:
    return random_shortlist(VOCABULARY, request.param) if request.param else None


@pytest.fixture(params=[Precision.INT8, Precision.FLOAT], ids=str)
def precision(request: pytest.FixtureRequest) -> Precision:
    return Precision(request.param)


def exported_to(
    directory: Path, network: Seq2Seq, shortlist: Shortlist | None, precision: Precision
) -> OnnxModel:
    graphs, _ = write_graphs(network, IDS, directory, shortlist, measure(network, SOURCES))
    names = graphs[precision]
    return OnnxModel(
        directory / names.encode,
        directory / names.advance,
        IDS,
        Device.CPU,
        threads=1,
        shortlist=None if names.shortlist is None else shortlist,
    )


def first_step(model: DecoderModel, beam_size: int = 60) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Of each source, what can come first: log-probabilities [V] or -inf, and attention [S]."""
    options = [search_options(beam_size)] * len(SOURCES)
    _, chunk = model.advance(model.encode(SOURCES, options, beam_size))
    assert chunk.attention is not None
    for b, source in enumerate(SOURCES):
        found = np.full(VOCABULARY, -np.inf, dtype=np.float32)
        held = np.isfinite(chunk.log_probs[0, b])
        assert len(set(chunk.tokens[0, b][held])) == held.sum(), "a token is offered twice"
        found[chunk.tokens[0, b][held]] = chunk.log_probs[0, b][held]
        yield found, chunk.attention[0, b, 0, : len(source)]


def test_an_open_gate_leaves_what_is_generated(
    precision: Precision, shortlist: Shortlist | None, tmp_path: Path
) -> None:
    network = network_with_gate(OPEN)
    (tmp_path / "plain").mkdir()
    copying = exported_to(tmp_path, network, shortlist, precision)
    plain = exported_to(tmp_path / "plain", without_gate(network), shortlist, precision)
    for (ours, _), (theirs, _) in zip(first_step(copying), first_step(plain), strict=True):
        assert np.isfinite(ours).sum() == 60
        np.testing.assert_allclose(ours, theirs, atol=1e-6, rtol=0)


def test_a_shut_gate_says_the_source_as_it_is_attended_to(
    precision: Precision, shortlist: Shortlist | None, tmp_path: Path
) -> None:
    """Every token by the sum of its weights; the end mark by the weight on the source's own."""
    model = exported_to(tmp_path, network_with_gate(SHUT), shortlist, precision)
    for source, (found, attention) in zip(SOURCES, first_step(model), strict=True):
        expected = np.zeros(VOCABULARY)
        np.add.at(expected, source, attention)
        likely = found > SHUT / 2
        assert set(np.flatnonzero(likely)) == set(source)
        np.testing.assert_allclose(np.exp(found[likely]), expected[likely], rtol=1e-4)


def test_the_probabilities_sum_to_one(tmp_path: Path) -> None:
    model = exported_to(tmp_path, network_with_gate(None), None, Precision.FLOAT)
    for found, _ in first_step(model, beam_size=VOCABULARY):
        assert np.isfinite(found).sum() == VOCABULARY - 3
        assert np.exp(found, dtype=np.float64).sum() == pytest.approx(1, abs=1e-5)


def test_what_is_never_produced_is_not_copied(
    precision: Precision, shortlist: Shortlist | None, tmp_path: Path
) -> None:
    """What is left of the probability is shared out by PyTorch, and lost in the graph."""
    network = network_with_gate(-1.0)
    model = exported_to(tmp_path, network, shortlist, precision)
    torch_model = TorchDecoder(network, IDS, steps=STEPS)
    source, options = [50, UNKNOWN, 60, UNKNOWN, END], search_options(5)
    ours, theirs = (
        each.advance(each.encode([source], [options], 5))[1] for each in (model, torch_model)
    )
    assert not (ours.tokens == UNKNOWN).any()
    assert np.isfinite(ours.log_probs[0]).all()
    if precision is Precision.FLOAT:
        lost = theirs.log_probs[0] - ours.log_probs[0]
        np.testing.assert_array_equal(ours.tokens[0], theirs.tokens[0])
        np.testing.assert_allclose(lost, lost[0, 0], atol=1e-4)
        assert lost[0, 0] > 0


def test_a_list_without_the_sources_own_tokens_is_refused(tmp_path: Path) -> None:
    listed = random_shortlist(VOCABULARY, 12)
    lists = listed.lexical.copy()
    lists[150, 0] = lists[151, 0]
    network, wrong = network_with_gate(None), Shortlist(listed.frequent, lists)
    with pytest.raises(AssertionError, match="can be copied"):
        write_graphs(network, IDS, tmp_path, wrong, measure(network, SOURCES))
