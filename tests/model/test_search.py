"""Beam search in PyTorch against its slow twins, all asking the same network."""

from collections.abc import Sequence

import numpy as np
import pytest

from model_export.model.search import TorchDecoder
from model_export.model.seq2seq import Seq2Seq
from service.decoding.batch import decode
from service.decoding.contract import DecoderModel
from service.domain import DecodedHypothesis, SearchOptions
from tests.networks import (
    ARCHITECTURES,
    COPYING,
    END,
    IDS,
    PAD,
    START,
    UNKNOWN,
    asking,
    loud_network,
    random_sources,
    search_options,
    tiny_config,
)
from tests.reference_search import (
    Hypothesis,
    Rules,
    beam_search,
    exhaustive_search,
    greedy_search,
    ranked,
    score,
)

SOURCES = random_sources([6, 1, 17, 3], vocabulary_size=12, seed=2)


@pytest.fixture(scope="module", params=[*ARCHITECTURES[:4], *COPYING], ids=str)
def network(request: pytest.FixtureRequest) -> Seq2Seq:
    return loud_network(tiny_config(*request.param), vocabulary_size=12, seed=1)


def rules(options: SearchOptions) -> Rules:
    return Rules.of(options, end_id=END, never=(PAD, UNKNOWN, START))


def searched(network: Seq2Seq, options: SearchOptions) -> list[list[DecodedHypothesis]]:
    model: DecoderModel = TorchDecoder(network, IDS, steps=3)
    return decode(model, SOURCES, options)


def assert_same(
    found: Sequence[DecodedHypothesis], expected: Sequence[Hypothesis], options: SearchOptions
) -> None:
    without_end = [tuple(token for token in each.tokens if token != END) for each in expected]
    assert [each.token_ids for each in found] == without_end
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.log_prob == pytest.approx(theirs.log_prob, abs=1e-4)
        assert ours.score == pytest.approx(score(theirs, rules(options)), abs=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        search_options(4),
        search_options(4, num_hypotheses=1),
        search_options(3, length_penalty=0.0, min_decoding_length=3, max_decoding_length=6),
        search_options(5, num_hypotheses=2, length_penalty=2.0, max_decoding_length=5),
        search_options(4, num_hypotheses=1, length_penalty=0.0),
        search_options(2, min_decoding_length=4, max_decoding_length=4),
        search_options(11, max_decoding_length=3),  # wider than the tokens that can be produced
    ],
    ids=str,
)
def test_it_is_the_reference_search(network: Seq2Seq, options: SearchOptions) -> None:
    for source, found in zip(SOURCES, searched(network, options), strict=True):
        expected = beam_search(asking(network, source), rules(options))
        assert_same(found, expected[: options.num_hypotheses], options)


def test_a_beam_of_one_is_greedy(network: Seq2Seq) -> None:
    options = search_options(1, length_penalty=0.6)
    for source, found in zip(SOURCES, searched(network, options), strict=True):
        expected = greedy_search(asking(network, source), rules(options))
        assert_same(found, [expected], options)


def test_a_wide_beam_is_exhaustive() -> None:
    """3 words and the end mark; at most 4 tokens, the last of which may be any of the four."""
    network = loud_network(vocabulary_size=7, seed=8)
    sources = random_sources([4, 9], vocabulary_size=7)
    options = search_options(160, max_decoding_length=3)
    model = TorchDecoder(network, IDS)
    for source, found in zip(sources, decode(model, sources, options), strict=True):
        expected = exhaustive_search(asking(network, source), rules(options))
        assert len(expected) == 1 + 3 + 9 + 27 * 4
        by_score = ranked(expected, rules(options))
        assert len(found) == len(by_score)
        assert_same(found[:20], by_score[:20], options)


def test_attention_sums_to_one_over_the_source() -> None:
    network = loud_network(vocabulary_size=12, seed=1)
    options = search_options(3)
    for source, found in zip(SOURCES, searched(network, options), strict=True):
        for hypothesis in found:
            assert hypothesis.attention is not None
            assert hypothesis.attention.shape == (len(hypothesis.token_ids), len(source))
            np.testing.assert_allclose(hypothesis.attention.sum(1), 1, atol=1e-5)
