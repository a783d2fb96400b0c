"""DeepL's door: what it takes, what it says, and what it refuses."""

from typing import Any

import pytest

from service.errors import EngineDead, Overloaded, ServiceError
from service.markup.document import Markup
from service.text.segment import Boundaries
from tests.api.fakes import SUMMARIZER, TRANSLATOR, FakeModels, FakePipeline, served
from tests.api.local import LocalClient, MakeClient
from tests.api.scraping import value

FIELDS: dict[str, Any] = {"text": ["hello"], "source_lang": "EN", "target_lang": "DE"}
HELLO = {"detected_source_language": "EN", "text": "HELLO", "billed_characters": 5}


def message(client: LocalClient, **fields: Any) -> str:
    answer = client.post("/v2/translate", json=FIELDS | fields)
    assert answer.status_code == 400
    body = answer.json()
    assert body.keys() == {"message"}
    assert isinstance(body["message"], str)
    return str(body["message"])


class TestTranslate:
    @pytest.mark.parametrize(
        "sent",
        [
            {"json": FIELDS},
            {"json": FIELDS | {"text": "hello"}},
            {"json": FIELDS | {"source_lang": "en-US", "target_lang": "de_AT"}},
            {"json": FIELDS | {"auth_key": "any"}, "headers": {"Content-Type": ""}},
            {"data": FIELDS},
            {"data": FIELDS | {"split_sentences": "1", "preserve_formatting": "0"}},
            {"files": {}, "data": FIELDS},
            {"params": FIELDS},
            {"data": {"text": "hello"}, "params": {"source_lang": "en", "target_lang": "de"}},
        ],
    )
    def test_however_it_is_sent(self, client: LocalClient, sent: dict[str, Any]) -> None:
        answer = client.post("/v2/translate", **sent)
        assert answer.json() == {"translations": [HELLO]}
        assert answer.headers["x-model"] == "shout-en-de@1.2.0"

    def test_a_get(self, client: LocalClient) -> None:
        assert client.get("/v2/translate", params=FIELDS).json() == {"translations": [HELLO]}

    def test_a_form_with_several_texts(self, client: LocalClient) -> None:
        answer = client.post("/v2/translate", data=FIELDS | {"text": ["hello", "", "you"]})
        assert [each["text"] for each in answer.json()["translations"]] == ["HELLO", "", "YOU"]

    @pytest.mark.parametrize(
        ("sent", "boundaries"),
        [
            ("0", Boundaries.NONE),
            (0, Boundaries.NONE),
            (True, Boundaries.LINES_AND_SENTENCES),
            ("nonewlines", Boundaries.SENTENCES),
        ],
    )
    def test_where_it_is_split(
        self, client: LocalClient, models: FakeModels, sent: object, boundaries: Boundaries
    ) -> None:
        client.post("/v2/translate", json=FIELDS | {"split_sentences": sent})
        assert models.translator.asked[-1].boundaries is boundaries

    @pytest.mark.parametrize(
        ("sent", "used", "beam_size"),
        [
            ("latency_optimized", "latency_optimized", 1),
            ("quality_optimized", "quality_optimized", None),
            ("prefer_quality_optimized", "quality_optimized", None),
        ],
    )
    def test_the_kind_of_model_is_the_kind_of_search(
        self, client: LocalClient, models: FakeModels, sent: str, used: str, beam_size: int | None
    ) -> None:
        answer = client.post("/v2/translate", json=FIELDS | {"model_type": sent})
        assert answer.json() == {"translations": [HELLO | {"model_type_used": used}]}
        assert models.translator.asked[-1].options.beam_size == beam_size

    @pytest.mark.parametrize("tags", [["a", "b,c"], "a,b, c"])
    def test_tags_without_tag_handling_are_nothing(self, client: LocalClient, tags: object) -> None:
        fields = FIELDS | dict.fromkeys(
            ("ignore_tags", "splitting_tags", "non_splitting_tags"), tags
        )
        assert client.post("/v2/translate", json=fields).status_code == 200

    @pytest.mark.parametrize(
        ("fields", "markup"),
        [
            ({}, Markup("xml")),
            ({"ignore_tags": ["A", "b"]}, Markup("xml", frozenset("Ab"))),
            ({"splitting_tags": "a, b"}, Markup("xml", splitting_tags=frozenset("ab"))),
            ({"non_splitting_tags": "a"}, Markup("xml", non_splitting_tags=frozenset("a"))),
            ({"outline_detection": "0"}, Markup("xml", has_outline=False)),
            ({"tag_handling_version": "v2"}, Markup("xml")),
            (
                {"tag_handling": "html", "outline_detection": False, "ignore_tags": "A"},
                Markup("html", frozenset("a")),
            ),
        ],
    )
    def test_markup(
        self, client: LocalClient, models: FakeModels, fields: dict[str, Any], markup: Markup
    ) -> None:
        sent = FIELDS | {"tag_handling": "xml"} | fields
        assert client.post("/v2/translate", json=sent).status_code == 200
        asked = models.translator.asked[-1]
        assert asked.markup == markup
        is_html = markup.format == "html"
        usual = Boundaries.SENTENCES if is_html else Boundaries.LINES_AND_SENTENCES
        assert asked.boundaries is usual

    def test_it_is_counted(self, client: LocalClient) -> None:
        client.post("/v2/translate", json=FIELDS)
        labels = {"route": "/v2/translate", "task": "translation", "code": "ok"}
        assert value(client, "seq2serve_requests_total", **labels) == 1


class TestCodes:
    @pytest.fixture
    def models(self) -> FakeModels:
        brazilian = {"name": "shout-en-pt", "directions": served("en", "pt-BR")}
        back = {"name": "shout-de-en", "directions": served("de", "en")}
        updates: tuple[dict[str, Any], ...] = ({}, brazilian, back)
        return FakeModels(
            manifests=tuple(TRANSLATOR.model_copy(update=update) for update in updates)
        )

    @pytest.mark.parametrize(
        ("target", "model"),
        [
            ("PT-BR", "shout-en-pt"),
            ("pt_br", "shout-en-pt"),
            ("PT", "shout-en-pt"),
            ("DE-CH", "shout-en-de"),
        ],
    )
    def test_the_nearest_that_is_served(self, client: LocalClient, target: str, model: str) -> None:
        answer = client.post("/v2/translate", json=FIELDS | {"target_lang": target})
        assert answer.headers["x-model"].startswith(f"{model}@")

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            (
                {"target_lang": "FI"},
                "target_lang FI is not supported; it can be: DE, EN-GB, EN-US, PT-BR",
            ),
            ({"target_lang": "PT-PT"}, "target_lang PT-PT is not supported; it can be: DE, EN-GB,"),
            ({"source_lang": "FI"}, "source_lang FI is not supported; it can be: DE, EN"),
            ({"source_lang": "PT"}, "source_lang PT is not supported; it can be: DE, EN"),
            ({"source_lang": "DE", "target_lang": "PT"}, "target pt-BR is not supported from"),
        ],
    )
    def test_what_is_not_served(
        self, client: LocalClient, fields: dict[str, str], expected: str
    ) -> None:
        assert message(client, **fields).startswith(expected)


class TestRefusals:
    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"text": []}, "text: the list is empty"),
            ({"text": None}, "text is missing"),
            ({"text": [1]}, "text: item 0 should be a string"),
            ({"formality": "less"}, "formality less is not supported for target_lang DE"),
            ({"glossary_ids": ["g"]}, "glossary_ids is not offered: a request takes one"),
            ({"glossary_id": "g"}, "model shout-en-de was not trained with terms"),
            ({"glossary_id": "g", "source_lang": None}, "glossary_id needs a source_lang"),
            ({"custom_instructions": ["be kind"]}, "custom_instructions is not offered"),
            ({"ignore_tags": 3}, "ignore_tags: should be names of tags"),
            ({"split_sentences": "2"}, "split_sentences: input should be '0', '1' or"),
            ({"form": 1}, 'unknown field "form"; known: text, target_lang'),
        ],
    )
    def test_say_what_and_why(
        self, client: LocalClient, fields: dict[str, Any], expected: str
    ) -> None:
        assert message(client, **fields).startswith(expected)

    def test_a_field_that_is_empty_asks_for_nothing(self, client: LocalClient) -> None:
        fields = FIELDS | {"glossary_id": "", "style_id": None}
        assert client.post("/v2/translate", json=fields).status_code == 200

    @pytest.mark.parametrize(
        ("sent", "status", "expected"),
        [
            ({"json": FIELDS | {"text": ["a"] * 5}}, 413, "text has 5 texts; the limit is 4"),
            ({"json": FIELDS | {"text": "a" * 30_000}}, 413, "the body has 30"),
            ({"content": b"[1]"}, 400, "the body is an array"),
            ({"content": b"{"}, 400, "the body is not valid JSON"),
        ],
    )
    def test_limits(
        self, client: LocalClient, sent: dict[str, Any], status: int, expected: str
    ) -> None:
        answer = client.post("/v2/translate", **sent)
        assert answer.status_code == status
        assert answer.json()["message"].startswith(expected)
        assert answer.json().keys() == {"message"}

    @pytest.mark.parametrize(
        ("failure", "status"),
        [(Overloaded("full", 3), 429), (EngineDead("dead"), 503), (ValueError("secret"), 500)],
    )
    def test_failures(
        self,
        make_client: MakeClient,
        failure: Exception,
        status: int,
    ) -> None:
        def fail(request: object) -> ServiceError:
            if isinstance(failure, ServiceError):
                return failure
            raise failure

        client = make_client(FakeModels(translator=FakePipeline(fail)))
        answer = client.post("/v2/translate", json=FIELDS)
        assert answer.status_code == status
        assert answer.json().keys() == {"message"}
        assert "secret" not in answer.text
        assert ("retry-after" in answer.headers) == (status in (429, 503))

    @pytest.mark.parametrize(
        ("method", "path", "status", "hint"),
        [
            ("POST", "/v2/document", 404, "/translate_file takes files"),
            ("GET", "/v2/document/1/result", 404, "/translate_file takes files"),
            ("POST", "/v2/write/rephrase", 404, "no model of this service rephrases"),
            ("DELETE", "/v3/glossaries/1", 404, "glossaries are files of the server"),
            ("GET", "/v2/nothing", 404, "of DeepL's API there are /v2/translate, "),
            ("POST", "/v2/glossaries", 405, "glossaries are files of the server"),
            ("PUT", "/v2/translate", 405, "of DeepL's API there are /v2/translate, "),
        ],
    )
    def test_what_is_not_offered(
        self, client: LocalClient, method: str, path: str, status: int, hint: str
    ) -> None:
        answer = client.request(method, path)
        assert answer.status_code == status
        assert answer.json()["message"].startswith(f"{method} {path} is not offered; {hint}")


class TestAround:
    def test_languages(self, client: LocalClient) -> None:
        source = [{"language": "EN", "name": "English"}]
        target = [{"language": "DE", "name": "German", "supports_formality": False}]
        assert client.get("/v2/languages").json() == source
        assert client.get("/v2/languages", params={"type": "source"}).json() == source
        assert client.post("/v2/languages", data={"type": "target"}).json() == target
        wrong = client.get("/v2/languages", params={"type": "both"})
        assert wrong.json() == {"message": "type: input should be 'source' or 'target'"}

    def test_usage(self, client: LocalClient) -> None:
        limit = 1_000_000_000_000
        assert client.get("/v2/usage").json() == {"character_count": 0, "character_limit": limit}
        client.post("/v2/translate", json=FIELDS | {"text": ["hello", "you"]})
        client.post("/v2/translate", json=FIELDS | {"target_lang": "FI"})
        assert client.post("/v2/usage").json()["character_count"] == 8

    def test_a_service_that_translates_nothing(self, make_client: MakeClient) -> None:
        client = make_client(FakeModels(manifests=(SUMMARIZER,)))
        assert client.get("/v2/languages").json() == []
        assert message(client) == "target_lang DE is not supported; it can be: nothing"
