"""Wherever a client puts its fields, and whatever junk it sends."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.fakes import FakeModels
from tests.api.local import LocalClient

FIELDS = {"q": "grüße & küsse = 100% +", "source": "en", "target": "de"}
ANSWER = {"translatedText": "GRÜSSE & KÜSSE = 100% +"}


def ways() -> dict[str, dict[str, Any]]:
    body = json.dumps(FIELDS)
    form = "application/x-www-form-urlencoded"
    return {
        "json": {"json": FIELDS},
        "json, no content type": {"content": body.encode()},
        "json as text": {"content": body, "headers": {"Content-Type": "text/plain"}},
        "json that curl calls a form": {"content": body, "headers": {"Content-Type": form}},
        "json with a byte order mark": {"content": b"\xef\xbb\xbf" + body.encode()},
        "urlencoded": {"data": FIELDS},
        "urlencoded, raw UTF-8": {
            "content": "q=grüße+%26+küsse+%3D+100%25+%2B&source=en&target=de".encode(),
            "headers": {"Content-Type": form + "; charset=utf-8"},
        },
        "multipart": {"files": {name: (None, value) for name, value in FIELDS.items()}},
        "query": {"params": FIELDS},
        "query and body": {"params": {"source": "en", "target": "de"}, "json": {"q": FIELDS["q"]}},
        "body wins": {"params": {"target": "fr", "q": "?"}, "json": FIELDS},
    }


@pytest.mark.parametrize("way", ways())
def test_every_way_gives_the_same_answer(client: LocalClient, way: str) -> None:
    response = client.post("/translate", **ways()[way])
    assert (response.status_code, response.json()) == (200, ANSWER)


def test_get_with_a_query(client: LocalClient) -> None:
    assert client.get("/translate", params=FIELDS).json() == ANSWER


def test_a_repeated_form_field_is_a_list(client: LocalClient) -> None:
    fields = {"q": ["a", "b"], "source": "en", "target": "de"}
    assert client.post("/translate", data=fields).json() == {"translatedText": ["A", "B"]}
    assert client.post("/translate", params=fields).json() == {"translatedText": ["A", "B"]}


def test_a_form_can_say_everything(client: LocalClient, models: FakeModels) -> None:
    fields = {
        "q": "a",
        "source": "en",
        "target": "de",
        "alternatives": "1",
        "options": '{"beam_size": 3}',
        "return": "scores, tokens",
        "timeout_s": "2.5",
        "api_key": "",
    }
    answer = client.post("/translate", data=fields).json()

    assert answer["alternatives"] == ["A!"]
    assert answer["details"][0]["sentences"][0]["hypotheses"][0].keys() >= {"score", "tokens"}
    assert models.translator.asked[0].options.beam_size == 3


def test_an_empty_text_is_a_text(client: LocalClient) -> None:
    fields = {"q": "", "source": "en", "target": "de"}
    for arguments in ({"json": fields}, {"data": fields}, {"params": fields}):
        assert client.post("/translate", **arguments).json() == {"translatedText": ""}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, "q is missing; source is missing; target is missing"),
        ({"content": b"[1]"}, "the body is an array; it has to be a JSON object"),
        ({"content": b"7"}, "the body is a single value; it has to be a JSON object"),
        (
            {"content": b"q=a"},
            (
                "the body is not valid JSON: Expecting value at line 1 column 1; "
                "send a JSON object, a form, or a query string"
            ),
        ),
        ({"content": b'{"q": NaN}'}, "the body is not valid JSON: NaN is not a JSON number"),
        ({"content": b'{"q": "\xff"}'}, "the body is not valid UTF-8"),
        ({"content": b'{"q":' + b"[" * 9000}, "the body's JSON is nested too deeply"),
        (
            {"content": b'{"timeout_s": ' + b"9" * 5000 + b"}"},
            (
                "the body is not valid JSON: Exceeds the limit (4300 digits) for integer string "
                "conversion: value has 5000 digits"
            ),
        ),
        (
            {"content": b"q=%ff", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
            "the form is not valid UTF-8",
        ),
        ({"params": {"options": "{"}}, "options is not valid JSON"),
        ({"files": {"q": ("a.txt", b"hello")}}, "'q' is a file; only text fields are taken"),
        (
            {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
            "Missing boundary in multipart.",
        ),
    ],
)
def test_a_body_that_cannot_be_read(
    client: LocalClient, arguments: dict[str, Any], error: str
) -> None:
    response = client.post("/translate", **arguments)

    assert response.status_code == 400
    assert response.json()["error"] == error
    assert response.json()["code"] == "bad_request"


def test_control_characters_and_null_bytes_are_text(
    client: LocalClient, models: FakeModels
) -> None:
    text = "a\x00b\u2028c\U0001f600"
    client.post("/translate", json=FIELDS | {"q": text})
    assert models.translator.asked[0].text == text


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
NAMES = ["q", "text", "source", "target", "format", "alternatives", "options", "return"]
NAMES += ["timeout_s", "api_key", "model", "language", "max_length", "min_length", "?"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    path=st.sampled_from(["/translate", "/summarize", "/detect"]),
    fields=st.dictionaries(st.sampled_from(NAMES), json_values, max_size=6),
)
def test_no_json_makes_the_server_fail(
    client: LocalClient, path: str, fields: dict[str, Any]
) -> None:
    response = client.post(path, content=json.dumps(fields).encode())

    assert response.status_code in (200, 400, 404, 413)
    if response.status_code != 200:
        assert response.json().keys() == {"error", "code", "request_id"}
        assert isinstance(response.json()["error"], str)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    body=st.binary(max_size=64),
    kind=st.sampled_from(
        [
            "application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "text/plain",
            "",
        ]
    ),
)
def test_no_bytes_make_the_server_fail(client: LocalClient, body: bytes, kind: str) -> None:
    response = client.post("/translate", content=body, headers={"Content-Type": kind})
    assert response.status_code == 400
