"""What the OpenAPI document says of DeepL's routes."""

from service.api.deepl.requests import DeepLTranslateRequest
from service.api.deepl.responses import (
    DeepLError,
    DeepLGlossaries,
    DeepLLanguage,
    DeepLTranslateResponse,
    DeepLUsage,
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
    errors=WORK_ERRORS | {404: "There is no such glossary."},
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
    "Languages to create glossaries for, as DeepL", NoGlossaryPairs, {"supported_languages": []}
)

GLOSSARIES = documented(
    "List the server's glossaries, as DeepL",
    DeepLGlossaries,
    {
        "glossaries": [
            {
                "glossary_id": "company.en-de",
                "name": "company",
                "ready": True,
                "source_lang": "en",
                "target_lang": "de",
                "creation_time": "2026-11-23T08:00:00+00:00",
                "entry_count": 12,
            }
        ]
    },
)
