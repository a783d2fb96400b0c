"""The answer to a source: right, and the same bytes whatever shared its batch."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain import DecodedSource, DecodeRequest, FinishReason, SearchOptions
from service.engine import Engine, EngineLimits
from service.engine.plan import CPU_COSTS, GPU_COSTS, Costs
from tests import reference_search as slow
from tests.engine.scenes import WIDE, WatchedModel, options, request, requests, run, same, searches
from tests.fakes import END, TableModel, attention, random_table


def answer_alone(model: TableModel, asked: DecodeRequest) -> DecodedSource:
    engine = Engine(model, WIDE)
    future = engine.submit(asked)
    run(engine)
    return future.result(timeout=0)


@settings(max_examples=60, deadline=None)
@given(
    asked=st.lists(requests(), min_size=1, max_size=8),
    # After how many steps of the workers each request arrives.
    arrivals=st.lists(st.integers(0, 4), min_size=8, max_size=8),
    # The widest source is padded to 48 tokens and has 5 slots.
    limits=st.builds(
        EngineLimits,
        max_queue_items=st.just(1000),
        max_queue_tokens=st.just(100_000),
        max_batch_sources=st.integers(1, 6),
        max_batch_tokens=st.integers(48 * 5, 2000),
        workers=st.integers(1, 3),
        max_encode_tokens=st.integers(1, 200),
        costs=st.sampled_from([CPU_COSTS, GPU_COSTS, Costs(0, 1, 64)]),
    ),
    steps=st.integers(1, 5),
)
def test_company_never_changes_an_answer(
    asked: list[DecodeRequest],
    arrivals: list[int],
    limits: EngineLimits,
    steps: int,
) -> None:
    model = WatchedModel(random_table(), steps=steps)
    engine = Engine(model, limits)
    futures = []
    for one, pause in zip(asked, arrivals, strict=False):
        for _ in range(pause):
            for worker in engine.workers:
                worker.step()
        futures.append(engine.submit(one))
    run(engine)
    assert max((B for B, _, _ in model.advanced)) <= limits.max_batch_sources
    assert max((B * S * K for B, S, K in model.advanced)) <= limits.max_batch_tokens
    for one, future in zip(asked, futures, strict=True):
        assert same(future.result(timeout=0), answer_alone(model, one))


@settings(max_examples=100, deadline=None)
@given(asked=requests(), steps=st.integers(1, 9))
def test_the_engine_finds_what_the_plain_search_finds(asked: DecodeRequest, steps: int) -> None:
    model = TableModel(random_table(), steps=steps)
    rules = model.rules(asked.options)
    logits = model.logits(asked.source_ids)
    expected = slow.beam_search(logits, rules)[: asked.options.num_hypotheses]

    found = answer_alone(model, asked).hypotheses

    for hypothesis, twin in zip(found, expected, strict=True):
        ended = twin.tokens[-1] == END
        words = twin.tokens[:-1] if ended else twin.tokens
        assert hypothesis.token_ids == words
        assert hypothesis.finish_reason is (FinishReason.END if ended else FinishReason.LENGTH)
        assert hypothesis.log_prob == float(twin.log_prob)
        assert hypothesis.score == pytest.approx(slow.score(twin, rules))
        own = [slow.next_log_probs(logits(words[:t]), rules)[word] for t, word in enumerate(words)]
        np.testing.assert_allclose(hypothesis.token_log_probs, own, atol=1e-5)
        assert hypothesis.attention is not None
        assert hypothesis.attention.shape == (len(words), len(asked.source_ids))
        for t, row in enumerate(hypothesis.attention):
            np.testing.assert_array_equal(row, attention(asked.source_ids, words[:t]))
    scores = [hypothesis.score for hypothesis in found]
    assert scores == sorted(scores, reverse=True)


@settings(max_examples=60, deadline=None)
@given(asked=requests())
def test_a_beam_of_one_is_greedy_search(asked: DecodeRequest) -> None:
    asked = replace(asked, options=replace(asked.options, beam_size=1, num_hypotheses=1))
    model = TableModel(random_table())
    greedy = slow.greedy_search(model.logits(asked.source_ids), model.rules(asked.options))
    (found,) = answer_alone(model, asked).hypotheses
    assert found.token_ids == tuple(token for token in greedy.tokens if token != END)
    assert found.log_prob == float(greedy.log_prob)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), search=searches(max_length=3))
def test_a_wide_beam_is_exhaustive_search(seed: int, search: SearchOptions) -> None:
    # Two words and the end mark: 1 + 2 + 4 + 8 * 3 = 31 hypotheses of up to four tokens.
    model = TableModel(random_table(vocabulary_size=6, seed=seed))
    for num_hypotheses in (1, 31):
        search = replace(search, beam_size=40, num_hypotheses=num_hypotheses)
        asked = request(3, search)
        everything = slow.exhaustive_search(
            model.logits(asked.source_ids), model.rules(asked.options)
        )
        found = answer_alone(model, asked).hypotheses
        assert len(found) == min(num_hypotheses, len(everything))
        assert [h.score for h in found] == [
            slow.score(h, model.rules(search)) for h in everything[: len(found)]
        ]


def test_a_model_without_attention_has_no_attention_to_show() -> None:
    model = TableModel(with_attention=False)
    (found,) = answer_alone(model, request(3)).hypotheses
    assert found.attention is None


@settings(max_examples=30, deadline=None)
@given(asked=requests())
def test_attention_that_nobody_asks_for_changes_nothing_else(asked: DecodeRequest) -> None:
    model = TableModel(random_table())
    shown = answer_alone(model, replace(asked, want_attention=True))
    hidden = answer_alone(model, replace(asked, want_attention=False))
    assert all(each.attention is None for each in hidden.hypotheses)
    assert all(each.attention is None for each in hidden.others())
    plain = [replace(each, attention=None) for each in shown.hypotheses]
    others = [replace(each, attention=None) for each in shown.others()]
    bare = replace(shown, hypotheses=tuple(plain), others=lambda: tuple(others))
    assert same(bare, hidden)


def test_one_batch_serves_different_beams_and_narrows_when_the_wide_one_has_left() -> None:
    model = WatchedModel(steps=1)
    engine = Engine(model, WIDE)
    never_early = options(2, min_decoding_length=9, max_decoding_length=9)
    narrow = engine.submit(request(3, never_early))
    engine.workers[0].step()
    wide = engine.submit(request(4, options(5, 5, max_decoding_length=3)))
    run(engine)
    slots = [K for _, _, K in model.advanced]
    assert slots[0] == 2
    assert slots[1] == 5  # one row more is cheaper than another call
    assert slots[-1] == 2
    assert len(narrow.result(timeout=0).hypotheses) == 1
    assert len(wide.result(timeout=0).hypotheses) == 5


@settings(max_examples=60, deadline=None)
@given(asked=requests())
def test_the_others_are_the_rest_of_what_the_search_found(asked: DecodeRequest) -> None:
    model = TableModel(random_table())
    everything = replace(asked.options, num_hypotheses=asked.options.beam_size)
    all_of_them = answer_alone(model, replace(asked, options=everything))
    answer = answer_alone(model, asked)
    known = {each.token_ids: each.score for each in all_of_them.hypotheses}
    found = [*answer.hypotheses, *answer.others()]
    assert all_of_them.others() == ()
    # A search for one hypothesis may end before the others have.
    assert len(found) == len(known) or asked.options.num_hypotheses == 1
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    assert {each.token_ids: each.score for each in found}.items() <= known.items()
