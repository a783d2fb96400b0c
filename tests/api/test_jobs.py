"""/jobs: what a job comes to is what its route would have answered."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.app import create_app
from service.errors import DecodingFailed, SettingsError
from service.pipeline.request import TextRequest
from service.settings import Settings
from service.text.tokenizer import Tokenizer
from tests.api.fakes import FakeModels, FakePipeline, shout
from tests.api.keyed import KeyedService
from tests.api.local import LocalClient, MakeClient
from tests.api.real import translating_with
from tests.api.scraping import value
from tests.api.submitting import fetched, submit
from tests.engine.scenes import HeldModel
from tests.fakes import TableModel, echo_table
from tests.pipeline.scenes import ANY_TEXT

FIELDS: dict[str, Any] = {"q": "hello\nyou", "source": "en", "target": "de"}
GREEDY = {"beam_size": 1}


@pytest.fixture(scope="module")
def echo(tokenizer: Tokenizer) -> Iterator[LocalClient]:
    """A service that answers each text with itself, by a real engine."""
    model = TableModel(echo_table(tokenizer.vocabulary_size), steps=16)
    load = translating_with(model, tokenizer, max_batch_sources=16)
    with LocalClient(create_app(Settings(), load=load)) as client:
        yield client


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(
    q=st.one_of(ANY_TEXT, st.lists(ANY_TEXT, min_size=1, max_size=3)),
    more=st.fixed_dictionaries(
        {},
        optional={
            "alternatives": st.integers(0, 1),
            "return": st.just(["scores", "tokens", "alignment"]),
        },
    ),
)
def test_a_job_comes_to_what_its_route_answers(
    echo: LocalClient, q: str | list[str], more: dict[str, Any]
) -> None:
    options = {"beam_size": 1 + more.get("alternatives", 0)}
    fields = {"q": q, "source": "en", "target": "de", "options": options} | more
    direct = echo.post("/translate", json=fields)
    assert direct.status_code == 200
    result = fetched(echo, submit(echo, translate=fields)["id"])
    if "return" in more:
        assert without_seconds(result) == without_seconds(direct)
    else:
        assert result.content == direct.content


def without_seconds(answer: httpx.Response) -> Any:
    body = answer.json()
    for each in body["details"]:
        each.pop("seconds", None)
    return body


def test_a_text_of_many_pieces(echo: LocalClient) -> None:
    text = "Tom sees a house. Mary likes two cats!\n\n" * 20
    fields = {"q": text, "source": "auto", "target": "de", "options": GREEDY}
    job = submit(echo, translate=fields)
    assert job["status"] == "queued"
    assert job["sentences"] == {"done": 0, "total": 40}
    assert fetched(echo, job["id"]).content == echo.post("/translate", json=fields).content
    status = echo.get(f"/jobs/{job['id']}").json()
    assert status["status"] == "done"
    assert status["sentences"] == {"done": 40, "total": 40}
    kept = datetime.fromisoformat(status["deleted_at"]) - datetime.fromisoformat(
        status["finished_at"]
    )
    assert kept.total_seconds() == 86_400
    deleted = echo.request("DELETE", f"/jobs/{job['id']}").json()
    assert deleted["status"] == "deleted"
    assert "deleted_at" not in deleted, "that is when it would have been"


def test_a_text_that_is_too_long_for_its_route(
    tokenizer: Tokenizer, make_client: MakeClient
) -> None:
    load = translating_with(TableModel(echo_table(tokenizer.vocabulary_size)), tokenizer)
    fields = FIELDS | {"q": "Tom\nMary\n" * 5, "options": GREEDY}
    client = make_client(load, max_text_chars=12)
    assert client.post("/translate", json=fields).status_code == 413
    result = fetched(client, submit(client, translate=fields)["id"])
    assert result.json() == {"translatedText": fields["q"]}


def test_a_text_that_needs_no_model(echo: LocalClient) -> None:
    fields = FIELDS | {"q": "Tom " * 15_000, "source": "de"}
    assert fetched(echo, submit(echo, translate=fields)["id"]).json() == {
        "translatedText": fields["q"]
    }


def test_markup(echo: LocalClient) -> None:
    q = "<p>Tom sees <b>a house</b>.</p>\n<p>Mary &amp; the dog</p>"
    fields = FIELDS | {"q": q, "format": "html", "options": GREEDY}
    result = fetched(echo, submit(echo, translate=fields)["id"])
    assert result.content == echo.post("/translate", json=fields).content


def test_summaries(client: LocalClient) -> None:
    fields = {"text": ["Oil is dear. It is.", "Rain."], "max_length": 8}
    result = fetched(client, submit(client, summarize=fields)["id"])
    assert result.content == client.post("/summarize", json=fields).content


def test_work_for_jobs_waits_for_interactive_work(client: LocalClient, models: FakeModels) -> None:
    fetched(client, submit(client, translate=FIELDS)["id"])
    assert {request.priority for request in models.translator.asked} == {1}


def test_a_job_that_failed_has_the_error_of_its_route(make_client: MakeClient) -> None:
    def fail(request: TextRequest) -> DecodingFailed:
        return DecodingFailed("the model failed") if request.text else shout(request)  # type: ignore[return-value]

    client = make_client(FakeModels(translator=FakePipeline(fail)))
    job = submit(client, translate=FIELDS)
    result = fetched(client, job["id"])
    assert result.status_code == 500
    assert result.json()["error"] == "the model failed"
    assert result.json()["code"] == "decoding_failed"
    status = client.get(f"/jobs/{job['id']}").json()
    assert status["status"] == "failed"
    assert status["error"] == {"error": "the model failed", "code": "decoding_failed"}


class TestRefusals:
    @pytest.mark.parametrize(
        ("job", "status", "error"),
        [
            ({}, 400, "a job is an object with one field; it can be: translate, summarize"),
            ({"translate": FIELDS, "summarize": {"text": "a"}}, 400, "a job is an object with one"),
            ({"sing": {"text": "a"}}, 400, "a job cannot be that; it can be: translate, summarize"),
            ({"translate": "hello"}, 400, "translate should be an object, the body of POST"),
            ({"translate": {"q": "a", "source": "en"}}, 400, "target is missing"),
            ({"translate": FIELDS | {"target": "fr"}}, 400, "target fr is not supported"),
            ({"translate": FIELDS | {"model": "none"}}, 404, "there is no model none"),
            ({"translate": FIELDS | {"stream": True}}, 400, "translate.stream is for who waits"),
            ({"translate": FIELDS | {"timeout_s": 5}}, 400, "translate.timeout_s is for who"),
            ({"translate": FIELDS | {"options": {"beam_size": 9}}}, 400, "beam_size is 9; the"),
            ({"translate": FIELDS | {"q": ["a"] * 257}}, 413, "q has 257 texts; the limit is 256"),
            ({"translate": FIELDS | {"q": "a" * 60_000}}, 413, "a line has 60000 characters"),
            ({"translate": FIELDS | {"q": "Tom. " * 1025}}, 413, "a line has 1025 sentences"),
            ({"translate": FIELDS | {"q": "a\n" * 500_001}}, 413, "the job has 1000002 characters"),
        ],
    )
    def test_what_cannot_be_done(
        self, echo: LocalClient, job: dict[str, Any], status: int, error: str
    ) -> None:
        answer = echo.post("/jobs", json=job)
        assert answer.status_code == status
        assert answer.json()["error"].startswith(error)

    def test_bodies_may_be_larger_than_others_but_not_too_large(self, echo: LocalClient) -> None:
        job = {"translate": FIELDS | {"q": "Tom\n" * 10, "secret": "x" * 2_000_000}}
        assert echo.post("/jobs", json=job).status_code == 202
        job["translate"]["secret"] = "x" * 9_000_000
        assert echo.post("/jobs", json=job).status_code == 413

    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    def test_a_job_that_is_not_there(self, echo: LocalClient, method: str) -> None:
        answer = echo.request(method, "/jobs/guessed")
        assert answer.status_code == 404
        assert answer.json()["code"] == "unknown_job"

    def test_no_room(self, models: FakeModels, make_client: MakeClient) -> None:
        client = make_client(models, max_jobs=1)
        first = submit(client, translate=FIELDS)
        refused = client.post("/jobs", json={"translate": FIELDS})
        assert refused.status_code == 429
        assert refused.json()["error"] == "1 jobs are kept; the limit is 1"
        assert refused.headers["retry-after"] == "60"
        deleted = client.request("DELETE", f"/jobs/{first['id']}")
        assert deleted.json()["status"] == "deleted"
        submit(client, translate=FIELDS)


class TestKept:
    def test_through_a_restart(self, tokenizer: Tokenizer, tmp_path: Path) -> None:
        text = "Tom.\n" * 70
        model = HeldModel(echo_table(tokenizer.vocabulary_size), steps=16)
        load = translating_with(model, tokenizer, max_batch_sources=16)
        kept = Settings(jobs_dir=tmp_path)
        with LocalClient(create_app(kept, load=load)) as client:
            job = submit(client, translate=FIELDS | {"q": text, "options": GREEDY})
            place = f"/jobs/{job['id']}"
            model.gate.release(4)  # enough for a piece, not for all
            while not 0 < client.get(place).json()["sentences"]["done"] < 70:
                pass
            unfinished = client.get(f"{place}/result")
            assert unfinished.json()["code"] == "job_unfinished"
            assert unfinished.json()["error"].startswith("the job is running: ")
            assert value(client, "seq2serve_jobs", state="running") == 1
            model.open()
        model = HeldModel(echo_table(tokenizer.vocabulary_size), steps=16)
        load = translating_with(model, tokenizer, max_batch_sources=16)
        with LocalClient(create_app(kept, load=load)) as client:
            before = client.get(place).json()
            assert before["sentences"]["done"] > 0
            model.open()
            assert fetched(client, job["id"]).json() == {"translatedText": text}
            while value(client, "seq2serve_jobs", state="done") != 1:
                pass
            assert value(client, "seq2serve_oldest_job_seconds") == 0

    def test_without_keys(self, models: FakeModels, tmp_path: Path) -> None:
        kept = Settings(jobs_dir=tmp_path)
        with LocalClient(create_app(kept, load=models)) as client:
            secrets = {"api_key": "open-sesame", "secret": "open-sesame"}
            fetched(client, submit(client, translate=FIELDS | secrets)["id"])
        [file] = tmp_path.iterdir()
        assert b"open-sesame" not in file.read_bytes()
        assert json.dumps(FIELDS["q"]).encode() in file.read_bytes()

    def test_where_another_process_keeps_them_it_does_not_start(
        self, models: FakeModels, tmp_path: Path
    ) -> None:
        kept = Settings(jobs_dir=tmp_path)
        with (
            LocalClient(create_app(kept, load=models)),
            pytest.raises(SettingsError, match="database is locked"),
        ):
            create_app(kept, load=models)


class TestKeys:
    def test_a_job_is_seen_by_its_owner_alone(self, models: FakeModels, tmp_path: Path) -> None:
        service = KeyedService(tmp_path / "keys.db", models)
        ann, bob = service.add(), service.add()
        with service.client() as client:
            place = client.post("/jobs", json={"translate": FIELDS, "api_key": ann.key}).headers[
                "location"
            ]
            assert client.get(place, headers={"X-API-Key": ann.key}).status_code == 200
            for path in (place, f"{place}/result"):
                assert client.get(path, headers={"X-API-Key": bob.key}).status_code == 404
                assert client.get(path).status_code == 403
            bobs = client.request("DELETE", place, headers={"X-API-Key": bob.key})
            assert bobs.status_code == 404

    def test_characters_count_when_a_job_is_taken(self, models: FakeModels, tmp_path: Path) -> None:
        service = KeyedService(tmp_path / "keys.db", models)
        key = service.add(characters_per_month=12)
        headers = {"X-API-Key": key.key}
        with service.client() as client:
            fields = FIELDS | {"q": "12345678"}
            bad = client.post(
                "/jobs", json={"translate": fields | {"target": "xx"}}, headers=headers
            )
            assert bad.status_code == 400
            first = client.post("/jobs", json={"translate": fields}, headers=headers)
            assert first.status_code == 202
            second = client.post("/jobs", json={"translate": fields}, headers=headers)
            assert second.json()["code"] == "quota_exceeded"
        assert service.kept(key.id).characters == 8
