"""The load generator's pure parts: when requests are due, what came of them, what is read."""

import argparse
import itertools
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import percentile, slope
from benchmarks.load.__main__ import read_tables
from benchmarks.load.bodies import long_source, sentences, short_texts, translate_bodies
from benchmarks.load.traffic import Open, Outcome, poisson_arrivals
from benchmarks.load.wire import ProtocolError, Reply, ReplyReader, post
from benchmarks.memory import Sample, growth_by_quarter, growth_bytes_per_minute
from service.text.segment import split
from service.text.tokenizer import Tokenizer

FIGURES = st.floats(-1e6, 1e6)


class TestPercentile:
    @pytest.mark.parametrize(
        ("share", "value"), [(0.01, 1), (0.25, 1), (0.5, 2), (0.75, 3), (0.99, 4), (1.0, 4)]
    )
    def test_nearest_rank(self, share: float, value: float) -> None:
        assert percentile([3, 1, 4, 2], share) == value

    @given(st.lists(FIGURES, min_size=1), st.floats(0.01, 1.0))
    def test_is_the_smallest_that_enough_do_not_exceed(
        self, values: Sequence[float], share: float
    ) -> None:
        found = percentile(values, share)

        assert found in values
        assert sum(value <= found for value in values) >= share * len(values)
        assert sum(value < found for value in values) < share * len(values)


class TestSlope:
    def test_of_a_line_is_its_own(self) -> None:
        assert slope([(x, 3.0 * x - 7.0) for x in (0.0, 1.0, 5.0)]) == pytest.approx(3.0)

    @given(st.lists(FIGURES, min_size=2, max_size=20))
    def test_no_other_fits_better(self, values: Sequence[float]) -> None:
        points = [(float(x), y) for x, y in enumerate(values)]
        found = slope(points)

        def error(tried: float) -> float:
            """Squared error of the best line of that slope."""
            rests = [y - tried * x for x, y in points]
            mean = sum(rests) / len(rests)
            return sum((rest - mean) ** 2 for rest in rests)

        tolerance = 1e-6 * (1 + error(found))
        assert all(error(found) <= error(found + step) + tolerance for step in (-1.0, 0.1, 10.0))


class TestArrivals:
    def test_come_at_the_rate_and_as_irregularly_as_from_many_clients(self) -> None:
        arrivals = poisson_arrivals(Open(rate_per_s=50.0, seed=3), seconds=400.0)

        assert arrivals == sorted(arrivals)
        assert arrivals[0] > 0
        assert arrivals[-1] < 400.0
        # 20,000 are due, give or take the root of that; as many again are three deviations.
        assert abs(len(arrivals) - 20_000) < 450
        gaps = [late - early for early, late in itertools.pairwise(arrivals)]
        mean = sum(gaps) / len(gaps)
        variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
        # Of an exponential distribution both are the same; a metronome's variance is 0.
        assert variance**0.5 == pytest.approx(mean, rel=0.05)

    def test_a_seed_gives_the_same_again(self) -> None:
        pace = Open(rate_per_s=10.0, seed=5)
        assert poisson_arrivals(pace, 3.0) == poisson_arrivals(pace, 3.0)
        assert poisson_arrivals(pace, 3.0) != poisson_arrivals(Open(10.0, seed=6), 3.0)


def test_an_outcome_tells_good_from_late_and_refused() -> None:
    outcome = Outcome(window_s=2.0, answered=3, ok_s=[0.1, 0.2, 5.0], refused_s=[0.001])
    outcome.counts.update({200: 3, 429: 1})

    assert outcome.per_second == 1.5
    assert outcome.good_per_second(deadline_s=1.0) == 1.0
    assert outcome.refused_share == 0.25
    assert outcome.ok_ms(0.5) == 200.0
    assert outcome.refused_ms(1.0) == 1.0
    assert Outcome(window_s=1.0).ok_ms(0.5) is None


def test_growth_is_that_of_the_last_half() -> None:
    # Warming up takes 100 bytes; from then on it is 5 a minute.
    warm_up = [Sample(float(minute), 20 * minute) for minute in range(5)]
    steady = [Sample(float(minute), 75 + 5 * minute) for minute in range(5, 11)]
    assert growth_bytes_per_minute([*warm_up, *steady]) == pytest.approx(5.0)


def test_growth_by_quarter_tells_what_fills_up_from_what_leaks() -> None:
    filling = [Sample(minute / 2, round(1e6 * (1 - 0.5**minute))) for minute in range(17)]
    leaking = [Sample(minute / 2, 10 * minute) for minute in range(17)]
    growth = growth_by_quarter(filling)
    assert growth == sorted(growth, reverse=True)
    assert growth[-1] < growth[0] / 20
    assert growth_by_quarter(leaking) == pytest.approx([20.0] * 4)


class TestReplyReader:
    ANSWER = (
        b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 5\r\nRetry-After: 3\r\n"
        b"X-Other: content\r\n\r\nsorry"
    )

    @given(st.lists(st.integers(1, len(ANSWER) - 1), max_size=6), st.integers(1, 3))
    def test_answers_are_whole_however_they_arrive(self, cuts: list[int], answers: int) -> None:
        reader = ReplyReader()
        edges = [0, *sorted(set(cuts)), len(self.ANSWER)]
        for _ in range(answers):
            *early, last = [
                reader.feed(self.ANSWER[begin:end]) for begin, end in itertools.pairwise(edges)
            ]
            assert not any(early)
            assert last == Reply(429, b"sorry", retry_after_s=3.0)

    def test_what_it_does_not_understand_is_refused(self) -> None:
        with pytest.raises(ProtocolError, match="no Content-Length"):
            ReplyReader().feed(b"HTTP/1.1 200 OK\r\n\r\n")
        with pytest.raises(ProtocolError, match="more arrived"):
            ReplyReader().feed(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab")

    def test_a_request_says_how_long_it_is(self) -> None:
        head, _, body = post("/translate", b'{"q": "\xc3\xbc"}').partition(b"\r\n\r\n")
        assert head.startswith(b"POST /translate HTTP/1.1\r\n")
        assert b"Content-Length: 11" in head
        assert len(body) == 11


class TestBodies:
    def test_sentences_are_ordinary_and_all_different(self) -> None:
        lines = sentences()
        assert len(set(lines)) == len(lines) >= 200
        assert all(4 <= len(line.split()) <= 25 for line in lines)
        assert all(len(split(line, "en").segments) == 1 for line in lines)

    @pytest.mark.parametrize("per_request", [1, 3])
    def test_bodies_hold_every_text_equally_often(self, per_request: int) -> None:
        texts = ["a", "b", "c", "d"]
        bodies = [json.loads(body) for body in translate_bodies(texts, per_request, timeout_s=2)]

        asked = [body["q"] for body in bodies]
        flat = asked if per_request == 1 else [text for texts in asked for text in texts]
        assert all(flat.count(text) == per_request for text in texts)
        assert all(body["timeout_s"] == 2 for body in bodies)

    def test_a_long_source_is_one_sentence_of_no_more_tokens(self, tokenizer: Tokenizer) -> None:
        source = long_source(sentences(), 200, tokenizer)
        assert 150 < len(tokenizer.encode(source)) <= 200
        assert len(split(source, "en").segments) == 1

    def test_short_texts_are_short(self, tokenizer: Tokenizer) -> None:
        texts = short_texts(["the dog sees Tom.", "keys."], 3, tokenizer)
        assert all(len(tokenizer.encode(text)) <= 3 for text in texts if " " in text)
        assert all(text.endswith(".") for text in texts)


def test_tables_are_named_or_refused() -> None:
    assert read_tables("company,open") == ["company", "open"]
    with pytest.raises(
        argparse.ArgumentTypeError, match=r"\['opne'\] are none; there are capacity"
    ):
        read_tables("opne")
