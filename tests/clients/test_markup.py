"""Clients that send markup get it back, whatever the model says of the words.

The model of these tests says its source again without the first token, so that no answer is the
text that was sent; all else is real.
"""

import html
import re
from collections.abc import Iterator
from typing import Any

import deepl
import httpx
import numpy as np
import pytest

from service.domain import FloatArray
from service.settings import Settings
from service.text.tokenizer import Tokenizer
from tests.api.real import translating_with
from tests.api.serving import ServerInThread, client_of, serving
from tests.fakes import END, Table, TableModel

ENGLISH_TO_GERMAN: dict[str, Any] = {"source_lang": "EN", "target_lang": "DE"}
# As Weblate sends them: placeholders are elements, and the rest is escaped.
TEXTS = [
    html.escape(f"Tom's {number} cats & ") + f'<x id="{number}"></x> likes <x id="40"></x>!'
    for number in range(20)
]


def forgetful_table(vocabulary_size: int) -> Table:
    """A model that says the source again from its second token on."""

    def table(source: tuple[int, ...], prefix: tuple[int, ...]) -> FloatArray:
        logits = np.zeros(vocabulary_size, dtype=np.float32)
        place = len(prefix) + 1
        logits[source[place] if place < len(source) else END] = 20
        return logits

    return table


@pytest.fixture(scope="module")
def server(tokenizer: Tokenizer) -> Iterator[ServerInThread]:
    model = TableModel(forgetful_table(tokenizer.vocabulary_size), steps=8)
    settings = Settings(port=0, max_queue_sources=64)
    load = translating_with(model, tokenizer, max_batch_sources=8)
    with serving(settings, load) as server:
        yield server


@pytest.fixture(scope="module")
def http(server: ServerInThread) -> Iterator[httpx.Client]:
    with client_of(server) as client:
        yield client


@pytest.fixture(scope="module")
def client(server: ServerInThread) -> Iterator[deepl.DeepLClient]:
    client = deepl.DeepLClient("any-key", server_url=server.url)
    yield client
    client.close()  # type: ignore[no-untyped-call]  # as the package has it


def tags(text: str) -> list[str]:
    return sorted(re.findall(r"<[^>]*>", text))


def plain(text: str) -> str:
    return re.sub(r"<[^>]*>", "", text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("html", "<p>Tom likes <b>the dog</b>.<br>Mary &amp; Tom</p><!-- so --><p>two cats!</p>"),
        ("xml", '<doc><par n="1">Tom likes <i>the dog</i>.</par><par/> <par>a house.</par></doc>'),
    ],
)
def test_tags_out_are_tags_in(client: deepl.DeepLClient, kind: str, text: str) -> None:
    result = client.translate_text(text, **ENGLISH_TO_GERMAN, tag_handling=kind)
    assert isinstance(result, deepl.TextResult)
    assert tags(result.text) == tags(text)
    assert result.text != text


def test_elements_that_are_to_be_ignored_stay(client: deepl.DeepLClient) -> None:
    text = "Tom likes <Keep>the <b>dog</b></Keep> and <var>two cats</var>."
    result = client.translate_text(
        text, **ENGLISH_TO_GERMAN, tag_handling="xml", ignore_tags=["Keep", "other"]
    )
    assert "<Keep>the <b>dog</b></Keep>" in str(result)


def test_elements_split_where_they_are_told_to(client: deepl.DeepLClient) -> None:
    """Of each paragraph, and of each sentence in it, this model forgets a token."""
    text = "<s>Tom likes</s> <s>the dog</s>"
    options = {"tag_handling": "xml", **ENGLISH_TO_GERMAN}
    two = str(client.translate_text(text, **options))
    one = str(client.translate_text(text, **options, non_splitting_tags="s"))
    again = str(
        client.translate_text(text, **options, outline_detection=False, splitting_tags=["s"])
    )
    assert two == again != one
    assert "the dog" in plain(one)
    assert "the dog" not in plain(two)


class TestWeblate:
    """See `tests/clients/test_weblate.py`."""

    def test_deepl(self, http: httpx.Client) -> None:
        fields = {
            "text": TEXTS,
            "formality": "default",
            "tag_handling": "xml",
            "ignore_tags": ["x"],
            **ENGLISH_TO_GERMAN,
        }
        answer = http.post("/v2/translate", json=fields)
        assert answer.status_code == 200, answer.text
        for sent, got in zip(TEXTS, answer.json()["translations"], strict=True):
            self.check(sent, got["text"])

    def test_libretranslate(self, http: httpx.Client) -> None:
        fields = {
            "api_key": "",
            "q": TEXTS,
            "source": "en",
            "target": "de",
            "format": "html",
        }
        answer = http.post("/translate", json=fields)
        assert answer.status_code == 200, answer.text
        for sent, got in zip(TEXTS, answer.json()["translatedText"], strict=True):
            self.check(sent, got)

    @staticmethod
    def check(sent: str, got: str) -> None:
        """Each placeholder is there once, as it was, and what is around it is escaped."""
        assert got != sent
        assert tags(got) == tags(sent)
        placeholders = re.findall(r'<x id="\d+"></x>', sent)
        assert all(got.count(each) == 1 for each in placeholders)
        assert "&" not in got.replace("&amp;", "").replace("&#x27;", "")
