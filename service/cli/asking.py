"""Many texts to a service and their answers back, in order, with its queue kept full.

Texts that have come together are asked in the order of their lengths: what is decoded together
then ends together, which is less work for the models.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from service.cli.status import CommandFailed

# What is asked for in one request. Answers to a list come together, so it is short beside what
# is in flight; the limits of a server, which are settings of its own, are far above.
_TEXTS = 128
_CHARACTERS = 100_000
# Enough for the workers of a large machine to find their next sentences waiting.
_IN_FLIGHT = 8
# Answers that may wait for one before them. A request waits for its slowest sentence, also for
# those that are searched a second time; so long, others go on.
_AHEAD = 64
# A server that is full says when to come back.
_RETRIES = 10
_BUSY = (429, 503)


# What became of texts, by their places among all texts: their answers, or why there is none.
_Outcomes = dict[int, str | CommandFailed]


@dataclass(frozen=True, slots=True)
class Errand:
    """What is asked of every text.

    Attributes:
        path: Of the route, relative to the server's address.
        texts_as: Field of the request that takes the texts.
        answers_as: Field of the answer that holds theirs.
        fields: Further fields.
        hear: Called with the whole of each answer, in any order.
    """

    path: str
    texts_as: str
    answers_as: str
    fields: Mapping[str, Any]
    hear: Callable[[Mapping[str, Any]], None] | None = None


async def ask_all(
    client: httpx.AsyncClient,
    errand: Errand,
    batches: AsyncIterator[list[str]],
    take: Callable[[list[str]], None],
) -> None:
    """Answer all texts.

    Args:
        client: With the server's address.
        errand: What is asked of every text.
        batches: Texts, as they come.
        take: Called with answers as soon as they and all before them are there.

    Raises:
        CommandFailed: A text cannot be read, or the server refused one or is not there; all
            before it has been taken.
    """
    waiting: asyncio.Queue[asyncio.Task[_Outcomes] | CommandFailed | None]
    waiting = asyncio.Queue(_AHEAD)
    room = asyncio.Semaphore(_IN_FLIGHT)

    async def send(group: asyncio.TaskGroup) -> None:
        first = 0
        try:
            async for batch in batches:
                for portion in _portions(batch, first):
                    await room.acquire()
                    task = group.create_task(_outcomes(client, errand, portion))
                    task.add_done_callback(lambda _: room.release())
                    await waiting.put(task)
                first += len(batch)
            await waiting.put(None)
        except CommandFailed as error:
            await waiting.put(error)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(send(group))
            ordered = _Ordered(take)
            while (item := await waiting.get()) is not None:
                if isinstance(item, CommandFailed):
                    raise item
                ordered.add(await item)
    except ExceptionGroup as failures:  # the group's wrapping of the one failure
        raise failures.exceptions[0] from None


class _Ordered:
    """Hands on outcomes in the order of their places, whatever order they come in."""

    def __init__(self, take: Callable[[list[str]], None]) -> None:
        self._take = take
        self._early: _Outcomes = {}
        self._due = 0

    def add(self, outcomes: _Outcomes) -> None:
        """Take what is due by now.

        Raises:
            CommandFailed: It is due; all before it has been taken.
        """
        self._early |= outcomes
        answers: list[str] = []
        failure = None
        while failure is None and self._due in self._early:
            outcome = self._early.pop(self._due)
            if isinstance(outcome, CommandFailed):
                failure = outcome
            else:
                answers.append(outcome)
                self._due += 1
        if answers:
            self._take(answers)
        if failure is not None:
            raise CommandFailed(f"text {self._due + 1}: {failure}")


def _portions(texts: Sequence[str], first: int) -> Iterator[dict[int, str]]:
    """Texts of like length, by place, as many as are asked in one request; the shortest first.

    Args:
        texts: That have come together.
        first: Place of the first of them.
    """
    portion: dict[int, str] = {}
    characters = 0
    for number, text in sorted(enumerate(texts), key=lambda each: len(each[1])):
        if len(portion) == _TEXTS or (portion and characters + len(text) > _CHARACTERS):
            yield portion
            portion, characters = {}, 0
        portion[first + number] = text
        characters += len(text)
    if portion:
        yield portion


async def _outcomes(
    client: httpx.AsyncClient, errand: Errand, portion: Mapping[int, str]
) -> _Outcomes:
    """The answers to texts by place; up to the first that is refused, if one is."""
    try:
        return dict(zip(portion, await _ask(client, errand, list(portion.values())), strict=True))
    except CommandFailed as error:
        if len(portion) == 1 or not isinstance(error, _Refused):
            return dict.fromkeys(portion, error)
    # One of them is to blame, or there are too many: half of them next, and then the others.
    ordered = sorted(portion.items())
    middle = len(ordered) // 2
    outcomes = await _outcomes(client, errand, dict(ordered[:middle]))
    if not any(isinstance(outcome, CommandFailed) for outcome in outcomes.values()):
        outcomes |= await _outcomes(client, errand, dict(ordered[middle:]))
    return outcomes


class _Refused(CommandFailed):
    """The server does not do what it was asked, and would not if asked again."""


async def _ask(client: httpx.AsyncClient, errand: Errand, texts: Sequence[str]) -> list[str]:
    """Answers in the order of the texts.

    Raises:
        _Refused: For what was asked.
        CommandFailed: There is no answer for another reason.
    """
    fields = {errand.texts_as: texts, **errand.fields}
    try:
        response = await client.post(errand.path, json=fields)
        for _ in range(_RETRIES):
            if response.status_code not in _BUSY:
                break
            await asyncio.sleep(_retry_after_s(response))
            response = await client.post(errand.path, json=fields)
    except httpx.HTTPError as error:
        raise CommandFailed(f"{client.base_url}: {str(error) or type(error).__name__}") from None
    if response.is_client_error and response.status_code not in _BUSY:
        raise _Refused(error_of(response))
    if response.status_code != 200:
        raise CommandFailed(error_of(response))
    body = response.json()
    if errand.hear is not None:
        errand.hear(body)
    answers: list[str] = body[errand.answers_as]
    return answers


def _retry_after_s(response: httpx.Response) -> float:
    """When to come back. Proxies may name an instant instead of seconds: soon, then."""
    said = response.headers.get("Retry-After", "")
    return float(said) if said.isascii() and said.isdigit() else 1.0


def error_of(response: httpx.Response) -> str:
    """What the server says of its refusal, or the status when it is not one of ours."""
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered with status {response.status_code}"
