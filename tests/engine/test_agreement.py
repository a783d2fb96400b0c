"""What those who watch a search are told: never taken back, and all that is certain."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain import DecodeRequest
from service.engine import Engine, EngineLimits
from tests import reference_search as slow
from tests.engine.scenes import WIDE, options, request, requests, run, same
from tests.fakes import END, TableModel, echo_table, random_table

Tokens = tuple[int, ...]


def watched(asked: DecodeRequest) -> tuple[DecodeRequest, list[Tokens]]:
    """The same request, and what will be said of it."""
    said: list[Tokens] = []
    return replace(asked, on_agreed=said.append), said


@settings(max_examples=60)
@given(
    asked=st.lists(requests(), min_size=1, max_size=6),
    steps=st.integers(1, 5),
    workers=st.integers(1, 2),
)
def test_what_was_said_is_the_beginning_of_whatever_comes(
    asked: list[DecodeRequest], steps: int, workers: int
) -> None:
    limits: EngineLimits = replace(WIDE, workers=workers, max_batch_sources=3)
    engine = Engine(TableModel(random_table(), steps=steps), limits)
    scenes = [watched(one) for one in asked]
    futures = [engine.submit(one) for one, _ in scenes]
    run(engine)
    for future, (_, said) in zip(futures, scenes, strict=True):
        assert said == sorted(set(said), key=len), "it only grows"
        found = future.result(timeout=0)
        for hypothesis in (*found.hypotheses, *found.others()):
            assert all(hypothesis.token_ids[: len(each)] == each for each in said)


@settings(max_examples=60)
@given(asked=requests(max_words=8), steps=st.integers(1, 3))
def test_all_that_is_certain_is_said(asked: DecodeRequest, steps: int) -> None:
    model = TableModel(random_table(), steps=steps)
    asked, said = watched(asked)
    engine = Engine(model, WIDE)
    engine.submit(asked)
    run(engine)
    assert said == certain(model, asked, steps)


def certain(model: TableModel, asked: DecodeRequest, steps: int) -> list[Tokens]:
    """The slow twin: after every chunk, what all hypotheses have in common."""
    rules = model.rules(asked.options)
    slots: list[slow.Hypothesis | None] = [slow.EMPTY, *[None] * (rules.beam_size - 1)]
    found: list[Tokens] = [()]
    step = 0
    while not slow.is_finished(slots, rules):
        moves = slow.beam_step(slots, model.logits(asked.source_ids), rules)
        slots = [move.hypothesis if move else None for move in moves]
        step += 1
        if step % steps == 0 and not slow.is_finished(slots, rules):
            agreed = common([slot.tokens for slot in slots if slot is not None])
            if len(agreed) > len(found[-1]):
                found.append(agreed)
    return found[1:]


def common(sequences: Sequence[Tokens]) -> Tokens:
    agreed = []
    for column in zip(*sequences, strict=False):
        if len(set(column)) > 1 or column[0] == END:
            break
        agreed.append(column[0])
    return tuple(agreed)


@settings(max_examples=30)
@given(asked=requests())
def test_to_be_watched_changes_nothing(asked: DecodeRequest) -> None:
    engine = Engine(TableModel(random_table()), WIDE)
    alone, beside = engine.submit(asked), engine.submit(watched(asked)[0])
    run(engine)
    assert same(alone.result(timeout=0), beside.result(timeout=0))


def test_greedy_search_takes_nothing_back() -> None:
    asked, said = watched(request([4, 5, 6, 7, 8], options(beam_size=1)))
    engine = Engine(TableModel(echo_table(), steps=2), WIDE)
    future = engine.submit(asked)
    run(engine)
    assert said == [(4, 5), (4, 5, 6, 7)]
    assert future.result(timeout=0).hypotheses[0].token_ids == (4, 5, 6, 7, 8)
