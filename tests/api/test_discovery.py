"""/languages, /detect, /models, the pages and what does not exist."""

import re

import pytest

from service.api.catalogue import FailedModel
from service.files import EXTENSIONS
from service.settings import Settings
from tests.api.fakes import TRANSLATOR, FakeModels, served
from tests.api.local import LocalClient
from tests.api.scraping import value


def test_languages(client: LocalClient) -> None:
    """As LibreTranslate: targets are listed too, and each language among its own targets."""
    assert client.get("/languages").json() == [
        {"code": "en", "name": "English", "targets": ["de", "en"]},
        {"code": "de", "name": "German", "targets": ["de"]},
    ]


class TestSeveralTranslators:
    @pytest.fixture
    def models(self) -> FakeModels:
        back = {"name": "shout-de-en", "directions": served("de", "en")}
        other = {"name": "another-en-de", "version": "2"}
        rare = {"name": "shout-en-xx", "directions": served("en", "xx")}
        return FakeModels(
            manifests=(
                TRANSLATOR,
                *(TRANSLATOR.model_copy(update=update) for update in (back, other, rare)),
            )
        )

    def test_languages_lists_all_with_their_targets(self, client: LocalClient) -> None:
        assert client.get("/languages").json() == [
            {"code": "en", "name": "English", "targets": ["de", "en", "xx"]},
            {"code": "de", "name": "German", "targets": ["de", "en"]},
            {"code": "xx", "name": "xx", "targets": ["xx"]},
        ]

    def test_the_first_by_name_answers(self, client: LocalClient) -> None:
        response = client.post("/translate", json={"q": "a", "source": "en", "target": "de"})
        assert response.headers["x-model"] == "another-en-de@2"

    def test_a_list_may_need_two_models(self, client: LocalClient) -> None:
        texts = ["Wir gehen morgen in den Wald.", "We will go to the forest tomorrow."]
        response = client.post("/translate", json={"q": texts, "source": "auto", "target": "xx"})
        assert response.status_code == 200  # German is not a source of xx, English is likelier
        both = client.post("/translate", json={"q": texts, "source": "auto", "target": "en"})
        assert both.json()["translatedText"] == [texts[0].upper(), texts[1]]


class TestLibreTranslate:
    def test_settings_are_those_that_hold(self, client: LocalClient, settings: Settings) -> None:
        assert client.get("/frontend/settings").json() == {
            "charLimit": settings.max_text_chars,
            "frontendTimeout": 500,
            "apiKeys": False,
            "keyRequired": False,
            "suggestions": False,
            "filesTranslation": True,
            "supportedFilesFormat": [*EXTENSIONS],
            "language": {
                "source": {"code": "auto", "name": "Auto Detect"},
                "target": {"code": "de", "name": "German"},
            },
        }

    def test_the_specification_is_the_document(self, client: LocalClient) -> None:
        assert client.get("/spec").json() == client.get("/openapi.json").json()

    def test_suggestions_are_not_kept(self, client: LocalClient) -> None:
        fields = {"q": "hello", "s": "hallo", "source": "en", "target": "de"}
        answer = client.post("/suggest", data=fields)
        assert answer.status_code == 403
        assert answer.json()["code"] == "not_offered"
        assert answer.json()["error"].startswith("suggestions are not offered")


class TestDetect:
    def test_a_text(self, client: LocalClient) -> None:
        for answer in (
            client.post("/detect", json={"q": "Wo ist der Bahnhof, bitte?"}).json(),
            client.get("/detect", params={"q": "Wo ist der Bahnhof, bitte?"}).json(),
        ):
            assert [each["language"] for each in answer] == ["de", "en"]
            assert answer[0]["confidence"] > 50 > answer[1]["confidence"] >= 0

    @pytest.mark.parametrize("q", [["a"], 3])
    def test_only_a_text(self, client: LocalClient, q: object) -> None:
        response = client.post("/detect", json={"q": q})
        assert response.json()["error"] == "q: should be a string"


class TestModels:
    @pytest.fixture
    def models(self) -> FakeModels:
        return FakeModels(failed=(FailedModel("broken", "bundle_damaged", "x is missing"),))

    def test_models(self, client: LocalClient) -> None:
        answer = client.get("/models").json()

        first, second = answer["models"]
        assert [first["name"], second["name"]] == ["first-words", "shout-en-de"]
        assert second == {
            "name": "shout-en-de",
            "version": "1.2.0",
            "task": "translation",
            "directions": [{"source": "en", "target": "de"}],
            "terms": False,
            "description": "Says everything louder",
            "limitations": "Knows no German",
            "digest": TRANSLATOR.digest,
            "licence": "CC-BY-2.0-FR",
            "attribution": ["tatoeba.org"],
            "scores": [
                {
                    "corpus": "tatoeba-test",
                    "metric": "BLEU",
                    "value": 34.5,
                    "better": "higher",
                    "signature": "nrefs:1",
                    "sentences": 10,
                    "precision": "int8",
                    "beam_size": 4,
                }
            ],
            "provider": "cpu",
            "precision": "int8",
            "limits": {"max_source_tokens": 128, "max_target_tokens": 256, "max_beam_size": 8},
            "default_options": {
                "beam_size": 4,
                "num_hypotheses": 1,
                "length_penalty": 1.0,
                "min_decoding_length": 0,
                "max_decoding_length": 255,
            },
        }

    def test_a_refused_bundle_is_listed(self, client: LocalClient) -> None:
        failed = [{"name": "broken", "code": "bundle_damaged", "error": "x is missing"}]
        assert client.get("/models").json()["failed"] == failed
        assert client.get("/readyz").json()["failed"] == failed
        assert client.get("/readyz").status_code == 200
        assert value(client, "seq2serve_model_ready", model="broken") == 0

    def test_asking_for_a_refused_bundle_says_so(self, client: LocalClient) -> None:
        fields = {"q": "a", "source": "en", "target": "de", "model": "broken"}
        response = client.post("/translate", json=fields)
        assert response.status_code == 404
        assert response.json()["error"] == "model broken failed to load: bundle_damaged"


class TestPages:
    def test_what_the_first_page_names_is_there(self, client: LocalClient) -> None:
        page = client.get("/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        named = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
        assert len(named) > 10
        assert {client.get(f"/{place}").status_code for place in named} == {200}

    def test_the_first_page_holds_no_script_and_no_style(self, client: LocalClient) -> None:
        # So that a policy may allow files of this server alone.
        page = client.get("/").text
        assert not re.findall(r"<script(?![^>]* src=)|<style|\bstyle=|\bon\w+=|javascript:", page)

    def test_the_first_page_is_sent_again_only_when_it_has_changed(
        self, client: LocalClient
    ) -> None:
        tag = client.get("/").headers["etag"]
        again = client.get("/", headers={"If-None-Match": f'W/"other", {tag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert client.get("/", headers={"If-None-Match": '"other"'}).status_code == 200

    def test_the_assets_are_kept_for_good_under_the_digest_of_their_content(
        self, client: LocalClient
    ) -> None:
        page = client.get("/").text
        assets = re.findall(r'(?:src|href)="(static/[0-9a-f]{16}/[^"]+)"', page)
        kinds = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
        assert {asset.rpartition(".")[2] for asset in assets} == set(kinds)
        for asset in assets:
            answer = client.get(f"/{asset}")
            assert "immutable" in answer.headers["cache-control"]
            assert answer.headers["content-type"].startswith(kinds[asset.rpartition(".")[2]])
        # What another version of the page names is not this version's.
        name = assets[0].rpartition("/")[2]
        assert client.get(f"/static/{'0' * 16}/{name}").status_code == 404
        assert client.get(f"/{assets[0].rpartition('/')[0]}/index.html").status_code == 404

    @pytest.mark.parametrize(("path", "assets"), [("/", 10), ("/docs", 2)])
    def test_no_page_asks_another_server(self, client: LocalClient, path: str, assets: int) -> None:
        page = client.get(path).text

        sources = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert sources
        assert not [source for source in sources if "//" in source]
        loaded = [source for source in sources if "static/" in source or "assets/" in source]
        assert len(loaded) >= assets
        assert {client.get(f"/{source}").status_code for source in loaded} <= {200}


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/health"])
def test_the_head_alone(client: LocalClient, path: str) -> None:
    whole, head = client.get(path), client.request("HEAD", path)
    assert head.status_code == whole.status_code == 200
    assert head.headers["content-type"] == whole.headers["content-type"]


def test_what_does_not_exist(client: LocalClient) -> None:
    unknown = client.get("/translation")
    assert unknown.status_code == 404
    assert unknown.json()["error"] == "there is no GET /translation"
    assert unknown.json()["code"] == "not_found"

    # Not redirected: a client that follows a redirect turns its POST into a GET.
    assert client.get("/languages/").status_code == 404

    wrong = client.request("DELETE", "/summarize")
    assert wrong.status_code == 405
    assert wrong.json()["code"] == "method_not_allowed"
    assert wrong.json()["error"] == "no DELETE /summarize; allowed: POST"
    assert wrong.headers["allow"] == "POST"
    for method, path, allowed in (
        ("PUT", "/translate", "GET, POST"),
        ("PUT", "/jobs/x", "GET, DELETE"),
        ("POST", "/", "GET, HEAD"),
        ("DELETE", "/v2/usage", "GET, POST"),
    ):
        assert client.request(method, path).headers["allow"] == allowed
