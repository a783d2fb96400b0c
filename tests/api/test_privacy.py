"""What passes through stays private: no text, address or key in a log line or a metric.

Secrets are sent in every place of a request, on every route there is, to a real server that
logs all it can; then everything that it wrote is searched.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from service.app import create_app
from service.settings import Settings
from tests.api.fakes import FakeModels
from tests.api.keyed import FIELDS, KeyedService
from tests.api.launching import launched
from tests.api.serving import PATIENCE_S
from tests.api.walking import routes_of

TEXT = "Xyzzy-the-text"
MADE_UP_KEY = "Plugh-the-key"
ELSEWHERE = "Frotz-the-rest"
# Loopback has more addresses than one, and the server itself uses the first.
ADDRESS = "127.0.0.77"
FORWARDED = "203.0.113.77"
HEADERS = {
    "User-Agent": ELSEWHERE,
    "Referer": f"https://{ELSEWHERE}.example/?q={TEXT}",
    "Origin": f"https://{ELSEWHERE}.example",
    "Cookie": f"session={ELSEWHERE}",
    "X-Forwarded-For": FORWARDED,
    "Forwarded": f"for={FORWARDED}",
    "X-Request-ID": f"<{ELSEWHERE}>",  # not of the shape that is taken over
}


def bodies(key: str) -> Iterator[dict[str, Any]]:
    """Good, bad and broken bodies that are full of secrets."""
    fields = FIELDS | {"q": TEXT, "api_key": key}
    yield {"json": fields}
    yield {"json": fields | {"source": "auto", "alternatives": 1}}
    yield {"json": fields | {"source": TEXT[:20], "model": TEXT}}
    yield {"json": fields | {TEXT: TEXT, "options": {TEXT: TEXT}}}
    yield {"json": fields | {"stream": True}}
    yield {"json": fields | {"format": "html", "q": f"<p title='{TEXT}'>{TEXT}</p>"}}
    yield {"json": fields | {"glossary": TEXT, "terms": {TEXT: TEXT}}}
    yield {"json": {"translate": FIELDS | {"q": [TEXT, TEXT]}, "api_key": key}}
    yield {"json": {"text": [TEXT, TEXT], "api_key": key}}
    yield {"json": {"text": [TEXT], "target_lang": "DE", "auth_key": key}}
    yield {"data": fields}
    yield {"files": {"file": (ELSEWHERE, TEXT.encode()), "api_key": (None, key)}}
    to_translate = {"source": (None, "en"), "target": (None, "de"), "api_key": (None, key)}
    yield {"files": to_translate | {"file": (f"{ELSEWHERE}.txt", TEXT.encode())}}
    yield {"files": {name: (None, value) for name, value in fields.items()}}
    yield {"params": fields}
    yield {"content": f'{{"q": "{TEXT}'.encode()}
    yield {"content": TEXT.encode() + b"\xff"}
    yield {"content": TEXT.encode() * 2000}
    broken = {"Content-Type": f"multipart/form-data; boundary={ELSEWHERE}"}
    yield {"content": f"--{TEXT}".encode(), "headers": broken}


def ask_everything(client: httpx.Client, key: str) -> set[int]:
    """Bodies on every route, some with a key in the headers; the statuses seen."""
    app = create_app(Settings(), load=FakeModels())
    routes = (*routes_of(app), ("POST", f"/{ELSEWHERE}"), ("DELETE", "/translate"))
    # No divisor of the number of bodies: each of them comes with each of these.
    own = itertools.cycle(({}, {"X-API-Key": key}, {"Authorization": f"DeepL-Auth-Key {key}"}))
    seen = set()
    for method, path in (route for route in routes if route[0] != "HEAD"):
        # Routes that take no body have no use for many of them.
        step = 1 if method == "POST" else 5
        for body in itertools.islice(bodies(key), 0, None, step):
            headers = next(own) | body.pop("headers", {})
            answer = client.request(method, path, headers=headers, **body)
            seen.add(answer.status_code)
            assert answer.headers["x-request-id"] != HEADERS["X-Request-ID"]
    return seen


@contextmanager
def talkative(log: Path, **settings: object) -> Iterator[httpx.Client]:
    """A client of a server whose stderr is a file."""
    with launched(log, **settings) as server:
        transport = httpx.HTTPTransport(local_address=ADDRESS)
        with httpx.Client(
            base_url=server.url, timeout=PATIENCE_S, transport=transport, headers=HEADERS
        ) as client:
            yield client


def leaks(text: str, key: str) -> list[str]:
    """The secrets that are in `text`."""
    secrets = (TEXT, ELSEWHERE, ADDRESS, FORWARDED, key, key.rpartition("_")[2])
    return [secret for secret in secrets if secret.lower() in text.lower()]


def check(log: Path, key: str, **settings: object) -> None:
    """Ask everything with `key` and search what was written."""
    with talkative(log, max_body_bytes=20_000, **settings) as client:
        seen = ask_everything(client, key)
        metrics = client.get("/metrics").text
    assert {200, 202, 400, 404, 405, 413, 500} <= seen, seen
    written = log.read_text("utf-8")
    assert written.count('"event": "request"') > 100, "there is something to search"
    assert "ValueError" in written, "a bug was met"
    assert "python_multipart" not in written, "which quotes the bytes that it cannot parse"
    assert leaks(metrics, key) == []
    assert leaks(written, key) == []


def test_without_keys(tmp_path: Path) -> None:
    check(tmp_path / "log", MADE_UP_KEY)


def test_with_keys(tmp_path: Path) -> None:
    service = KeyedService(tmp_path / "keys.db", FakeModels())
    made = service.add(characters_per_month=1_000_000)
    check(tmp_path / "log", made.key, keys_file=service.path, cors_origins="*")


def test_with_a_key_of_nobody(tmp_path: Path) -> None:
    service = KeyedService(tmp_path / "keys.db", FakeModels())
    service.add()
    log = tmp_path / "log"
    with talkative(log, keys_file=service.path) as client:
        for body in bodies(MADE_UP_KEY):
            assert client.post("/translate", **body).status_code in (403, 400)
        assert leaks(client.get("/metrics").text, MADE_UP_KEY) == []
    assert leaks(log.read_text("utf-8"), MADE_UP_KEY) == []
