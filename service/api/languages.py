"""GET /languages and /detect, as LibreTranslate has them."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from service.api.context import ApiContext
from service.api.openapi import DETECT, LANGUAGES
from service.api.reading import read_fields
from service.api.requests import DetectRequest, validated
from service.api.wanted import WhileWanted
from service.errors import UnknownModel

# English names of languages that models are likely to be trained for; any other goes by its
# code.
_NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech",
    "da": "Danish", "de": "German", "el": "Greek", "en": "English", "eo": "Esperanto",
    "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish",
    "fr": "French", "ga": "Irish", "gl": "Galician", "he": "Hebrew", "hi": "Hindi",
    "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "is": "Icelandic",
    "it": "Italian", "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian",
    "ms": "Malay", "nb": "Norwegian Bokmål", "nl": "Dutch", "pl": "Polish",
    "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian",
    "sq": "Albanian", "sr": "Serbian", "sv": "Swedish", "sw": "Swahili", "th": "Thai",
    "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip


def language_name(code: str) -> str:
    """The English name of a language, its region left away; the code where none is known."""
    return _NAMES.get(code.partition("-")[0].lower(), code)


def language_routes(context: ApiContext) -> APIRouter:
    """The routes about languages."""
    router = APIRouter(tags=["languages"])
    catalogue = context.catalogue

    @router.get("/languages", **LANGUAGES)
    async def languages() -> Response:
        # As LibreTranslate: every language, also one that nothing is translated from, because
        # clients look there for targets too; and each can be "translated" to itself.
        return JSONResponse(
            [
                {
                    "code": code,
                    "name": language_name(code),
                    "targets": sorted({code, *catalogue.targets_of(code)}),
                }
                for code in catalogue.languages()
            ]
        )

    async def detect(request: Request) -> Response:
        with context.lifecycle.working():
            wanted = validated(DetectRequest, await read_fields(request))
            if context.detecting is None:
                raise UnknownModel("no model of this service translates, so nothing is detected")
            seconds = context.settings.default_timeout_s
            with WhileWanted(request.receive, context.lifecycle, seconds):
                [found] = await context.detecting.study([wanted.q])
            return JSONResponse(
                [
                    {
                        "language": detection.language,
                        "confidence": round(detection.confidence, 1),
                    }
                    for detection in found.ranking
                ]
            )

    router.post("/detect", **DETECT)(detect)
    router.get("/detect", include_in_schema=False)(detect)
    return router
