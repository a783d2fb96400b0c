"""Dropout: what it keeps, by how much it grows, and when it does nothing."""

import pytest
import torch

from model_export.model.dropout import SequenceDropout
from model_export.model.seq2seq import Seq2Seq
from tests.networks import PAD, START, UNKNOWN, padded, random_sources, tiny_config


def test_one_mask_serves_all_time_steps_of_a_sequence() -> None:
    torch.manual_seed(0)
    dropped = SequenceDropout(0.3).train()(torch.ones(5, 7, 64))
    assert (dropped == dropped[:, :1]).all()
    assert not (dropped[0] == dropped[1]).all()  # and each sequence has its own
    kept = dropped[dropped != 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / 0.7))


def test_on_average_it_changes_nothing() -> None:
    torch.manual_seed(0)
    dropped = SequenceDropout(0.3).train()(torch.ones(200, 1, 500))
    # The mean of 100,000 draws; its standard deviation is 0.002.
    assert float(dropped.mean()) == pytest.approx(1, abs=0.01)


def test_it_is_the_identity_when_not_training() -> None:
    sequence = torch.randn(2, 3, 4)
    assert SequenceDropout(0.5).eval()(sequence) is sequence
    assert SequenceDropout(0.0).train()(sequence) is sequence


def test_words_are_dropped_in_training_only_and_padding_never() -> None:
    network = Seq2Seq(tiny_config(), 40, pad_id=PAD, unk_id=UNKNOWN, word_dropout=0.5)
    ids, _ = padded(random_sources([30, 10], seed=1))
    torch.manual_seed(0)
    dropped = network.train()._drop_words(ids)
    assert (dropped[ids == PAD] == PAD).all()
    changed = dropped != ids
    assert (dropped[changed] == UNKNOWN).all()
    assert 10 <= int(changed.sum()) <= 30  # of 40
    assert network.eval()._drop_words(ids) is ids


def test_training_differs_from_run_to_run_and_evaluation_does_not() -> None:
    torch.manual_seed(0)
    network = Seq2Seq(tiny_config(), 40, pad_id=PAD, unk_id=UNKNOWN, dropout=0.5)
    ids, lengths = padded(random_sources([5, 3]))
    inputs = torch.full((2, 2), START)

    def cost() -> float:
        return float(network(ids, lengths, inputs, ids[:, :2]).detach())

    network.train()
    assert cost() != cost()
    network.eval()
    assert cost() == cost()


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_r_drop_draws_together_what_dropout_sets_apart(dropout: float) -> None:
    torch.manual_seed(0)
    network = Seq2Seq(tiny_config(), 40, pad_id=PAD, unk_id=UNKNOWN, dropout=dropout).train()
    network.embedding.weight.data.mul_(10)  # so that predictions are no even spread
    ids, lengths = padded(random_sources([5, 3]))
    inputs = torch.full((2, 2), START)

    def cost(weight: float) -> float:
        torch.manual_seed(1)
        return float(network(ids, lengths, inputs, ids[:, :2], r_drop=weight).detach())

    # Two passes and next to no weight on their distance.
    apart = cost(3.0) - cost(1e-9)
    assert cost(6.0) - cost(1e-9) == pytest.approx(2 * apart, rel=1e-4, abs=1e-4)
    if dropout:
        assert apart > 0.1
    else:
        assert apart == pytest.approx(0, abs=1e-5)
        assert cost(3.0) == pytest.approx(cost(0.0), rel=1e-6)
