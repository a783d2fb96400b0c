"""What browsers are told: headers on every answer, and whose pages may read it."""

import base64
import hashlib
import re

import pytest

from tests.api.fakes import FakeModels
from tests.api.local import LocalClient, MakeClient

FIELDS = {"q": "hello", "source": "en", "target": "de"}
ORIGIN = "https://app.example"


def directives(policy: str) -> dict[str, list[str]]:
    parts = (part.split() for part in policy.split(";"))
    return {name: values for name, *values in parts}


class TestHeaders:
    def test_every_answer_has_them(self, client: LocalClient, models: FakeModels) -> None:
        answers = [
            client.get("/"),
            client.get("/docs"),
            client.get("/docs/assets/swagger-ui.css"),
            client.get("/metrics"),
            client.get("/nowhere"),
            client.post("/translate", json=FIELDS),
            client.post("/translate", json={}),
            client.request("DELETE", "/translate"),
        ]
        models.translator.hold = _fail
        answers.append(client.post("/translate", json=FIELDS))
        assert [answer.status_code for answer in answers] == [
            200, 200, 200, 200, 404, 200, 400, 405, 500,
        ]  # fmt: skip
        for answer in answers:
            assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
            assert answer.headers.get_list("referrer-policy") == ["no-referrer"]
            [policy] = answer.headers.get_list("content-security-policy")
            said = directives(policy)
            assert said["default-src"] == ["'none'"]
            assert said["frame-ancestors"] == ["'none'"]
            assert said["base-uri"] == ["'none'"]
            assert not any(
                ":" in value for values in said.values() for value in values if value != "data:"
            )

    def test_scripts_are_the_servers_own(self, client: LocalClient) -> None:
        said = directives(client.get("/").headers["content-security-policy"])
        assert said["script-src"] == said["style-src"] == said["connect-src"] == ["'self'"]

    def test_the_inline_script_of_the_documentation_may_run_and_no_other(
        self, client: LocalClient
    ) -> None:
        answer = client.get("/docs")
        [script] = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        said = directives(answer.headers["content-security-policy"])
        assert said["script-src"] == ["'self'", f"'sha256-{digest}'"]


async def _fail() -> None:
    raise RuntimeError


class TestCors:
    @pytest.fixture
    def client(self, models: FakeModels, make_client: MakeClient) -> LocalClient:
        return make_client(models, cors_origins=f"{ORIGIN}, http://localhost:5173")

    def preflight(self, client: LocalClient, path: str, origin: str) -> dict[str, str]:
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type, x-api-key",
        }
        return dict(client.request("OPTIONS", path, headers=headers).headers)

    @pytest.mark.parametrize("path", ["/translate", "/summarize", "/languages"])
    def test_pages_of_an_allowed_origin_may_ask(self, client: LocalClient, path: str) -> None:
        answer = self.preflight(client, path, ORIGIN)
        assert answer["access-control-allow-origin"] == ORIGIN
        assert "POST" in answer["access-control-allow-methods"]
        assert "x-api-key" in answer["access-control-allow-headers"].lower()
        assert "access-control-allow-credentials" not in answer

    def test_they_may_read_answers_and_errors_on_every_route(
        self, client: LocalClient, models: FakeModels
    ) -> None:
        headers = {"Origin": ORIGIN}
        answers = [
            client.post("/translate", json=FIELDS, headers=headers),
            client.post("/translate", json={}, headers=headers),
            client.get("/languages", headers=headers),
            client.get("/nowhere", headers=headers),
        ]
        models.translator.hold = _fail
        answers.append(client.post("/translate", json=FIELDS, headers=headers))
        for answer in answers:
            assert answer.headers["access-control-allow-origin"] == ORIGIN
            assert "X-Request-ID" in answer.headers["access-control-expose-headers"]

    def test_pages_of_others_may_not(self, client: LocalClient) -> None:
        assert "access-control-allow-origin" not in self.preflight(
            client, "/translate", "https://evil.example"
        )
        headers = {"Origin": "https://evil.example"}
        answer = client.post("/translate", json=FIELDS, headers=headers)
        assert "access-control-allow-origin" not in answer.headers

    def test_by_default_nobody_may(self, models: FakeModels, make_client: MakeClient) -> None:
        client = make_client(models)
        answer = client.post("/translate", json=FIELDS, headers={"Origin": ORIGIN})
        assert "access-control-allow-origin" not in answer.headers
        assert "access-control-allow-origin" not in self.preflight(client, "/translate", ORIGIN)
