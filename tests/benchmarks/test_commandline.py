"""The engine is kept busy with everything, and shares are those of a round."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.commandline import COMMAND, TEXT, TOKENS, by_length, decoded, row
from benchmarks.interleave import Spread
from service.domain import DecodedSource, DecodeRequest, SearchOptions

OPTIONS = SearchOptions(4, 1, 1.0, 1, 64)


@dataclass
class Answering:
    """Answers at once."""

    asked: list[DecodeRequest] = field(default_factory=list)

    def submit_many(
        self, requests: Sequence[DecodeRequest], *, again: bool = False
    ) -> list[Future[DecodedSource]]:
        assert not again
        self.asked += requests
        futures: list[Future[DecodedSource]] = [Future() for _ in requests]
        for future in futures:
            future.set_result(DecodedSource((), 1, 0.0, 0.0, 0.0))
        return futures


@given(st.integers(0, 1500))
def test_everything_is_asked_once_and_in_order(count: int) -> None:
    requests = [DecodeRequest((number,), OPTIONS) for number in range(count)]
    engine = Answering()
    decoded(engine, requests)
    assert engine.asked == requests


@given(st.lists(st.integers(1, 9)))
def test_by_length_is_everything_patiently_the_shortest_first(lengths: list[int]) -> None:
    requests = [DecodeRequest((0,) * length, OPTIONS) for length in lengths]
    ordered = by_length(requests)
    assert [len(request.source_ids) for request in ordered] == sorted(lengths)
    assert all(request.priority == 1 for request in ordered)


def test_a_share_is_of_the_same_round_and_beam() -> None:
    clock = {
        (None, TOKENS): Spread((100.0, 50.0)),
        (None, TEXT): Spread((90.0, 45.0)),
        (None, COMMAND): Spread((80.0, 40.0)),
        (1, TOKENS): Spread((1.0, 1.0)),
    }
    processor = {key: Spread((700.0, 900.0)) for key in clock}
    assert row(None, COMMAND, clock, processor) == {
        "beam": "own",
        "who": "command line",
        "sentences/s": 60.0,
        "lowest": 40.0,
        "highest": 80.0,
        "share": 0.8,
        "processor us/sentence": 800.0,
    }
