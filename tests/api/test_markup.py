"""Documents over HTTP: tags through the whole service, and where a shipped model puts them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.loading import load_catalogue
from service.settings import Settings
from tests.api.serving import client_of, serving

MODELS = Path(__file__).parents[2] / "models"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (MODELS / "tatoeba-en-de" / "manifest.json").exists(), reason="no bundle in models/"
    ),
]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    settings = Settings(port=0, models_dir=MODELS, provider="cpu", workers=1)
    with serving(settings, load_catalogue) as server, client_of(server) as client:
        yield client


def translated(client: httpx.Client, text: str, **fields: object) -> dict[str, Any]:
    wanted = {"q": text, "source": "en", "target": "de", "model": "tatoeba-en-de", "format": "html"}
    answer: dict[str, Any] = client.post("/translate", json=wanted | fields).json()
    assert "translatedText" in answer, answer
    return answer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I saw the <b>house</b> yesterday.", "<b>Haus</b>"),
        ("Tom has a <b>big</b> dog &amp; two <i>cats</i>.", "<i>Katzen</i>"),
        ("I think that <b>Tom</b> will come back <u>tomorrow</u>.", "<u>morgen</u>"),
        ("<b>Tom</b> and <b>Mary</b> are in the <i>garden</i>.", "<i>Garten</i>"),
    ],
)
def test_a_shipped_model_puts_tags_around_the_right_words(
    client: httpx.Client, text: str, expected: str
) -> None:
    answer = translated(client, text, alternatives=1)
    assert expected in answer["translatedText"]
    for alternative in answer["alternatives"]:
        assert alternative.count("<") == text.count("<")


def test_details_have_places_in_the_documents(client: httpx.Client) -> None:
    text = "<p>Hello!</p><p>I saw the <b>house</b> yesterday.</p>"
    answer = translated(client, text, **{"return": ["alignment"]})
    _, sentence = answer["details"][0]["sentences"]
    place = sentence["source"]
    assert text[place["start"] : place["end"]] == "I saw the <b>house</b> yesterday."
    weights = {
        answer["translatedText"][word["target"]["start"] : word["target"]["end"]]: behind["weight"]
        for word in sentence["hypotheses"][0]["alignment"]
        for behind in word["source"]
        if behind["start"] == text.index("house")
    }
    assert max(weights, key=weights.__getitem__) == "Haus"


def test_what_is_around_the_text_comes_back_byte_for_byte(client: httpx.Client) -> None:
    around = (
        '<!doctype html>\n<html lang=en><head><style>p > b {{}}</style></head>\n<p\tid="x">{}</p>'
    )
    before, after = around.format("|").split("|")
    answer = translated(client, around.format("Where is the station?"))["translatedText"]
    assert answer.startswith(before)
    assert answer.endswith(after)
    assert "Where" not in answer


def test_xml_keeps_what_it_is_told_to_keep(client: httpx.Client) -> None:
    text = "<r><a>The dog is sleeping.</a><key>The dog</key></r>"
    answer = translated(client, text, format="xml", ignore_tags=["key"])
    assert "<key>The dog</key></r>" in answer["translatedText"]
    assert "Hund" in answer["translatedText"]


def test_the_language_of_a_document_is_found_in_its_text(client: httpx.Client) -> None:
    text = "<p class=container>Das Wetter ist heute schön, und wir gehen in den Garten.</p>"
    answer = translated(client, text, source="auto", model=None)
    assert answer["translatedText"] == text
