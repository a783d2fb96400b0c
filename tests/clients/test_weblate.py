"""What Weblate's machinery sends, request by request.

Weblate itself is a Django application and no package that a test could drive. Its requests are
those of `weblate/machinery/libretranslate.py` and `deepl.py`: up to twenty texts at once, an
`api_key` that is empty where none is set, texts whose placeholders were replaced by `[X3X]`
(LibreTranslate) or, with the rest XML-escaped, by `<x id="3"></x>` (DeepL).
"""

from typing import Any

import httpx
import pytest

TEXTS = [f"{number} files were changed" for number in range(19)] + ["Hello, [X7X]!"]
ACCEPT = {"Accept": "application/json; charset=utf-8", "Referer": "https://weblate.example/"}
DEEPL = ACCEPT | {"Authorization": "DeepL-Auth-Key any"}


class TestLibreTranslate:
    def test_both_languages_of_a_pair_are_listed(self, http: httpx.Client) -> None:
        languages = http.get("/languages", headers=ACCEPT).json()
        assert {"en", "de"} <= {language["code"] for language in languages}

    @pytest.mark.parametrize("texts", [["test"], TEXTS], ids=["one", "twenty"])
    def test_a_list_with_an_empty_key(self, http: httpx.Client, texts: list[str]) -> None:
        fields = {"api_key": "", "q": texts, "source": "en", "target": "de"}
        answer = http.post("/translate", json=fields, headers=ACCEPT)
        assert answer.status_code == 200
        assert answer.json() == {"translatedText": [text.upper() for text in texts]}

    def test_an_older_one_sends_forms(self, http: httpx.Client) -> None:
        fields = {"api_key": "", "q": "Hello", "source": "en", "target": "de"}
        answer = http.post("/translate", data=fields, headers=ACCEPT)
        assert answer.json() == {"translatedText": "HELLO"}


class TestDeepL:
    def test_languages(self, http: httpx.Client) -> None:
        for kind, expected in (("source", {"EN", "DE"}), ("target", {"EN-GB", "EN-US", "DE"})):
            listed = http.get("/v2/languages", params={"type": kind}, headers=DEEPL).json()
            assert {language["language"] for language in listed} == expected
            assert not any(language.get("supports_formality") for language in listed)

    def test_it_is_told_that_no_pair_can_have_a_glossary(self, http: httpx.Client) -> None:
        answer = http.get("/v2/glossary-language-pairs", headers=DEEPL)
        assert answer.json()["supported_languages"] == []

    @pytest.mark.parametrize("target", ["DE", "EN"])
    def test_a_list(self, http: httpx.Client, target: str) -> None:
        fields: dict[str, Any] = {
            "text": TEXTS,
            "source_lang": "EN" if target == "DE" else "DE",
            "target_lang": target,
            "formality": "default",
            "model_type": "prefer_quality_optimized",
            "context": "A program that counts files.",
        }
        answer = http.post("/v2/translate", json=fields, headers=DEEPL)
        assert answer.status_code == 200
        translations = answer.json()["translations"]
        assert [each["text"] for each in translations] == [text.upper() for text in TEXTS]

    def test_errors_have_a_message(self, http: httpx.Client) -> None:
        fields = {"text": ["a"], "source_lang": "EN", "target_lang": "DE", "formality": "more"}
        answer = http.post("/v2/translate", json=fields, headers=DEEPL)
        assert answer.status_code == 400
        assert answer.json()["message"].startswith("formality more is not supported")
