"""The pure modules of the page, against the server's own arithmetic."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page

from service.text import alignment
from service.trust.guard import Problem
from tests.api.serving import ServerInThread

pytestmark = pytest.mark.browser

# What the two languages agree on: characters that Python's Unicode knows, and no control
# characters, of which they call different ones white space.
CHARACTERS = st.characters(
    categories=["L", "N", "M", "P", "S", "Zs"], include_characters="\n🎉👩‍👩‍👧'’"
)
TEXTS = st.lists(st.text(CHARACTERS), min_size=20, max_size=20)


@pytest.fixture(scope="module")
def page(browser: Browser, server: ServerInThread) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(server.url)
    page.wait_for_selector("html[data-ready]")
    yield page
    page.close()


def call(page: Page, module: str, expression: str, given: Any) -> Any:
    """An expression over `m`, the module, and `given`."""
    return page.evaluate(
        """async ([module, given, expression]) => {
          const base = document.querySelector("script[type=module]").src;
          const m = await import(new URL(module, base));
          return expression(m, given);
        }""".replace("expression(m, given)", expression).replace(", expression]", "]"),
        [module, given],
    )


def units(text: str, offset: int) -> int:
    return len(text[:offset].encode("utf-16-le")) // 2


@given(TEXTS)
@settings(max_examples=5, deadline=None)
def test_offsets_are_those_of_utf_16(page: Page, texts: list[str]) -> None:
    got = call(
        page,
        "offsets.js",
        "given.map((text) => [...Array([...text].length + 1).keys()].map(m.unitOffsets(text)))",
        texts,
    )
    assert got == [[units(text, offset) for offset in range(len(text) + 1)] for text in texts]


@given(TEXTS)
@settings(max_examples=5, deadline=None)
def test_lengths_are_those_of_the_server(page: Page, texts: list[str]) -> None:
    assert call(page, "offsets.js", "given.map(m.codePoints)", texts) == [*map(len, texts)]


@given(TEXTS)
@settings(max_examples=5, deadline=None)
def test_words_are_those_of_the_server(page: Page, texts: list[str]) -> None:
    got = call(
        page,
        "reading.js",
        "given.map((text) => m.words(text, { start: 0, end: text.length }, []))",
        texts,
    )
    for text, spans in zip(texts, got, strict=True):
        assert [(span["start"], span["end"]) for span in spans] == [
            (units(text, start), units(text, end)) for start, end in alignment.words(text)
        ]


def test_known_words_stay_and_the_gaps_are_filled(page: Page) -> None:
    known = [{"start": 4, "end": 10}, {"start": 0, "end": 2}, {"start": 4, "end": 10}]
    got = call(page, "reading.js", 'm.words("ab. cd-efg h!", { start: 0, end: 13 }, given)', known)
    places = [(span["start"], span["end"]) for span in got]
    assert places == [(0, 2), (2, 3), (4, 10), (11, 12), (12, 13)]


def test_a_words_probability_is_the_product_of_its_tokens(page: Page) -> None:
    token = {"piece": "", "log_prob": -0.5}
    detail = {
        "sentences": [
            {
                "source": {"start": 0, "end": 2},
                "hypotheses": [
                    {
                        "target": {"start": 0, "end": 7},
                        "alignment": None,
                        "tokens": [
                            token | {"target": {"start": 0, "end": 2}},
                            token | {"target": {"start": 2, "end": 4}},
                            token | {"target": {"start": 5, "end": 5}},  # a space alone
                            token | {"target": {"start": 5, "end": 7}},
                        ],
                    }
                ],
            }
        ]
    }
    (sentence,) = call(page, "reading.js", 'm.readSentences("ab", "abcd ef", given, 0)', detail)
    assert [round(word["probability"], 3) for word in sentence["targetWords"]] == [0.368, 0.368]
    assert sentence["links"] == []


@pytest.mark.parametrize(
    ("probability", "doubt"),
    [(None, 0), (1, 0), (0.7, 0), (0.69, 1), (0.4, 1), (0.39, 2), (0.15, 2), (0.1, 3)],
)
def test_doubt(page: Page, probability: float | None, doubt: int) -> None:
    assert call(page, "reading.js", "m.doubt(given)", probability) == doubt


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_events_may_arrive_in_any_pieces(page: Page, size: int) -> None:
    events = [
        ("sentence", {"delta": "Grüße 🎉", "settled": 0, "total": 1}),
        ("sentence", {"delta": "\n\nevent: done", "settled": 1, "total": 1}),
        ("done", {"translatedText": "Grüße 🎉\n\nevent: done"}),
    ]
    written = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)
    sent = ": a comment keeps the connection\n\n" + written.replace("\\u00fc", "ü")
    bytes_ = list(sent.encode())
    got = call(
        page,
        "server.js",
        """await (async () => {
          const body = new ReadableStream({ start(sink) {
            for (const piece of given) sink.enqueue(new Uint8Array(piece));
            sink.close();
          } });
          const headers = { "Content-Type": "text/event-stream; charset=utf-8" };
          const fetched = window.fetch;
          window.fetch = async () => new Response(body, { headers });
          const deltas = [];
          try {
            const { answer } = await m.post("x", {}, "", null, (delta) => deltas.push(delta));
            return [deltas, answer];
          } finally {
            window.fetch = fetched;
          }
        })()""",
        [bytes_[place : place + size] for place in range(0, len(bytes_), size)],
    )
    assert got == [["Grüße 🎉", "\n\nevent: done"], events[-1][1]]


def test_notes_say_what_to_look_at_twice(page: Page) -> None:
    fine: dict[str, list[str]] = {"problems": [], "avoided": []}
    bad = fine | {"problems": ["lost_number", "something_new"]}
    (said,) = call(page, "notes.js", "m.notes(given)", [fine, bad])
    assert said == "Sentence 2 has lost a number, and something new."
    assert call(page, "notes.js", "m.notes(given)", [bad]) == [
        "This has lost a number, and something new."
    ]
    assert call(page, "notes.js", "m.notes(given)", [fine]) == []
    (said,) = call(page, "notes.js", "m.notes(given)", [fine | {"avoided": ["loop"]}])
    assert said == "This is not the likeliest answer, which says the same again and again."


def test_the_guards_words_are_all_known(page: Page) -> None:
    codes = [problem.value for problem in Problem]
    given = [{"problems": [code], "avoided": []} for code in codes]
    for code, said in zip(codes, call(page, "notes.js", "m.notes(given)", given), strict=True):
        assert f" {code.replace('_', ' ')}." not in said, "the code itself, for want of words"
