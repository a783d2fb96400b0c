"""The detector is loaded once, in a thread, and nobody but those who ask it waits for it."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from service.api.detection import Detecting
from service.errors import Unavailable
from service.text.detect import Findings, LanguageDetector
from tests.api.fakes import FakeModels
from tests.api.local import MakeClient

PATIENCE_S = 30


class Loading:
    """Loads a detector when it is let; remembers how often, and where."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.gate = threading.Event()
        self.threads: list[threading.Thread] = []
        self.failures = 0

    def __call__(self) -> LanguageDetector:
        self.threads.append(threading.current_thread())
        self.begun.set()
        assert self.gate.wait(PATIENCE_S)
        if self.failures:
            self.failures -= 1
            raise Unavailable("no room")
        return Spy()


class Spy(LanguageDetector):
    """Remembers in which threads it was asked."""

    def __init__(self) -> None:
        super().__init__(["en", "de"])
        self.threads: set[threading.Thread] = set()

    def study(self, text: str) -> Findings:
        self.threads.add(threading.current_thread())
        return super().study(text)


def run(scene: Callable[[Loading, Detecting], Coroutine[Any, Any, None]]) -> None:
    async def within_patience() -> None:
        loading = Loading()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await scene(loading, Detecting(loading))
        finally:
            loading.gate.set()

    asyncio.run(within_patience())


def test_all_who_ask_first_wait_for_one_load_and_nobody_else() -> None:
    async def scene(loading: Loading, detecting: Detecting) -> None:
        asked = [
            asyncio.create_task(detecting.study([text]))
            for text in ("Where is the station?", "Wo ist der Bahnhof?")
        ]
        # That this comes back says that the event loop turns: others are answered.
        assert await asyncio.to_thread(loading.begun.wait, PATIENCE_S)
        assert not any(each.done() for each in asked)
        loading.gate.set()
        english, german = await asyncio.gather(*asked)
        assert [each.ranking[0].language for each in (*english, *german)] == ["en", "de"]
        assert len(loading.threads) == 1
        assert loading.threads[0] is not threading.main_thread()
        await detecting.study(["Once more"])
        assert len(loading.threads) == 1

    run(scene)


def test_who_asked_first_may_leave() -> None:
    async def scene(loading: Loading, detecting: Detecting) -> None:
        first = asyncio.create_task(detecting.study(["Hello there"]))
        assert await asyncio.to_thread(loading.begun.wait, PATIENCE_S)
        second = asyncio.create_task(detecting.study(["Hello there"]))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        loading.gate.set()
        assert len(await second) == len(loading.threads) == 1

    run(scene)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/translate", {"q": "Hello", "source": "auto", "target": "de", "timeout_s": 0.01}),
        ("/v2/translate", {"text": "Hello", "target_lang": "de"}),
        ("/detect", {"q": "Hello"}),
    ],
)
def test_the_deadline_holds_while_it_loads(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, path: str, fields: dict[str, object]
) -> None:
    gate = threading.Event()

    def load(_: object) -> LanguageDetector:
        assert gate.wait(PATIENCE_S)
        return Spy()

    monkeypatch.setattr("service.app.LanguageDetector", load)
    client = make_client(FakeModels(), default_timeout_s=0.01)
    try:
        assert client.post(path, json=fields).status_code == 504
    finally:
        gate.set()


def test_what_could_not_be_loaded_is_tried_again() -> None:
    async def scene(loading: Loading, detecting: Detecting) -> None:
        loading.failures = 1
        loading.gate.set()
        with pytest.raises(Unavailable, match="no room"):
            await detecting.study(["Hello there"])
        assert len(await detecting.study(["Hello there"])) == 1

    run(scene)


@pytest.mark.parametrize(
    ("texts", "in_a_thread"),
    [
        (["a"], False),
        (["a"] * 16, False),
        (["a"] * 17, True),
        (["a" * 9000] * 2, True),
        ([], False),
    ],
)
def test_many_texts_are_looked_at_in_one_thread(texts: list[str], in_a_thread: bool) -> None:
    async def scene(_: Loading, __: Detecting) -> None:
        spy = Spy()
        found = await Detecting(lambda: spy).study(texts)
        assert found == [LanguageDetector(["en", "de"]).study(text) for text in texts]
        assert len(spy.threads) == bool(texts)
        assert (threading.main_thread() not in spy.threads) == (in_a_thread or not texts)

    run(scene)
