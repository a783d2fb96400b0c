"""What an encoder says of a source depends on that source alone."""

import numpy as np
import pytest
import torch

from model_export.config import AttentionKind, EncoderKind
from model_export.model.encoder import Encoded, sinusoids, source_mask
from model_export.model.seq2seq import Seq2Seq
from tests.networks import loud_network, padded, random_sources, tiny_config

SOURCES = random_sources([7, 1, 12, 4, 2], seed=3)


@pytest.fixture(params=list(EncoderKind))
def network(request: pytest.FixtureRequest) -> Seq2Seq:
    return loud_network(tiny_config(request.param, AttentionKind.GENERAL))


@torch.inference_mode()
def encode(network: Seq2Seq, sources: list[list[int]], width: int | None = None) -> Encoded:
    return network.encode(*padded(sources, width))


def assert_rows_alone(network: Seq2Seq, encoded: Encoded, sources: list[list[int]]) -> None:
    for row, source in enumerate(sources):
        alone = encode(network, [source])
        memory = encoded.memory[row, : len(source)]
        torch.testing.assert_close(memory, alone.memory[0], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(encoded.summary[row], alone.summary[0], atol=1e-5, rtol=1e-5)


def test_neighbours_and_padding_never_change_a_row(network: Seq2Seq) -> None:
    assert_rows_alone(network, encode(network, SOURCES), SOURCES)
    assert_rows_alone(network, encode(network, SOURCES[::-1], width=20), SOURCES[::-1])


def test_what_stands_in_padding_changes_nothing(network: Seq2Seq) -> None:
    ids, lengths = padded(SOURCES, 16)
    with torch.inference_mode():
        clean = network.encode(ids, lengths)
        ids[~source_mask(lengths, 16)] = 17
        dirty = network.encode(ids, lengths)
    assert torch.equal(clean.memory, dirty.memory)
    assert torch.equal(clean.summary, dirty.summary)


def test_memory_is_zero_at_padding_and_not_elsewhere(network: Seq2Seq) -> None:
    memory = encode(network, SOURCES, width=16).memory
    for row, source in enumerate(SOURCES):
        assert not memory[row, len(source) :].any()
        assert memory[row, : len(source)].any(dim=1).all()


def test_the_order_of_tokens_matters(network: Seq2Seq) -> None:
    source = SOURCES[2]
    turned = [*source[-2::-1], source[-1]]
    same, other = encode(network, [source]).summary, encode(network, [turned]).summary
    assert not torch.allclose(same, other, atol=1e-3)


def test_the_gru_stays_within_one() -> None:
    """What the scale 1/127 of the int8 graphs rests on."""
    network = loud_network(tiny_config(EncoderKind.GRU))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(20)
    encoded = encode(network, SOURCES)
    assert encoded.memory.abs().max() <= 1
    assert encoded.summary.abs().max() <= 1
    assert encoded.memory.abs().max() > 0.99  # it was pushed


def test_the_gru_summary_joins_the_last_forward_and_the_first_backward_state() -> None:
    network = loud_network(tiny_config(EncoderKind.GRU))
    encoded = encode(network, SOURCES)
    half = network.config.size // 2
    for row, source in enumerate(SOURCES):
        expected = torch.cat(
            [encoded.memory[row, len(source) - 1, :half], encoded.memory[row, 0, half:]]
        )
        torch.testing.assert_close(encoded.summary[row], expected)


def test_positions_are_those_of_the_paper() -> None:
    table = sinusoids(6, 8)
    for position in range(6):
        for index in range(4):
            angle = position / 10_000 ** (index / 4)
            assert table[position, index] == pytest.approx(np.sin(angle), abs=1e-6)
            assert table[position, 4 + index] == pytest.approx(np.cos(angle), abs=1e-6)
