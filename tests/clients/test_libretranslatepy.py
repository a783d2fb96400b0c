"""The `libretranslatepy` package: form bodies, and a GET with one."""

from urllib.error import HTTPError

import pytest
from libretranslatepy import LibreTranslateAPI

from tests.api.serving import ServerInThread


@pytest.fixture(params=[None, "", "any-key"])
def client(server: ServerInThread, request: pytest.FixtureRequest) -> LibreTranslateAPI:
    return LibreTranslateAPI(server.url, api_key=request.param)


def test_a_text(client: LibreTranslateAPI) -> None:
    assert client.translate("How are you, Jörg? 1+1=2 & so on", "en", "de") == (
        "HOW ARE YOU, JÖRG? 1+1=2 & SO ON"
    )
    assert client.translate("", "en", "de") == ""


def test_a_text_in_a_language_that_is_detected(client: LibreTranslateAPI) -> None:
    text = "Where is the railway station, please?"
    assert client.translate(text, "auto", "de") == text.upper()


def test_detection(client: LibreTranslateAPI) -> None:
    first, *_ = client.detect("Wo ist bitte der Bahnhof?")
    assert first["language"] == "de"
    assert 50 < first["confidence"] <= 100


def test_languages(client: LibreTranslateAPI) -> None:
    assert client.languages() == [
        {"code": "de", "name": "German", "targets": ["de", "en"]},
        {"code": "en", "name": "English", "targets": ["de", "en"]},
    ]


def test_an_error_is_one(client: LibreTranslateAPI) -> None:
    with pytest.raises(HTTPError) as caught:
        client.translate("a", "en", "fi")
    with caught.value as answer:
        assert answer.status == 400
