"""Many texts, a few at a time, with answers in the order of the texts."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cli.asking import Errand, ask_all
from service.cli.status import CommandFailed

ERRAND = Errand("translate", "q", "translatedText", {"target": "de"})
Handler = Callable[[list[str]], httpx.Response]


class Server:
    """Answers in capitals, later requests first where `shuffled`."""

    def __init__(self, refusals: Sequence[httpx.Response] = (), *, shuffled: bool = False) -> None:
        self.refusals = [*refusals]
        self.asked: list[list[str]] = []
        self.at_once = self.most_at_once = 0
        self._shuffled = shuffled

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        fields = json.loads(request.content)
        assert fields.pop("target") == "de"
        self.asked.append(fields.pop("q"))
        mine = self.asked[-1]
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        for _ in range(20 - len(self.asked) % 20 if self._shuffled else 1):
            await asyncio.sleep(0)
        self.at_once -= 1
        if self.refusals:
            return self.refusals.pop()
        if "bad" in mine:
            return httpx.Response(413, json={"error": "too long", "code": "too_large"})
        return httpx.Response(200, json={"translatedText": [text.upper() for text in mine]})


async def _batches(texts: list[list[str]]) -> AsyncIterator[list[str]]:
    for batch in texts:
        yield batch


def ask(server: Server, batches: list[list[str]]) -> tuple[list[str], Exception | None]:
    """What was taken, and what ended it."""
    taken: list[str] = []

    async def run() -> None:
        transport = httpx.MockTransport(server)
        async with httpx.AsyncClient(transport=transport, base_url="http://server/below") as client:
            await ask_all(client, ERRAND, _batches(batches), taken.extend)

    try:
        asyncio.run(run())
    except CommandFailed as error:
        return taken, error
    return taken, None


@given(st.lists(st.lists(st.text(max_size=5).filter(lambda text: text != "bad"), max_size=300)))
def test_every_text_is_answered_once_and_in_order(batches: list[list[str]]) -> None:
    server = Server(shuffled=True)
    taken, error = ask(server, batches)
    assert error is None
    assert taken == [text.upper() for batch in batches for text in batch]
    assert all(1 <= len(texts) <= 128 for texts in server.asked)
    assert server.most_at_once <= 8


@given(st.lists(st.text(max_size=9), min_size=1, max_size=300))
def test_texts_of_like_length_share_a_request(texts: list[str]) -> None:
    server = Server()
    assert ask(server, [texts]) == ([text.upper() for text in texts], None)
    lengths = [len(text) for asked in server.asked for text in asked]
    assert lengths == sorted(map(len, texts))
    assert len(server.asked) == -(-len(texts) // 128)


def test_others_go_on_while_one_takes_long() -> None:
    class FirstWaits(Server):
        others = asyncio.Event()

        async def __call__(self, request: httpx.Request) -> httpx.Response:
            if b'"0000"' in request.content:
                await self.others.wait()
            answer = await super().__call__(request)
            if len(self.asked) == 31:
                self.others.set()
            return answer

    texts = [f"{number:04}" for number in range(32 * 128)]
    assert ask(FirstWaits(), [texts]) == (texts, None)


def test_long_texts_share_no_request() -> None:
    server = Server()
    ask(server, [["x" * 60_000, "y" * 60_000, "z"]])
    assert [len(texts) for texts in server.asked] == [2, 1]


def test_a_busy_server_is_asked_again() -> None:
    busy = httpx.Response(429, json={"error": "full"}, headers={"Retry-After": "0"})
    server = Server([busy, busy])
    assert ask(server, [["one"]]) == (["ONE"], None)
    assert server.asked == [["one"]] * 3


def test_what_came_before_a_failure_is_taken() -> None:
    taken, error = ask(Server(shuffled=True), [["one"], ["two", "three"], ["bad"], ["four"]])
    assert taken == ["ONE", "TWO", "THREE"]
    assert str(error) == "text 4: too long"


@given(st.lists(st.text(max_size=9) | st.just("bad"), max_size=300))
def test_all_texts_before_the_first_bad_one_are_taken(texts: list[str]) -> None:
    taken, error = ask(Server(shuffled=True), [texts])
    if "bad" in texts:
        good = texts[: texts.index("bad")]
        assert str(error) == f"text {len(good) + 1}: too long"
    else:
        good = texts
        assert error is None
    assert taken == [text.upper() for text in good]


def test_a_server_that_takes_few_texts_at_once_is_asked_for_half_of_them() -> None:
    too_many = httpx.Response(413, json={"error": "q has 3 texts; the limit is 2"})
    server = Server([too_many])
    assert ask(server, [["one", "two", "three"]]) == (["ONE", "TWO", "THREE"], None)
    assert server.asked == [["one", "two", "three"], ["one"], ["two", "three"]]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(502, text="<html>"), "the server answered with status 502"),
        (httpx.Response(403, json={"error": "no such key"}), "no such key"),
    ],
)
def test_a_refusal_is_said(answer: httpx.Response, said: str) -> None:
    taken, error = ask(Server([answer]), [["one"]])
    assert taken == []
    assert said in str(error)


def test_a_server_that_is_not_there() -> None:
    async def run() -> None:
        async with httpx.AsyncClient(base_url="http://127.0.0.1:9", trust_env=False) as client:
            await ask_all(client, ERRAND, _batches([["one"]]), lambda _: None)

    with pytest.raises(CommandFailed, match="All connection attempts failed"):
        asyncio.run(run())
