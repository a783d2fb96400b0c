"""The exported graphs against PyTorch, every architecture: whole searches, slot by slot."""

import numpy as np
import pytest

from model_export.config import AttentionKind, EncoderKind
from service.bundle.manifest import Precision
from service.decoding.batch import decode
from service.decoding.contract import BatchState, Chunk, DecoderModel
from service.domain import FloatArray, IntArray, SearchOptions
from tests.export.graphs import Exported, exported
from tests.networks import ARCHITECTURES, random_sources, search_options

# Lengths on both sides of the width's steps, so every batch has padding.
SOURCES = random_sources([5, 1, 17, 9, 16, 33], seed=9)
SLOTS = 5
MIXED = [
    search_options(5),
    search_options(1, length_penalty=0.0),
    search_options(4, num_hypotheses=1, max_decoding_length=20),
    search_options(3, length_penalty=0.6, min_decoding_length=5, max_decoding_length=7),
    search_options(2, num_hypotheses=1, length_penalty=2.0, max_decoding_length=1),
    search_options(5, num_hypotheses=2, min_decoding_length=9, max_decoding_length=9),
]


@pytest.fixture(params=ARCHITECTURES, ids=str)
def network(request: pytest.FixtureRequest) -> Exported:
    return exported(*request.param)


def walk(
    left: DecoderModel, right: DecoderModel, options: list[SearchOptions]
) -> list[tuple[BatchState, BatchState, Chunk, Chunk]]:
    """What both models do, chunk by chunk, until both have finished all sources."""
    states = [model.encode(SOURCES, options, SLOTS) for model in (left, right)]
    walked = []
    while not (states[0].finished.all() and states[1].finished.all()):
        (first, ours), (second, theirs) = left.advance(states[0]), right.advance(states[1])
        walked.append((first, second, ours, theirs))
        states = [first, second]
        assert len(walked) < 10, "the search does not end"
    return walked


def behind_tokens(attention: FloatArray, parents: IntArray) -> FloatArray:
    """Weights by the slot a token was put in, from weights by the slot it came from."""
    result: FloatArray = np.take_along_axis(attention, parents[..., np.newaxis], axis=2)
    return result


def assert_same_search(
    left: DecoderModel, right: DecoderModel, options: list[SearchOptions], *, exactly: bool = False
) -> None:
    """Equal tokens, parents and finish of every slot that holds a hypothesis; near numbers."""
    log_prob_atol, attention_atol = (0.0, 0.0) if exactly else (1e-4, 1e-5)
    for first, second, ours, theirs in walk(left, right, options):
        # A Loop ends early when all is done, and then says less.
        n = min(len(ours.tokens), len(theirs.tokens))
        assert np.array_equal(ours.tokens[:n], theirs.tokens[:n])
        held = np.isfinite(ours.log_probs[:n])
        assert np.array_equal(held, np.isfinite(theirs.log_probs[:n]))
        assert np.array_equal(ours.parents[:n][held], theirs.parents[:n][held])
        np.testing.assert_allclose(
            ours.log_probs[:n][held], theirs.log_probs[:n][held], atol=log_prob_atol, rtol=0
        )
        for name in ("finished", "ended", "lengths", "last_ids"):
            ours_after, theirs_after = getattr(first, name), getattr(second, name)
            if name != "finished":
                held = np.isfinite(first.log_probs)
                if name == "last_ids":  # nothing is fed to a hypothesis that has ended
                    held &= ~first.ended
                ours_after, theirs_after = ours_after[held], theirs_after[held]
            assert np.array_equal(ours_after, theirs_after), name
        assert (ours.attention is None) == (theirs.attention is None)
        if ours.attention is not None and theirs.attention is not None:
            grew = ours.tokens[:n] != left.pad_id
            np.testing.assert_allclose(
                behind_tokens(ours.attention[:n], ours.parents[:n])[grew],
                behind_tokens(theirs.attention[:n], theirs.parents[:n])[grew],
                atol=attention_atol,
                rtol=0,
            )


def test_encode_is_pytorchs(network: Exported) -> None:
    options = [search_options(SLOTS)] * len(SOURCES)
    expected = network.torch.encode(SOURCES, options, SLOTS)
    actual = network.model(Precision.FLOAT).encode(SOURCES, options, SLOTS)
    for group in ("memory", "decoder"):
        ours, theirs = getattr(expected, group), getattr(actual, group)
        assert ours.keys() == theirs.keys()
        for name, array in ours.items():
            assert array.dtype == theirs[name].dtype
            np.testing.assert_allclose(theirs[name], array, atol=2e-5, rtol=1e-4)


def test_the_float_graphs_search_as_pytorch_does(network: Exported) -> None:
    assert_same_search(network.torch, network.model(Precision.FLOAT), MIXED)


def test_the_same_beam_for_all_too(network: Exported) -> None:
    uniform = [search_options(SLOTS, max_decoding_length=18)] * len(SOURCES)
    assert_same_search(network.torch, network.model(Precision.FLOAT), uniform)


def test_greedy_with_one_slot_too(network: Exported) -> None:
    options = search_options(1)
    found = decode(network.model(Precision.FLOAT), SOURCES, options)
    for ours, theirs in zip(decode(network.torch, SOURCES, options), found, strict=True):
        assert ours[0].token_ids == theirs[0].token_ids
        assert ours[0].score == pytest.approx(theirs[0].score, abs=1e-4)


@pytest.mark.parametrize("precision", [Precision.INT8, Precision.FLOAT])
def test_written_out_steps_are_the_loop(network: Exported, precision: Precision) -> None:
    unrolled = network.other_advance(precision, unrolled=True)
    looped = network.other_advance(precision, unrolled=False)
    assert_same_search(unrolled, looped, MIXED, exactly=True)


def test_rounding_activations_moves_scores_a_little(network: Exported) -> None:
    """Loud weights turn rounding into other tokens; the first step's numbers stay near."""
    options = [search_options(SLOTS)] * len(SOURCES)
    first = []
    for model in (network.torch, network.model(Precision.INT8)):
        _, chunk = model.advance(model.encode(SOURCES, options, SLOTS))
        first.append(np.sort(chunk.log_probs[0], axis=1))
    assert np.abs(first[0] - first[1]).mean() < 0.1


def test_a_beam_wider_than_the_vocabulary(network: Exported) -> None:
    wide = [search_options(45, max_decoding_length=2)] * 2
    for model in (network.torch, network.model(Precision.FLOAT)):
        state, chunk = model.advance(model.encode(SOURCES[:2], wide, 45))
        # 36 words and the end mark can follow the start.
        assert np.isfinite(chunk.log_probs[0]).sum(axis=1).tolist() == [37, 37]
        assert np.isfinite(chunk.log_probs[1]).all()
        assert state.finished.all()


def test_a_source_that_was_finished_stays_as_it_is() -> None:
    network = exported(EncoderKind.GRU, AttentionKind.GENERAL)
    for precision in Precision:
        model = network.model(precision)
        state = model.encode(SOURCES, MIXED, SLOTS)
        while not state.finished.any():
            state, _ = model.advance(state)
        while not state.finished.all():
            after, chunk = model.advance(state)
            for b in np.flatnonzero(state.finished):
                for name in ("log_probs", "lengths", "ended"):
                    assert np.array_equal(getattr(after, name)[b], getattr(state, name)[b]), name
                assert (chunk.tokens[:, b] == model.pad_id).all()
                assert (chunk.parents[:, b] == np.arange(SLOTS)).all()
            state = after
