"""LibreTranslate's routes that are not about texts: what its pages and clients ask besides."""

from fastapi import APIRouter, FastAPI
from starlette.responses import JSONResponse, Response

from service.api.context import ApiContext
from service.api.languages import language_name
from service.api.openapi import documented
from service.api.responses import ErrorBody, FrontendLanguages, FrontendSettings, NamedLanguage
from service.errors import NotOffered
from service.files import EXTENSIONS

# LibreTranslate's default: how long a page waits for the next key before it translates.
_PAGE_WAITS_MS = 500

_NO_SUGGESTIONS = "suggestions are not offered: this service keeps no texts"

_EXAMPLE = {
    "charLimit": 50_000,
    "frontendTimeout": _PAGE_WAITS_MS,
    "apiKeys": False,
    "keyRequired": False,
    "suggestions": False,
    "filesTranslation": True,
    "supportedFilesFormat": list(EXTENSIONS),
    "language": {
        "source": {"code": "auto", "name": "Auto Detect"},
        "target": {"code": "de", "name": "German"},
    },
}


def libretranslate_routes(app: FastAPI, context: ApiContext) -> APIRouter:
    """The routes; `app` has the document that /spec shows."""
    router = APIRouter(tags=["LibreTranslate"])

    @router.get(
        "/frontend/settings",
        **documented("What a page for people has to know", FrontendSettings, _EXAMPLE),
    )
    async def frontend_settings() -> Response:
        return JSONResponse(_settings(context).model_dump())

    @router.get("/spec", include_in_schema=False)
    async def spec() -> Response:
        return JSONResponse(app.openapi())

    @router.post(
        "/suggest",
        summary="Not offered: suggest a better translation",
        status_code=403,
        response_model=ErrorBody,
        responses={
            403: {
                "description": "Always.",
                "content": {
                    "application/json": {
                        "example": {"error": _NO_SUGGESTIONS, "code": NotOffered.code}
                        | {"request_id": "8f14e45fceea167a5a36dedd4bea2543"}
                    }
                },
            }
        },
    )
    async def suggest() -> Response:
        raise NotOffered(_NO_SUGGESTIONS)

    return router


def _settings(context: ApiContext) -> FrontendSettings:
    catalogue = context.catalogue
    target = next((code for each in catalogue.sources() for code in catalogue.targets_of(each)), "")
    return FrontendSettings(
        charLimit=context.settings.max_text_chars,
        frontendTimeout=_PAGE_WAITS_MS,
        apiKeys=context.has_keys,
        keyRequired=context.key_required,
        suggestions=False,
        filesTranslation=True,
        supportedFilesFormat=list(EXTENSIONS),
        language=FrontendLanguages(
            source=NamedLanguage(code="auto", name="Auto Detect"),
            target=NamedLanguage(code=target, name=language_name(target)),
        ),
    )
