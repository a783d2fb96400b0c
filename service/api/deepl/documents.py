"""What the OpenAPI document says of DeepL's routes."""

from service.api.deepl.requests import DeepLTranslateRequest
from service.api.deepl.responses import (
    DeepLError,
    DeepLLanguage,
    DeepLTranslateResponse,
    DeepLUsage,
    NoGlossaries,
    NoGlossaryPairs,
)
from service.api.openapi import WORK_ERRORS, documented

TRANSLATE = documented(
    "Translate texts, as DeepL",
    DeepLTranslateResponse,
    {
        "translations": [
            {
                "detected_source_language": "EN",
                "text": "Der Hund schläft.",
                "billed_characters": 20,
            }
        ]
    },
    request=DeepLTranslateRequest,
    request_example={"text": ["The dog is sleeping."], "target_lang": "DE"},
    errors={status: when for status, when in WORK_ERRORS.items() if status != 404},
    error_model=DeepLError,
)

LANGUAGES = documented(
    "List languages, as DeepL",
    list[DeepLLanguage],
    [{"language": "EN", "name": "English"}],
    query={"type": ("source", "target")},
    errors={400: "`type` is neither source nor target."},
    error_model=DeepLError,
)

USAGE = documented(
    "How much was translated, as DeepL",
    DeepLUsage,
    {"character_count": 180118, "character_limit": 1_000_000_000_000},
)

GLOSSARY_PAIRS = documented(
    "Languages that a glossary can be for, as DeepL", NoGlossaryPairs, {"supported_languages": []}
)

GLOSSARIES = documented("List glossaries, as DeepL", NoGlossaries, {"glossaries": []})
