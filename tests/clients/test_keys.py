"""The clients of a service that has keys: each sends its own, and says what is wrong with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError

import deepl
import httpx
import pytest
from deep_translator import LibreTranslator
from deep_translator.exceptions import AuthorizationException
from libretranslatepy import LibreTranslateAPI

from service.settings import Settings
from tests.api.fakes import FakeModels
from tests.api.keyed import KeyedService
from tests.api.serving import PATIENCE_S, serving


@dataclass(frozen=True)
class Keyed:
    """A server, and a key for the 20 characters of a month."""

    url: str
    key: str


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    models = FakeModels()
    service = KeyedService(tmp_path_factory.mktemp("keys") / "keys.db", models)
    key = service.add(characters_per_month=20)
    settings = Settings(port=0, models_dir=Path("nowhere"), keys_file=service.path)
    with serving(settings, models) as server:
        yield Keyed(server.url, key.key)


def test_deepl_s_client_knows_a_wrong_key_and_what_is_used_up(keyed: Keyed) -> None:
    wrong = deepl.DeepLClient("wrong", server_url=keyed.url)
    with pytest.raises(deepl.AuthorizationException):
        wrong.translate_text("hello", source_lang="EN", target_lang="DE")
    with pytest.raises(deepl.AuthorizationException):
        wrong.get_usage()

    client = deepl.DeepLClient(keyed.key, server_url=keyed.url)
    used = client.get_usage().character.count
    assert used is not None
    result = client.translate_text("hello", source_lang="EN", target_lang="DE")
    assert str(result) == "HELLO"
    usage = client.get_usage()
    assert usage.character.count == used + 5
    assert usage.character.limit == 20
    with pytest.raises(deepl.QuotaExceededException, match="20"):
        client.translate_text("a" * 30, source_lang="EN", target_lang="DE")
    assert client.get_usage().character.count == used + 5, "what was refused costs nothing"


def test_libretranslatepy_sends_the_key_in_the_form(keyed: Keyed) -> None:
    assert LibreTranslateAPI(keyed.url, keyed.key).translate("a", "en", "de") == "A"
    assert LibreTranslateAPI(keyed.url).languages(), "open to all"
    for key in (None, "", "wrong"):
        with pytest.raises(HTTPError) as caught:
            LibreTranslateAPI(keyed.url, key).translate("a", "en", "de")
        with caught.value as answer:
            assert answer.status == 403


def test_deep_translator_sends_the_key_in_the_query_string(keyed: Keyed) -> None:
    def translator(key: str) -> LibreTranslator:
        return LibreTranslator("en", "de", api_key=key, custom_url=f"{keyed.url}/")

    assert translator(keyed.key).translate("a") == "A"
    with pytest.raises(AuthorizationException):
        translator("wrong").translate("a")


@pytest.mark.parametrize("path", ["/v2/translate", "/v2/languages", "/v2/usage"])
def test_weblate_shows_the_message(keyed: Keyed, path: str) -> None:
    headers = {"Authorization": "DeepL-Auth-Key wrong"}
    answer = httpx.get(keyed.url + path, headers=headers, timeout=PATIENCE_S)
    assert answer.status_code == 403
    assert answer.json().keys() == {"message"}
