"""Graphs that score a shortlist, against the same graphs that score everything."""

import numpy as np
import pytest

from model_export.bundle import write_graphs
from model_export.config import AttentionKind, EncoderKind
from service.bundle.manifest import Precision
from service.decoding.batch import decode
from service.decoding.host import take
from service.decoding.runtime import Device, OnnxModel
from service.decoding.shortlist import Shortlist
from service.domain import DecodeRequest, FloatArray
from service.engine import Engine
from tests.export.graphs import FREQUENT, Exported, exported
from tests.export.test_company import LIMITS, as_bytes
from tests.networks import IDS, random_sources, search_options

VOCABULARY = 300
SOURCES = random_sources([5, 1, 17, 40, 9, 3], vocabulary_size=VOCABULARY, seed=4)


@pytest.fixture(scope="module")
def network() -> Exported:
    return exported(
        EncoderKind.GRU, AttentionKind.GENERAL, vocabulary_size=VOCABULARY, per_token=12
    )


@pytest.fixture(scope="module")
def whole(network: Exported, tmp_path_factory: pytest.TempPathFactory) -> OnnxModel:
    """The int8 graphs of the same network without a shortlist."""
    directory = tmp_path_factory.mktemp("whole")
    graphs, _ = write_graphs(network.torch.network, IDS, directory, None, network.roundings)
    names = graphs[Precision.INT8]
    files = (directory / names.encode, directory / names.advance)
    return OnnxModel(*files, IDS, Device.CPU, threads=1)


def test_a_list_of_everything_changes_nothing(
    network: Exported, whole: OnnxModel, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert network.shortlist is not None
    frequent = network.shortlist.frequent
    rest = np.setdiff1d(np.arange(VOCABULARY), frequent)
    everything = Shortlist(frequent, np.tile(rest, (VOCABULARY, 1)))
    directory = tmp_path_factory.mktemp("everything")
    graphs, _ = write_graphs(network.torch.network, IDS, directory, everything, network.roundings)
    names = graphs[Precision.INT8]
    files = (directory / names.encode, directory / names.advance)
    listed = OnnxModel(*files, IDS, Device.CPU, threads=1, shortlist=everything)
    options = search_options(5, max_decoding_length=20)
    for ours, theirs in zip(
        decode(listed, SOURCES, options), decode(whole, SOURCES, options), strict=True
    ):
        assert [each.token_ids for each in ours] == [each.token_ids for each in theirs]
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine.token_log_probs, other.token_log_probs, atol=1e-5)


def first_step(model: OnnxModel, source: list[int]) -> FloatArray:
    """Log-probabilities of the likeliest first tokens, [V], -inf for others."""
    options = search_options(50, min_decoding_length=3)
    _, chunk = model.advance(model.encode([source], [options], 50))
    found = np.full(VOCABULARY, -np.inf, dtype=np.float32)
    held = np.isfinite(chunk.log_probs[0, 0])
    found[chunk.tokens[0, 0][held]] = chunk.log_probs[0, 0][held]
    return found


@pytest.mark.parametrize("source", SOURCES, ids=len)
def test_the_listed_tokens_share_the_probability(
    network: Exported, whole: OnnxModel, source: list[int]
) -> None:
    assert network.shortlist is not None
    listed = np.zeros(VOCABULARY, dtype=bool)
    listed[network.shortlist.frequent] = True
    listed[network.shortlist.candidates(source)] = True
    everything = first_step(whole, source)
    actual = first_step(network.model(Precision.INT8), source)
    found = np.isfinite(actual)
    assert found.sum() == 50
    assert not (found & ~listed).any()
    # The likeliest of the listed, whole or not, gain what the others lose.
    both = found & np.isfinite(everything)
    assert np.array_equal(both, listed & np.isfinite(everything))
    gaps = actual[both] - everything[both]
    np.testing.assert_allclose(gaps, gaps[0], atol=2e-5)
    assert gaps[0] > 0


def test_an_answer_is_the_same_bytes_beside_any_other_list(network: Exported) -> None:
    """Sources with few and many candidates, alone and together, in either order."""
    model = network.model(Precision.INT8)
    positions = range(len(SOURCES))

    def answers(order: list[int]) -> dict[int, list[bytes]]:
        engine, options = Engine(model, LIMITS), search_options(4, max_decoding_length=20)
        futures = {
            each: engine.submit(DecodeRequest(tuple(SOURCES[each]), options)) for each in order
        }
        while not all(future.done() for future in futures.values()):
            engine.workers[0].step()
        return {
            each: [as_bytes(found) for found in future.result().hypotheses]
            for each, future in futures.items()
        }

    alone = {each: answers([each])[each] for each in positions}
    assert answers(list(positions)) == alone
    assert answers(list(reversed(positions))) == alone


def test_a_source_that_stays_needs_no_wider_row_than_its_own(network: Exported) -> None:
    model = network.model(Precision.INT8)
    state = model.encode(SOURCES, [search_options(2)] * len(SOURCES), 2)
    few = take(state, np.array([1]))
    assert few.candidates.shape == (1, FREQUENT)
    assert state.candidates.shape[1] > FREQUENT
