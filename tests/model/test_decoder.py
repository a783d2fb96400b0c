"""The decoder against the equations of its module, and its ways of being fed."""

import numpy as np
import pytest
import torch
from torch import Tensor

from model_export.config import AttentionKind, TeacherForcing
from model_export.model.decoder import GruCell
from model_export.model.seq2seq import Seq2Seq
from service.domain import FloatArray
from tests.networks import END, FIRST_WORD, START, loud_network, padded, random_sources, tiny_config

SOURCES = random_sources([6, 2, 9], seed=5)
TARGETS = random_sources([4, 5, 5], seed=6)


@pytest.fixture(params=list(AttentionKind))
def network(request: pytest.FixtureRequest) -> Seq2Seq:
    return loud_network(tiny_config(attention=request.param))


def references() -> tuple[Tensor, Tensor]:
    """Inputs [B, T], start mark first, and targets [B, T], end mark last."""
    targets, _ = padded(TARGETS)
    inputs = torch.cat([torch.full((len(TARGETS), 1), START), targets[:, :-1]], dim=1)
    return inputs, targets


def numbers(tensor: Tensor) -> FloatArray:
    values: FloatArray = tensor.detach().numpy()
    return values


def sigmoid(x: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-x)))


def gru(cell: GruCell, x: FloatArray, h: FloatArray) -> FloatArray:
    """The module's three lines, for one vector."""
    size = len(h)
    w, u = numbers(cell.input.weight), numbers(cell.recurrent.weight)
    b, b_ = numbers(cell.input.bias), numbers(cell.recurrent.bias)
    r_, z_, n_ = (slice(i * size, (i + 1) * size) for i in range(3))
    r = sigmoid(w[r_] @ x + b[r_] + u[r_] @ h + b_[r_])
    z = sigmoid(w[z_] @ x + b[z_] + u[z_] @ h + b_[z_])
    n = np.tanh(w[n_] @ x + b[n_] + r * (u[n_] @ h + b_[n_]))
    return np.asarray(n + z * (h - n))


@torch.inference_mode()
def plain_logits(network: Seq2Seq, source: list[int], inputs: list[int]) -> FloatArray:
    """Logits [T, V] of one source by the module's equations, in NumPy."""
    decoder = network.decoder
    ids, lengths = padded([source])
    encoded = network.encode(ids, lengths)
    memory, summary = encoded.memory, numbers(encoded.summary[0])
    E = numbers(network.embedding.weight)
    s = np.tanh(numbers(decoder.initial.weight) @ summary + numbers(decoder.initial.bias))
    logits = []
    for token in inputs:
        middle = gru(decoder.first, E[token], s)
        if decoder.attention is None:
            c = summary
        else:
            context, _ = decoder.attention(
                torch.from_numpy(middle)[None, None],
                decoder.attention.split(decoder.attention.keys(memory)),
                decoder.attention.split(memory),
                torch.zeros(1, 1, 1, len(source)),
            )
            c = numbers(context[0, 0])
        s = gru(decoder.second, c, middle)
        joined = np.concatenate([s, c, E[token]])
        o = np.tanh(numbers(decoder.output.weight) @ joined + numbers(decoder.output.bias))
        logits.append(E @ o + numbers(network.output_bias))
    return np.array(logits)


@torch.inference_mode()
def taught(network: Seq2Seq, inputs: Tensor) -> Tensor:
    ids, lengths = padded(SOURCES)
    begun, state = network.decoder.begin(network.encode(ids, lengths), lengths)
    return network.logits(network.decoder.teach(begun, state, network.embedding(inputs)).features)


@torch.inference_mode()
def sampled(network: Seq2Seq, inputs: Tensor, ratio: float) -> Tensor:
    ids, lengths = padded(SOURCES)
    begun, state = network.decoder.begin(network.encode(ids, lengths), lengths)
    features = network.decoder.sample(
        begun,
        state,
        inputs,
        source_ids=ids,
        embedding=network.embedding,
        output_bias=network.output_bias,
        ratio=ratio,
    ).features
    return network.logits(features)


def test_it_is_the_equations(network: Seq2Seq) -> None:
    inputs, _ = references()
    logits = taught(network, inputs)
    for row, source in enumerate(SOURCES):
        plain = plain_logits(network, source, inputs[row].tolist())
        np.testing.assert_allclose(logits[row].numpy(), plain, atol=1e-4, rtol=1e-4)


def test_a_taught_target_is_its_steps_one_by_one(network: Seq2Seq) -> None:
    inputs, _ = references()
    ids, lengths = padded(SOURCES)
    decoder = network.decoder
    with torch.inference_mode():
        source, state = decoder.begin(network.encode(ids, lengths), lengths)
        steps = []
        for time in range(inputs.shape[1]):
            embedded = network.embedding(inputs[:, time : time + 1])
            step = decoder.step(source, decoder.first.input(embedded), state)
            steps.append(network.logits(decoder.outputs([step], embedded).features))
            state = step.state
    torch.testing.assert_close(taught(network, inputs), torch.cat(steps, 1), atol=1e-5, rtol=1e-5)


def test_many_rows_of_one_source_are_those_rows_alone(network: Seq2Seq) -> None:
    """K hypotheses look at one source without seeing each other."""
    ids, lengths = padded(SOURCES)
    decoder = network.decoder
    with torch.inference_mode():
        source, state = decoder.begin(network.encode(ids, lengths), lengths)
        tokens = torch.tensor([[START, 7, 9]] * len(SOURCES))
        projected = decoder.first.input(network.embedding(tokens))
        states = torch.cat([state, state / 2, -state], dim=1)
        together = decoder.step(source, projected, states)
        for k in range(3):
            alone = decoder.step(source, projected[:, k : k + 1], states[:, k : k + 1])
            torch.testing.assert_close(together.state[:, k : k + 1], alone.state)
            torch.testing.assert_close(together.context[:, k : k + 1], alone.context)


def test_states_contexts_and_features_stay_within_one(network: Seq2Seq) -> None:
    ids, lengths = padded(SOURCES)
    decoder = network.decoder
    with torch.inference_mode():
        for parameter in network.parameters():
            parameter.mul_(10)
        source, state = decoder.begin(network.encode(ids, lengths), lengths)
        for token in (START, 8, 30):
            embedded = network.embedding(torch.full((len(SOURCES), 1), token))
            step = decoder.step(source, decoder.first.input(embedded), state)
            state = step.state
            features = decoder.outputs([step], embedded).features
            for value in (state, step.context, features):
                assert value.abs().max() <= 1 + 1e-5  # a weighted mean may round up


def test_full_teacher_forcing_is_the_same_by_either_way(network: Seq2Seq) -> None:
    inputs, _ = references()
    torch.testing.assert_close(
        sampled(network, inputs, 1.0), taught(network, inputs), atol=1e-5, rtol=1e-5
    )


def test_free_running_sees_only_the_start_mark(network: Seq2Seq) -> None:
    inputs, _ = references()
    others = torch.full_like(inputs, FIRST_WORD)
    others[:, 0] = START
    free = sampled(network, inputs, 0.0)
    assert torch.equal(free, sampled(network, others, 0.0))
    # It is fed what it found likeliest itself.
    own = torch.cat([inputs[:, :1], free.argmax(-1)[:, :-1]], dim=1)
    torch.testing.assert_close(free, taught(network, own), atol=1e-5, rtol=1e-5)


def test_between_the_two_each_position_tosses_a_coin() -> None:
    network = loud_network()
    source, _ = padded([SOURCES[0]] * 400)
    lengths = torch.full((400,), len(SOURCES[0]))
    inputs = torch.tensor([[START, 5]] * 400)
    torch.manual_seed(0)
    with torch.inference_mode():
        begun, state = network.decoder.begin(network.encode(source, lengths), lengths)
        features = network.decoder.sample(
            begun,
            state,
            inputs,
            source_ids=source,
            embedding=network.embedding,
            output_bias=network.output_bias,
            ratio=0.25,
        ).features
    seconds = features[:, 1]
    forced = taught_second(network, SOURCES[0], 5)
    kept = int(torch.isclose(seconds, forced, atol=1e-4).all(1).sum())
    assert 70 <= kept <= 130  # 100 expected, 8.7 the standard deviation


@torch.inference_mode()
def taught_second(network: Seq2Seq, source: list[int], token: int) -> Tensor:
    """The second feature vector when the second input is `token`, [D]."""
    ids, lengths = padded([source])
    begun, state = network.decoder.begin(network.encode(ids, lengths), lengths)
    embedded = network.embedding(torch.tensor([[START, token]]))
    return network.decoder.teach(begun, state, embedded).features[0, 1]


def test_the_ratio_goes_in_a_straight_line_and_stays() -> None:
    schedule = TeacherForcing(start=1.0, end=0.5, steps=10)
    assert [schedule.ratio(step) for step in (0, 5, 10, 1000)] == [1.0, 0.75, 0.5, 0.5]
    assert TeacherForcing().ratio(3) == 1.0
    assert TeacherForcing(start=0.0, end=0.0).ratio(0) == 0.0


@pytest.mark.parametrize("ratio", [1.0, 0.5, 0.0])
def test_the_cost_is_that_of_the_real_targets(ratio: float) -> None:
    """Padding of the targets costs nothing, whichever way the decoder is fed."""
    network = loud_network()
    inputs, targets = references()
    ids, lengths = padded(SOURCES)
    wide_inputs = torch.nn.functional.pad(inputs, (0, 3))
    wide_targets = torch.nn.functional.pad(targets, (0, 3))
    costs = []
    for each_inputs, each_targets in ((inputs, targets), (wide_inputs, wide_targets)):
        torch.manual_seed(3)
        with torch.inference_mode():
            cost = network(ids, lengths, each_inputs, each_targets, teacher_forcing=ratio)
        costs.append(float(cost))
    assert costs[0] == pytest.approx(costs[1], rel=1e-5)
    assert END in targets  # and the end mark is a target like any other
    if ratio == 1.0:
        log_probs = torch.log_softmax(taught(network, inputs), -1)
        real = targets != network.pad_id
        picked = log_probs.gather(2, targets.unsqueeze(2)).squeeze(2)[real]
        assert costs[0] == pytest.approx(-float(picked.sum()), rel=1e-5)
