"""The `deep-translator` package: everything in the query string, above an empty body or none."""

import pytest
from deep_translator import DeeplTranslator, LibreTranslator
from deep_translator.exceptions import ServerException

from tests.api.serving import ServerInThread

ENGLISH = "Where is the railway station, please?"


class TestLibreTranslator:
    @pytest.mark.parametrize(
        ("source", "target"), [("en", "de"), ("English", "German"), ("auto", "de")]
    )
    def test_a_text(self, server: ServerInThread, source: str, target: str) -> None:
        translator = LibreTranslator(
            source=source, target=target, api_key="any", custom_url=f"{server.url}/"
        )
        assert translator.translate(ENGLISH) == ENGLISH.upper()

    def test_several_texts(self, server: ServerInThread) -> None:
        translator = LibreTranslator(
            source="en", target="de", api_key="any", custom_url=f"{server.url}/"
        )
        assert translator.translate_batch(["a b", "c & d+e=f"]) == ["A B", "C & D+E=F"]

    def test_an_error_is_one(self, server: ServerInThread) -> None:
        translator = LibreTranslator(
            source="en", target="fr", api_key="any", custom_url=f"{server.url}/"
        )
        with pytest.raises(ServerException):
            translator.translate("a")


class TestDeeplTranslator:
    """It has no option for the server; what it sends is the same."""

    @pytest.mark.parametrize("source", ["en", "auto"])
    def test_a_text(self, server: ServerInThread, source: str) -> None:
        translator = DeeplTranslator(source=source, target="de", api_key="any")
        translator._base_url = f"{server.url}/v2/"
        assert translator.translate(ENGLISH) == ENGLISH.upper()
