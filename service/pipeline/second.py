"""A sentence that is asked a second time, because its first answer lacks a term.

Futures here are settled in the thread that decodes, and may be cancelled in any.
"""

from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import partial

from service.domain import DecodedSource
from service.errors import ServiceError

Answer = Future[DecodedSource]


@dataclass(frozen=True, slots=True)
class SecondAnswer(DecodedSource):
    """What the second request was answered with; times and steps are those of both."""


def asked_again(
    first: Answer, lacks: Callable[[DecodedSource], bool], again: Callable[[], Answer]
) -> Answer:
    """The first answer, or a `SecondAnswer` if that lacks something.

    Where there is no second answer, the first is still one.

    Args:
        first: What is asked already.
        lacks: Whether an answer to it calls for another.
        again: Asks for that.

    Returns:
        A future that takes all its work back when it is cancelled.
    """
    answer: Answer = Future()
    answer.add_done_callback(partial(_cancel_with, first))
    first.add_done_callback(partial(_on_first, answer, lacks, again))
    return answer


def _on_first(
    answer: Answer,
    lacks: Callable[[DecodedSource], bool],
    again: Callable[[], Answer],
    first: Answer,
) -> None:
    if first.cancelled():
        answer.cancel()
        return
    error = first.exception()
    if error is not None:
        _fail(answer, error)
        return
    decoded = first.result()
    try:
        second = again() if lacks(decoded) else None
    except ServiceError:  # the engine takes no work any more
        second = None
    except Exception as bug:  # a callback's own error is logged and forgotten, and nobody answered
        _fail(answer, bug)
        return
    if second is None:
        _give(answer, decoded)
        return
    answer.add_done_callback(partial(_cancel_with, second))
    second.add_done_callback(partial(_on_second, answer, decoded))


def _on_second(answer: Answer, decoded: DecodedSource, second: Answer) -> None:
    if second.cancelled() or second.exception() is not None:
        _give(answer, decoded)
        return
    values = {field.name: getattr(second.result(), field.name) for field in fields(DecodedSource)}
    for name in ("decode_steps", "queue_s", "encode_s", "decode_s"):
        values[name] += getattr(decoded, name)
    _give(answer, SecondAnswer(**values))


def _cancel_with(other: Answer, answer: Answer) -> None:
    if answer.cancelled():
        other.cancel()


def _give(answer: Answer, decoded: DecodedSource) -> None:
    with suppress(InvalidStateError):  # it was cancelled meanwhile
        answer.set_result(decoded)


def _fail(answer: Answer, error: BaseException) -> None:
    with suppress(InvalidStateError):
        answer.set_exception(error)
