"""The OpenAPI document keeps its word: schemathesis asks what it allows, and what it does not.

No answer may be a server error, or have a status, a content type or a body that the document
does not have. That a request which fits the document is accepted is not asked: whether there is
a model for its languages the document does not know.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.settings import Settings
from tests.api.fakes import FakeModels
from tests.api.serving import serving

# The document as it is: tests/api/test_snapshots.py compares.
DOCUMENT = json.loads((Path(__file__).parent / "snapshots" / "openapi.json").read_text("utf-8"))


def can_be_asked_wrongly(operation: dict[str, Any]) -> bool:
    """Whether it takes anything but a word in its path, where all words are allowed."""
    places = [parameter["in"] for parameter in operation.get("parameters", ())]
    return "requestBody" in operation or "query" in places


OPERATIONS = [
    pytest.param(path, method, mode, id=f"{method} {path} {mode.value}")
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    for mode in schemathesis.GenerationMode
    if mode.is_positive or can_be_asked_wrongly(operation)
]
# What the fake models translate and summarize, so that some requests get as far as them.
SERVED = {
    "source": "en",
    "target": "de",
    "language": "en",
    "source_lang": "EN",
    "target_lang": "DE",
}

PROMISES = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
BOUNDED = hypothesis_settings(
    max_examples=10,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),  # a busy machine is no failure
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(Settings(port=0, models_dir=Path("nowhere")), FakeModels()) as server:
        yield server.url


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.mark.parametrize(("path", "method", "mode"), OPERATIONS)
def test_no_answer_is_a_surprise(
    url: str, session: requests.Session, path: str, method: str, mode: schemathesis.GenerationMode
) -> None:
    operation = schemathesis.openapi.from_dict(DOCUMENT)[path][method]

    @BOUNDED
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if mode.is_positive and isinstance(case.body, dict):
            case.body |= {name: SERVED[name] for name in case.body.keys() & SERVED.keys()}
            case.body.pop("model", None)
        case.call_and_validate(base_url=url, session=session, checks=PROMISES)

    ask()


@pytest.mark.parametrize("path", ["/translate", "/summarize"])
def test_no_event_of_a_stream_is_a_surprise(url: str, session: requests.Session, path: str) -> None:
    operation = schemathesis.openapi.from_dict(DOCUMENT)[path]["post"]
    body = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]
    case = operation.Case(body=body | {"stream": True}, media_type="application/json")
    answer = case.call_and_validate(base_url=url, session=session, checks=PROMISES)
    assert answer.headers["content-type"] == ["text/event-stream; charset=utf-8"]
