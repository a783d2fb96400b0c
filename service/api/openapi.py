"""The OpenAPI document: what the routes read by themselves, and an example for each."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.responses import Response

from service.api.deepl.requests import DeepLTranslateRequest
from service.api.requests import (
    DetectRequest,
    FileRequest,
    JobRequest,
    SummarizeRequest,
    TranslateRequest,
)
from service.api.responses import (
    DetectedLanguage,
    ErrorBody,
    Language,
    Models,
    SummarizeResponse,
    TranslateFileResponse,
    TranslateResponse,
)

_SCHEMAS = "#/components/schemas/{model}"
_REQUESTS: tuple[type[BaseModel], ...] = (
    TranslateRequest,
    SummarizeRequest,
    FileRequest,
    DetectRequest,
    JobRequest,
    DeepLTranslateRequest,
)
_BODY_TYPES = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")

# Every error a route that runs a model can give, with when.
WORK_ERRORS = {
    400: "The request is not understood, or asks for what the model cannot do.",
    403: "A key is needed, the key is not good, or its quota of this month is used up.",
    404: "There is no such model.",
    408: "The body did not arrive in time.",
    413: "The body, the number of texts, or a text is over its limit.",
    415: "The body is compressed.",
    429: "The queue is full, or the key's rate is; Retry-After says when to come back.",
    500: "The server failed; the log knows why, by the request_id.",
    503: "Shutting down, or the engine died; Retry-After says when to come back.",
    504: "No answer within timeout_s.",
}

# Of each event of a stream, as OpenAPI 3.2 has it and tools for 3.1 understand it.
_EVENT = {
    "type": "object",
    "properties": {
        "event": {"type": "string", "enum": ["sentence", "done", "error"]},
        "data": {"type": "string", "description": "JSON."},
    },
    "required": ["event", "data"],
}

_KEYS: dict[str, dict[str, str]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "Authorization: Bearer KEY"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def documented(
    summary: str,
    answer: Any,
    example: Any,
    *,
    request: type[BaseModel] | None = None,
    request_example: Any = None,
    query: dict[str, tuple[str, ...]] | None = None,
    events: str | None = None,
    body_types: Sequence[str] = _BODY_TYPES,
    errors: dict[int, str] | None = None,
    error_model: type[BaseModel] = ErrorBody,
    status: int = 200,
) -> dict[str, Any]:
    """Keyword arguments for a route's decorator.

    Args:
        summary: One line.
        answer: Model of the answer when all is well.
        example: Such an answer, as JSON.
        request: Model of the body, which the route reads by itself from JSON or a form.
        request_example: Such a body, as JSON.
        query: Optional words of the query string, and what each can be.
        events: What the route sends instead when it is asked to stream.
        body_types: How the body may be sent.
        errors: Status and meaning of each error.
        error_model: Their body.
        status: Of the answer when all is well.
    """
    responses: dict[int | str, dict[str, Any]] = {
        code: {"model": error_model, "description": meaning}
        for code, meaning in (errors or {}).items()
    }
    content = {"application/json": {"example": example}}
    if events is not None:
        content["text/event-stream"] = {"schema": _EVENT, "example": events}
    responses[status] = {"content": content}
    route: dict[str, Any] = {
        "summary": summary,
        "status_code": status,
        "response_model": answer,
        "responses": responses,
    }
    if request is not None:
        schema = {"$ref": _SCHEMAS.format(model=request.__name__)}
        route["openapi_extra"] = {
            "requestBody": {
                "required": True,
                "content": {
                    kind: {"schema": schema}
                    | ({"example": request_example} if kind == "application/json" else {})
                    for kind in body_types
                },
            }
        }
    if query is not None:
        route["openapi_extra"] = {
            "parameters": [
                {"name": name, "in": "query", "schema": {"type": "string", "enum": list(words)}}
                for name, words in query.items()
            ]
        }
    return route


def use_own_document(app: FastAPI) -> None:
    """Let /openapi.json hold the bodies that routes read by themselves."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way


def _document(app: FastAPI) -> dict[str, Any]:
    whole = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
    )
    _, definitions = models_json_schema(
        [(model, "validation") for model in _REQUESTS], ref_template=_SCHEMAS
    )
    schemas = whole["components"]["schemas"]
    whole["components"]["schemas"] = dict(sorted((schemas | definitions["$defs"]).items()))
    whole["components"]["securitySchemes"] = _KEYS
    # Whether a key is needed is a setting, so no key is one of the ways.
    whole["security"] = [{}, *({name: []} for name in _KEYS)]
    return whole


_EVENTS = """event: sentence
data: {{"delta": "{delta}", "settled": 1, "total": 1}}

event: done
data: {done}

"""

TRANSLATE = documented(
    "Translate texts",
    TranslateResponse,
    {
        "translatedText": "Der Hund schläft.",
        "alternatives": ["Ein Hund schläft."],
        "detectedLanguage": {"language": "en", "confidence": 92.9},
    },
    request=TranslateRequest,
    request_example={
        "q": "The dog is sleeping.",
        "source": "auto",
        "target": "de",
        "alternatives": 1,
        "options": {"beam_size": 4},
    },
    events=_EVENTS.format(delta="Der Hund schläft.", done='{"translatedText":"Der Hund schläft."}'),
    errors=WORK_ERRORS,
)

SUMMARIZE = documented(
    "Summarize texts",
    SummarizeResponse,
    {
        "summary": "oil prices rise on supply fears",
        "used": {
            "sentences": 1,
            "total": 1,
            "places": [{"start": 0, "end": 77}],
            "last_is_cut": False,
        },
    },
    request=SummarizeRequest,
    request_example={
        "text": "Oil prices rose on Monday as traders worried about supplies from the region .",
        "max_length": 24,
    },
    events=_EVENTS.format(
        delta="oil prices rise on supply fears",
        done='{"summary":"oil prices rise on supply fears","used":{"sentences":1,"total":1,'
        '"places":[{"start":0,"end":77}],"last_is_cut":false}}',
    ),
    errors=WORK_ERRORS,
)

TRANSLATE_FILE = documented(
    "Translate a file",
    TranslateFileResponse,
    {
        "translatedFileUrl": (
            "http://127.0.0.1:8000/download_file/9Yb0Zq1c8pJmV5uK3tRwXnE7aLdF2hGs.docx"
        ),
        "terms": [{"source": "Fairlight", "target": None, "places": 7, "held": 7}],
    },
    request=FileRequest,
    body_types=("multipart/form-data",),
    errors=WORK_ERRORS,
)

DOWNLOAD_FILE: dict[str, Any] = {
    "summary": "Fetch a translated file",
    # Declared here, and not in the route's signature, which would add an answer 422.
    "openapi_extra": {
        "parameters": [
            {
                "name": "name",
                "in": "path",
                "required": True,
                "schema": {"type": "string", "pattern": r"^[A-Za-z0-9_-]{32}\.[a-z]+$"},
            }
        ]
    },
    "response_class": Response,
    "responses": {
        200: {
            "description": "The file, under a name made of the one that was sent.",
            "content": {
                "application/octet-stream": {
                    "schema": {"type": "string", "format": "binary"},
                    "example": "Der Hund schläft.",
                }
            },
        },
        404: {"model": ErrorBody, "description": "There is no such file, or none any more."},
    },
}

DETECT = documented(
    "Detect a text's language",
    list[DetectedLanguage],
    [{"language": "de", "confidence": 99.2}, {"language": "en", "confidence": 0.1}],
    request=DetectRequest,
    request_example={"q": "Der Hund schläft."},
    errors={status: WORK_ERRORS[status] for status in (400, 404, 408, 413, 415, 504)},
)

LANGUAGES = documented(
    "List languages",
    list[Language],
    [
        {"code": "en", "name": "English", "targets": ["de", "en"]},
        {"code": "de", "name": "German", "targets": ["de"]},
    ],
)

MODELS = documented(
    "List models",
    Models,
    {
        "models": [
            {
                "name": "tatoeba-en-de",
                "version": "1.0.0",
                "task": "translation",
                "directions": [{"source": "en", "target": "de"}],
                "terms": False,
                "description": "Bidirectional GRU with additive attention",
                "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "licence": "CC-BY-2.0-FR",
                "attribution": ["tatoeba.org"],
                "limitations": "Everyday sentences; long or technical text is translated badly.",
                "scores": [
                    {
                        "corpus": "tatoeba-test-v2020-07-28",
                        "metric": "BLEU",
                        "value": 34.0,
                        "better": "higher",
                        "signature": "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0",
                        "sentences": 10000,
                        "precision": "int8",
                        "beam_size": 4,
                    }
                ],
                "provider": "cpu",
                "precision": "int8",
                "limits": {
                    "max_source_tokens": 128,
                    "max_target_tokens": 256,
                    "max_beam_size": 8,
                },
                "default_options": {
                    "beam_size": 4,
                    "num_hypotheses": 1,
                    "length_penalty": 1.0,
                    "min_decoding_length": 0,
                    "max_decoding_length": 255,
                },
            }
        ],
        "failed": [],
    },
)
