"""Keys over HTTP: where they are found, what they open, what they cost, and what stays open."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.access.key import NewKey, new_key
from service.access.ledger import Usage
from service.access.records import Limits
from service.api.access import (
    ANONYMOUS,
    PUBLIC_PATHS,
    PUBLIC_PREFIXES,
    Principal,
    identify,
    principal_of,
    usage_of,
)
from service.app import create_app
from service.errors import DecodingFailed, SettingsError
from service.settings import Settings
from tests.api.fakes import FakeModels, FakePipeline
from tests.api.keyed import FIELDS, KeyedService
from tests.api.local import LocalClient
from tests.api.walking import routes_of


@pytest.fixture
def service(tmp_path: Path, models: FakeModels) -> KeyedService:
    return KeyedService(tmp_path / "keys.db", models)


@pytest.fixture
def key(service: KeyedService) -> NewKey:
    return service.add()


@pytest.fixture
def client(service: KeyedService, key: NewKey) -> Iterator[LocalClient]:
    with service.client() as client:
        yield client


# Every place where some client puts its key, as arguments of a request.
PLACES: list[Any] = [
    pytest.param(lambda key: {"headers": {"Authorization": f"Bearer {key}"}}, id="bearer"),
    pytest.param(lambda key: {"headers": {"authorization": f"bEARER  {key} "}}, id="bearer-odd"),
    pytest.param(lambda key: {"headers": {"Authorization": f"DeepL-Auth-Key {key}"}}, id="deepl"),
    pytest.param(lambda key: {"headers": {"X-API-Key": key}}, id="x-api-key"),
    pytest.param(lambda key: {"json": FIELDS | {"api_key": key}}, id="json"),
    pytest.param(lambda key: {"data": FIELDS | {"api_key": key}}, id="form"),
    pytest.param(
        lambda key: {"files": {name: (None, value) for name, value in FIELDS.items()} | {
            "api_key": (None, key)}},
        id="multipart",
    ),
    pytest.param(lambda key: {"params": {"api_key": key}}, id="query"),
    pytest.param(lambda key: {"params": FIELDS | {"api_key": key}, "content": b""}, id="all-query"),
]  # fmt: skip


def ask(client: LocalClient, place: Any, key: str) -> Any:
    arguments = place(key)
    if not {"json", "data", "files", "content"} & set(arguments):
        arguments["json"] = FIELDS
    return client.post("/translate", **arguments)


class TestWhereKeysAre:
    @pytest.mark.parametrize("place", PLACES)
    def test_a_good_key_opens(self, client: LocalClient, key: NewKey, place: Any) -> None:
        answer = ask(client, place, key.key)
        assert answer.status_code == 200, answer.text
        assert answer.json()["translatedText"] == "HELLO"

    @pytest.mark.parametrize("place", PLACES)
    def test_a_key_of_nobody_does_not_and_no_model_hears_of_it(
        self, client: LocalClient, models: FakeModels, place: Any
    ) -> None:
        answer = ask(client, place, new_key().key)
        assert answer.status_code == 403
        assert answer.json()["code"] == "forbidden"
        assert answer.json()["error"] == "the API key is not known here, or was revoked"
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        assert models.translator.asked == []

    @pytest.mark.parametrize("place", PLACES)
    def test_no_key_at_all_is_told_where_to_put_one(
        self, client: LocalClient, models: FakeModels, place: Any
    ) -> None:
        answer = ask(client, place, "")
        assert answer.status_code == 403
        assert answer.json()["error"].startswith("this service needs an API key; send it in")
        assert models.translator.asked == []

    @pytest.mark.parametrize("given", [5, ["x"], {"a": 1}, True])
    def test_what_is_no_text_is_no_key(self, client: LocalClient, given: Any) -> None:
        assert client.post("/translate", json=FIELDS | {"api_key": given}).status_code == 403

    def test_a_header_goes_before_the_body(self, client: LocalClient, key: NewKey) -> None:
        headers = {"X-API-Key": key.key}
        body = FIELDS | {"api_key": "made up"}
        assert client.post("/translate", json=body, headers=headers).status_code == 200
        headers = {"X-API-Key": "made up"}
        body = FIELDS | {"api_key": key.key}
        assert client.post("/translate", json=body, headers=headers).status_code == 403

    def test_the_credentials_of_a_proxy_are_none_of_ours(
        self, client: LocalClient, key: NewKey
    ) -> None:
        headers = {"Authorization": "Basic dTpw"}
        body = FIELDS | {"api_key": key.key}
        assert client.post("/translate", json=body, headers=headers).status_code == 200

    def test_a_key_in_a_header_is_asked_before_the_body_is_read(self, client: LocalClient) -> None:
        headers = {"X-API-Key": "made up"}
        answer = client.post("/translate", content=b"x" * 2_000_000, headers=headers)
        assert answer.status_code == 403


class TestWhatIsOpen:
    def test_every_route_wants_a_key_but_those_that_are_public(self, client: LocalClient) -> None:
        walked = list(routes_of(client.app))
        for method, path in walked:
            answer = client.request(method, path, files={"q": (None, "in a form")})
            is_public = path in PUBLIC_PATHS or path.startswith(PUBLIC_PREFIXES)
            assert (answer.status_code == 403) is not is_public, path
        assert {("POST", "/translate"), ("GET", "/v2/usage"), ("GET", "/metrics")} <= set(walked)

    def test_what_is_public_is_chosen_one_by_one(self) -> None:
        assert {*PUBLIC_PATHS, *PUBLIC_PREFIXES} == {
            "/", "/docs", "/docs/assets/", "/openapi.json", "/spec", "/static/",
            "/frontend/settings", "/languages", "/models", "/download_file/",
            "/health", "/livez", "/readyz", "/metrics",
        }  # fmt: skip

    def test_what_is_public_does_not_look_at_keys_and_counts_nothing(
        self, service: KeyedService
    ) -> None:
        made = service.add(requests_per_minute=1)
        with service.client() as client:
            for path in ("/livez", "/readyz", "/health", "/metrics", "/languages"):
                for key in (made.key, made.key, "made up"):
                    answer = client.get(path, headers={"X-API-Key": key})
                    assert answer.status_code == 200, path
        assert service.kept(made.id).requests == 0

    def test_a_route_that_never_asks_who_is_there_does_not_answer(
        self, client: LocalClient, key: NewKey
    ) -> None:
        @client.app.get("/forgetful")
        async def forgetful() -> Response:
            return JSONResponse({"secret": "of others"})

        answer = client.get("/forgetful")
        assert answer.status_code == 403
        assert "secret" not in answer.text
        assert client.get("/forgetful", headers={"X-API-Key": key.key}).status_code == 200

    def test_what_does_not_exist_is_said_so(self, client: LocalClient) -> None:
        assert client.get("/wp-admin").status_code == 404
        assert client.get("/translate/x").status_code == 404

    def test_keys_may_be_optional(self, service: KeyedService, key: NewKey) -> None:
        with service.client(keys_required=False) as client:
            assert client.post("/translate", json=FIELDS).status_code == 200
            for given, status in ((key.key, 200), ("made up", 403), ("", 200)):
                answer = client.post("/translate", json=FIELDS | {"api_key": given})
                assert answer.status_code == status
        assert service.kept(key.id).requests == 1

    def test_without_a_file_of_keys_any_key_will_do(
        self, models: FakeModels, settings: Settings
    ) -> None:
        with LocalClient(create_app(settings, load=models)) as client:
            headers = {"Authorization": "DeepL-Auth-Key made up"}
            body = FIELDS | {"api_key": "made up as well"}
            assert client.post("/translate", json=body, headers=headers).status_code == 200

    def test_a_file_that_is_not_there_is_no_open_door(
        self, service: KeyedService, models: FakeModels
    ) -> None:
        with pytest.raises(SettingsError, match="there is no such file"):
            service.client()


class TestWhatItCosts:
    def test_characters_are_those_of_the_texts(self, service: KeyedService, key: NewKey) -> None:
        headers = {"X-API-Key": key.key}
        with service.client() as client:
            client.post("/translate", json=FIELDS | {"q": ["héllo", "", "🙂"]}, headers=headers)
            client.post("/summarize", json={"text": "0123456789"}, headers=headers)
            client.post("/detect", json={"q": "not charged"}, headers=headers)
        assert (service.kept(key.id).characters, service.kept(key.id).requests) == (16, 3)

    def test_the_quota_of_a_month(self, service: KeyedService, models: FakeModels) -> None:
        key = service.add(characters_per_month=12)
        body = FIELDS | {"api_key": key.key}
        with service.client() as client:
            assert client.post("/translate", json=body).status_code == 200
            assert client.post("/translate", json=body).status_code == 200
            refused = client.post("/translate", json=body)
        assert refused.status_code == 403
        assert refused.json()["code"] == "quota_exceeded"
        assert "used 10 of its 12 characters" in refused.json()["error"]
        assert "the request has 5" in refused.json()["error"]
        assert "retry-after" not in refused.headers
        assert len(models.translator.asked) == 2
        with service.client() as restarted:
            assert restarted.post("/translate", json=body).json()["code"] == "quota_exceeded"
            assert restarted.post("/translate", json=body | {"q": "hi"}).status_code == 200

    def test_the_rate_of_requests(self, service: KeyedService, models: FakeModels) -> None:
        key = service.add(requests_per_minute=2)
        headers = {"X-API-Key": key.key}
        with service.client() as client:
            assert client.post("/translate", json=FIELDS, headers=headers).status_code == 200
            assert client.post("/translate", json={}, headers=headers).status_code == 400
            refused = client.post("/translate", json=FIELDS, headers=headers)
            in_body = client.post("/translate", json=FIELDS | {"api_key": key.key})
        for answer in (refused, in_body):
            assert answer.status_code == 429
            assert answer.json()["code"] == "rate_limited"
            assert 1 <= int(answer.headers["retry-after"]) <= 30
        assert len(models.translator.asked) == 1

    def test_the_rate_of_characters(self, service: KeyedService, models: FakeModels) -> None:
        key = service.add(characters_per_minute=60)
        headers = {"X-API-Key": key.key}
        with service.client() as client:
            too_long = client.post("/translate", json=FIELDS | {"q": "x" * 61}, headers=headers)
            assert too_long.status_code == 413
            assert "has 61 characters; this key may send 60 a minute" in too_long.json()["error"]
            full = client.post("/translate", json=FIELDS | {"q": "x" * 60}, headers=headers)
            assert full.status_code == 200
            refused = client.post("/translate", json=FIELDS, headers=headers)
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "5"
        assert len(models.translator.asked) == 1

    def test_what_failed_is_not_charged(self, service: KeyedService, key: NewKey) -> None:
        service.models.translator = FakePipeline(lambda _: DecodingFailed("no"))
        headers = {"X-API-Key": key.key}
        with service.client() as client:
            assert client.post("/translate", json=FIELDS, headers=headers).status_code == 500
            unknown = FIELDS | {"target": "xx"}
            assert client.post("/translate", json=unknown, headers=headers).status_code == 400
        assert (service.kept(key.id).characters, service.kept(key.id).requests) == (0, 2)


class TestWhatRoutesAreTold:
    def test_who_asks_and_what_they_used(self, service: KeyedService) -> None:
        key = service.add(characters_per_month=100)
        seen: list[tuple[Principal, Usage | None]] = []
        with service.client(keys_required=False) as client:

            @client.app.post("/who")
            async def who(request: Request) -> Response:
                identify(request.scope, {"auth_key": request.headers.get("x-legacy", "")})
                seen.append((principal_of(request.scope), usage_of(request.scope)))
                return Response()

            client.post("/translate", json=FIELDS | {"api_key": key.key})
            client.post("/who", headers={"X-API-Key": key.key})
            client.post("/who", headers={"X-Legacy": key.key})
            client.post("/who")
        mine = Principal(key.id)
        assert [principal for principal, _ in seen] == [mine, mine, ANONYMOUS]
        first, second, nobody = (usage for _, usage in seen)
        assert nobody is None
        assert first is not None
        assert second is not None
        assert (first.characters, first.requests, second.requests) == (5, 2, 3)
        assert first.limits == Limits(characters_per_month=100)
        assert first.characters_per_month == 100

    def test_without_keys_everybody_is_nobody(self) -> None:
        scope = {"type": "http"}
        assert principal_of(scope) is ANONYMOUS
        assert usage_of(scope) is None
