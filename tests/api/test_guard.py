"""The layer alone: whatever comes, nothing but a key opens, and nothing breaks."""

import asyncio
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from service.access.ledger import Ledger
from service.api.access import Guard
from service.api.record import RequestRecord, attach_record
from tests.access.clock import key_and_book

MADE, BOOK = key_and_book()
KEY = MADE.key.encode()

NAMES = st.sampled_from([b"authorization", b"x-api-key", b"cookie", b"host"])
# As the headers of HTTP: no line breaks in them.
VALUES = st.binary(max_size=20) | st.sampled_from(
    [
        b"Bearer ",
        b"Bearer",
        b"DeepL-Auth-Key " + KEY[:-1],
        b"bearer " + KEY.upper(),
        b"Basic " + KEY,
    ]
)
QUERIES = st.binary(max_size=20) | st.builds(
    lambda name, value: name + b"=" + value,
    st.sampled_from([b"api_key", b"auth_key", b"api%5Fkey", b"q"]),
    st.binary(max_size=20),
)


async def open_to_all(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("the secret")(scope, receive, send)


def answer(headers: list[tuple[bytes, bytes]], query: bytes) -> tuple[int, bytes]:
    """Status and body of an answer to a request for anything."""
    sent: list[Any] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": "/anything",
        "headers": headers,
        "query_string": query,
    }
    attach_record(scope, RequestRecord("id"))
    asyncio.run(Guard(open_to_all, Ledger(BOOK), is_key_required=True)(scope, receive, send))
    start, *bodies = sent
    return start["status"], b"".join(body["body"] for body in bodies)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=3), QUERIES)
@example([], b"api_key=%ff%fe")
@example([(b"x-api-key", b"\xff")], b"")
def test_nothing_but_a_key_opens(headers: list[tuple[bytes, bytes]], query: bytes) -> None:
    status, body = answer(headers, query)
    assert status == 403
    assert b"secret" not in body


@given(st.lists(st.tuples(st.sampled_from([b"cookie", b"host"]), VALUES), max_size=3))
def test_a_key_opens_whatever_is_around_it(headers: list[tuple[bytes, bytes]]) -> None:
    assert answer([*headers, (b"x-api-key", b" " + KEY)], b"") == (200, b"the secret")
    assert answer(headers, b"q=1&api_key=" + KEY) == (200, b"the secret")
