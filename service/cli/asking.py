"""Many texts to a service and their answers back, in order, with its queue kept full."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from service.cli.status import CommandFailed

# What is asked for in one request. Answers to a list come together, so it is short beside what
# is in flight; the limits of a server, which are settings of its own, are far above.
_TEXTS = 64
_CHARACTERS = 100_000
# Enough for the workers of a large machine to find their next sentences waiting.
_IN_FLIGHT = 8
# Answers that may wait for one before them. A request waits for its slowest sentence, also for
# those that are searched a second time; so long, others go on.
_AHEAD = 64
# A server that is full says when to come back.
_RETRIES = 10
_BUSY = (429, 503)


# What became of a request: answers in the order of its texts, or why there are none.
_Outcome = list[str] | CommandFailed


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
    waiting: asyncio.Queue[asyncio.Task[_Outcome] | CommandFailed | None]
    waiting = asyncio.Queue(_AHEAD)
    room = asyncio.Semaphore(_IN_FLIGHT)

    async def send(group: asyncio.TaskGroup) -> None:
        first = 1
        try:
            async for batch in batches:
                for texts in _portions(batch):
                    await room.acquire()
                    task = group.create_task(_ask(client, errand, texts, first))
                    task.add_done_callback(lambda _: room.release())
                    await waiting.put(task)
                    first += len(texts)
            await waiting.put(None)
        except CommandFailed as error:
            await waiting.put(error)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(send(group))
            while (item := await waiting.get()) is not None:
                outcome = await item if isinstance(item, asyncio.Task) else item
                if isinstance(outcome, CommandFailed):
                    raise outcome
                take(outcome)
    except ExceptionGroup as failures:  # the group's wrapping of the one failure
        raise failures.exceptions[0] from None


def _portions(texts: Sequence[str]) -> Iterator[list[str]]:
    portion: list[str] = []
    characters = 0
    for text in texts:
        if portion and (len(portion) == _TEXTS or characters + len(text) > _CHARACTERS):
            yield portion
            portion, characters = [], 0
        portion.append(text)
        characters += len(text)
    if portion:
        yield portion


async def _ask(client: httpx.AsyncClient, errand: Errand, texts: list[str], first: int) -> _Outcome:
    fields = {errand.texts_as: texts, **errand.fields}
    try:
        response = await client.post(errand.path, json=fields)
        for _ in range(_RETRIES):
            if response.status_code not in _BUSY:
                break
            await asyncio.sleep(_retry_after_s(response))
            response = await client.post(errand.path, json=fields)
    except httpx.HTTPError as error:
        return CommandFailed(f"{client.base_url}: {str(error) or type(error).__name__}")
    if response.status_code != 200:
        return CommandFailed(f"texts {first} to {first + len(texts) - 1}: {error_of(response)}")
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
