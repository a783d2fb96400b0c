"""The answer to a text is the same bytes whatever shared its batch; for every architecture.

The engine drives the real graphs here, so sources join, leave, widen and narrow each other's
batches in every way that serving knows.
"""

import numpy as np
import pytest

from model_export.config import AttentionKind, EncoderKind
from service.bundle.manifest import Precision
from service.decoding.contract import BatchState, DecoderModel
from service.decoding.host import concatenate, take, with_slots
from service.decoding.runtime import OnnxModel
from service.domain import DecodedHypothesis, DecodeRequest, SearchOptions
from service.engine import Engine, EngineLimits
from tests.export.graphs import exported
from tests.networks import ARCHITECTURES, random_sources, search_options

LENGTHS = [5, 1, 17, 100, 9, 16, 33, 200, 65, 3]
SOURCES = random_sources(LENGTHS, seed=11)
OPTIONS = [
    search_options(beam_size, num_hypotheses=wanted, length_penalty=penalty, max_decoding_length=14)
    for beam_size, wanted, penalty in [
        (1, 1, 1.0),
        (1, 1, 0.0),
        (4, 4, 1.0),
        (2, 1, 0.6),
        (1, 1, 1.0),
        (3, 2, 1.0),
        (5, 5, 0.0),
        (1, 1, 2.0),
        (13, 3, 1.0),
        (2, 2, 1.0),
    ]
]
LIMITS = EngineLimits(
    max_queue_items=100,
    max_queue_tokens=10_000,
    max_batch_sources=100,
    max_batch_tokens=1_000_000,
    workers=1,
)


@pytest.fixture(params=[Precision.INT8, Precision.FLOAT])
def precision(request: pytest.FixtureRequest) -> Precision:
    return Precision(request.param)


@pytest.fixture(params=ARCHITECTURES, ids=str)
def model(request: pytest.FixtureRequest, precision: Precision) -> OnnxModel:
    return exported(*request.param).model(precision)


def answers(
    model: DecoderModel,
    positions: list[int],
    arrivals: list[int] | None = None,
    limits: EngineLimits = LIMITS,
) -> dict[int, list[bytes]]:
    """Everything the engine answers, as bytes by position in `SOURCES`.

    Args:
        model: Drives the search.
        positions: Which of `SOURCES` are asked, in this order.
        arrivals: How many sources are submitted before each step; all at once by default.
        limits: Bounds of the batch.
    """
    engine = Engine(model, limits)
    futures = {}
    line = iter(positions)
    for count in arrivals or [len(positions)]:
        for position in [next(line) for _ in range(count)]:
            request = DecodeRequest(
                tuple(SOURCES[position]), OPTIONS[position], want_attention=True
            )
            futures[position] = engine.submit(request)
        engine.workers[0].step()
    while not all(future.done() for future in futures.values()):
        engine.workers[0].step()
    return {
        position: [as_bytes(each) for each in future.result(timeout=0).hypotheses]
        for position, future in futures.items()
    }


def as_bytes(hypothesis: DecodedHypothesis) -> bytes:
    attention = b"" if hypothesis.attention is None else hypothesis.attention.tobytes()
    numbers = np.array([hypothesis.log_prob, hypothesis.score]).tobytes()
    log_probs = hypothesis.token_log_probs.tobytes()
    return repr(hypothesis.token_ids).encode() + numbers + log_probs + attention


def test_alone_together_in_any_order_and_arriving_one_by_one(model: OnnxModel) -> None:
    everyone = list(range(len(SOURCES)))
    alone: dict[int, list[bytes]] = {}
    for position in everyone:
        alone |= answers(model, [position])
    assert len({each[0] for each in alone.values()}) == len(SOURCES), "answers should differ"
    assert answers(model, everyone) == alone
    assert answers(model, everyone[::-1]) == alone
    assert answers(model, [3, 1, 4, 0, 9, 2, 6, 5, 8, 7], [1] * len(SOURCES)) == alone
    narrow = EngineLimits(100, 10_000, max_batch_sources=3, max_batch_tokens=1_000_000, workers=1)
    assert answers(model, everyone, limits=narrow) == alone


@pytest.mark.parametrize("size", [32, 96, 192])
@pytest.mark.parametrize("encoder", list(EncoderKind))
def test_encoded_rows_are_the_same_bits(
    encoder: EncoderKind, size: int, precision: Precision
) -> None:
    """Sums over more products than ONNX Runtime takes at once, in every width."""
    model = exported(encoder, AttentionKind.GENERAL, size=size).model(precision)
    options = [search_options(2)] * len(SOURCES)
    together = model.encode(SOURCES, options, 2)
    for position, source in enumerate(SOURCES):
        alone = model.encode([source], options[:1], 2)
        for name, array in alone.memory.items():
            others = together.memory[name][position, : array.shape[1]]
            assert np.array_equal(array[0], others), (name, len(source))
        for name, array in alone.decoder.items():
            assert np.array_equal(array[0], together.decoder[name][position]), (name, len(source))


def test_a_running_search_survives_every_move(model: OnnxModel) -> None:
    """Slots come and go, rows are gathered and joined: the next chunk is the same bits."""
    options = [search_options(1, max_decoding_length=30)] * len(SOURCES)
    state = model.encode(SOURCES, options, 1)
    backwards = np.arange(len(SOURCES))[::-1]
    expected, _ = model.advance(state)
    wider, _ = model.advance(with_slots(state, 4))
    turned, _ = model.advance(take(state, backwards))
    joined, _ = model.advance(concatenate([take(state, np.array([b])) for b in backwards[::-1]]))
    for other in (with_slots(wider, 1), take(turned, backwards), joined):
        for name in ("last_ids", "log_probs", "lengths", "ended", "finished"):
            assert np.array_equal(getattr(expected, name), getattr(other, name)), name


def test_options_are_of_the_row(precision: Precision) -> None:
    """The same source under every one of the options at once, and under each alone."""
    model = exported(EncoderKind.GRU, AttentionKind.GENERAL).model(precision)
    slots = max(option.beam_size for option in OPTIONS)

    def final(options: list[SearchOptions]) -> BatchState:
        state = model.encode([SOURCES[2]] * len(options), options, slots)
        while not state.finished.all():
            state, _ = model.advance(state)
        return state

    together = final(OPTIONS)
    for row, option in enumerate(OPTIONS):
        alone = final([option])
        assert np.array_equal(alone.log_probs[0], together.log_probs[row])
        assert np.array_equal(alone.lengths[0], together.lengths[row])
