"""Asking again: whatever the two futures do, the answer is settled once and work is taken back."""

from concurrent.futures import Future

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain import DecodedSource
from service.errors import DecodingFailed, Overloaded, ServiceError
from service.pipeline.second import SecondAnswer, asked_again

FIRST = DecodedSource((), 3, 0.5, 1.0, 2.0)
OTHER = DecodedSource((), 4, 0.25, 1.0, 2.0)


def test_what_lacks_nothing_is_the_answer() -> None:
    first: Future[DecodedSource] = Future()
    answer = asked_again(first, lambda _: False, Future)
    first.set_result(FIRST)
    assert answer.result(0) is FIRST


def test_what_lacks_something_is_asked_again() -> None:
    first: Future[DecodedSource] = Future()
    second: Future[DecodedSource] = Future()
    answer = asked_again(first, lambda decoded: decoded is FIRST, lambda: second)
    first.set_result(FIRST)
    assert not answer.done()
    second.set_result(OTHER)
    assert answer.result(0) == SecondAnswer((), 7, 0.75, 2.0, 4.0)


@pytest.mark.parametrize("fails", ["refused", "failed", "dropped"])
def test_without_a_second_answer_the_first_is_one(fails: str) -> None:
    first: Future[DecodedSource] = Future()
    second: Future[DecodedSource] = Future()

    def again() -> Future[DecodedSource]:
        if fails == "refused":
            raise Overloaded("no room")
        return second

    answer = asked_again(first, lambda _: True, again)
    first.set_result(FIRST)
    if fails == "failed":
        second.set_exception(DecodingFailed("no"))
    elif fails == "dropped":
        second.cancel()
    assert answer.result(0) is FIRST


def test_an_error_of_the_first_is_that_of_the_answer() -> None:
    first: Future[DecodedSource] = Future()
    answer = asked_again(first, lambda _: True, Future)
    first.set_exception(DecodingFailed("no"))
    assert isinstance(answer.exception(0), ServiceError)


def test_a_bug_is_no_silence() -> None:
    first: Future[DecodedSource] = Future()
    answer = asked_again(first, lambda decoded: decoded.nothing, Future)  # type: ignore[attr-defined]
    first.set_result(FIRST)
    assert isinstance(answer.exception(0), AttributeError)


@given(cancelled_after=st.integers(0, 2))
def test_who_leaves_takes_the_work_along(cancelled_after: int) -> None:
    first: Future[DecodedSource] = Future()
    second: Future[DecodedSource] = Future()
    answer = asked_again(first, lambda _: True, lambda: second)
    if cancelled_after >= 1:
        first.set_result(FIRST)
    if cancelled_after == 2:
        second.set_result(OTHER)
    assert answer.cancel() == (cancelled_after < 2)
    assert first.cancelled() == (cancelled_after == 0)
    assert second.cancelled() == (cancelled_after == 1)


def test_a_first_that_the_engine_drops_is_dropped() -> None:
    first: Future[DecodedSource] = Future()
    answer = asked_again(first, lambda _: True, Future)
    first.cancel()
    assert answer.cancelled()
