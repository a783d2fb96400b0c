"""/metrics: parses, counts what happened, and keeps its names."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.api.errors import error_codes
from service.domain import FinishReason
from service.engine.observer import EngineObserver
from tests.api.fakes import TRANSLATOR, FakeModels
from tests.api.local import LocalClient
from tests.api.scraping import value

DOCS = Path(__file__).resolve().parents[2] / "docs"
FIELDS = {"q": "hello", "source": "en", "target": "de"}
MODEL = {"model": "shout-en-de"}


def test_requests_are_counted_by_outcome(client: LocalClient) -> None:
    client.post("/translate", json=FIELDS)
    client.post("/translate", json=FIELDS)
    client.post("/translate", json={})
    client.get("/wp-admin")

    work = {"route": "/translate", "task": "translation"}
    assert value(client, "seq2serve_requests_total", code="ok", **work) == 2
    assert value(client, "seq2serve_requests_total", code="bad_request", **work) == 1
    assert value(client, "seq2serve_request_seconds_count", **work) == 3
    other = {"route": "other", "task": "none"}
    assert value(client, "seq2serve_requests_total", code="not_found", **other) == 1


def test_every_outcome_of_work_is_there_from_the_start(client: LocalClient) -> None:
    for code in ("ok", *error_codes()):
        labels = {"route": "/summarize", "task": "summarization", "code": code}
        assert value(client, "seq2serve_requests_total", **labels) == 0


def test_codes_are_those_of_the_error_tree() -> None:
    assert error_codes() == [
        "bad_request",
        "body_too_slow",
        "cancelled",
        "deadline_exceeded",
        "decoding_failed",
        "draining",
        "engine_dead",
        "forbidden",
        "internal",
        "job_unfinished",
        "method_not_allowed",
        "not_found",
        "not_offered",
        "overloaded",
        "quota_exceeded",
        "rate_limited",
        "too_large",
        "unavailable",
        "unknown_file",
        "unknown_glossary",
        "unknown_job",
        "unknown_model",
        "unsupported_encoding",
        "unsupported_language",
    ]


def test_the_scrape_itself_is_in_flight(client: LocalClient) -> None:
    assert value(client, "seq2serve_requests_in_flight") == 1


def test_what_is_served(client: LocalClient, models: FakeModels) -> None:
    assert (
        value(
            client,
            "seq2serve_model_info",
            version="1.2.0",
            task="translation",
            directions="en de",
            digest=TRANSLATOR.digest,
            **MODEL,
        )
        == 1
    )
    assert value(client, "seq2serve_provider_active", provider="cpu", **MODEL) == 1
    assert value(client, "seq2serve_provider_active", provider="cuda", **MODEL) == 0
    assert value(client, "seq2serve_provider_requested", provider="auto") == 1
    assert value(client, "seq2serve_provider_requested", provider="cuda") == 0
    assert value(client, "seq2serve_queue_capacity_sources", **MODEL) == 2048
    assert value(client, "seq2serve_queue_capacity_tokens", **MODEL) == 131_072
    assert value(client, "seq2serve_ready") == 1

    models.engines["shout-en-de"].alive = False

    assert value(client, "seq2serve_model_ready", **MODEL) == 0
    assert value(client, "seq2serve_model_ready", model="first-words") == 1
    assert value(client, "seq2serve_ready") == 0


def test_what_the_engine_reports(client: LocalClient, models: FakeModels) -> None:
    observer: EngineObserver = models.observers["shout-en-de"]
    observer.queue_changed(items=3, tokens=40)
    observer.encoded(sources=2, source_tokens=24, padded_tokens=32, seconds=0.01)
    observer.advanced(sources=2, rows=8, steps=4, source_tokens=24, padded_tokens=32, seconds=0.01)
    for captured in (False, True, None, False):
        observer.advanced(
            sources=0,
            rows=0,
            steps=0,
            source_tokens=0,
            padded_tokens=1,
            seconds=0,
            captured=captured,
        )
    observer.finished(
        reason=FinishReason.LENGTH,
        source_tokens=12,
        generated_tokens=9,
        queue_s=0.3,
        encode_s=0.004,
        decode_s=0.02,
    )
    observer.failed(code="deadline_exceeded")

    assert value(client, "seq2serve_queue_depth_sources", **MODEL) == 3
    assert value(client, "seq2serve_queue_depth_tokens", **MODEL) == 40
    assert value(client, "seq2serve_batch_sources_sum", **MODEL) == 2
    assert value(client, "seq2serve_batch_tokens_sum", **MODEL) == 24
    assert value(client, "seq2serve_batch_padding_ratio_sum", **MODEL) == 0.25 + 4
    assert value(client, "seq2serve_uncaptured_advances_total", **MODEL) == 2
    assert value(client, "seq2serve_decode_steps_total", **MODEL) == 4
    assert value(client, "seq2serve_source_tokens_total", **MODEL) == 12
    assert value(client, "seq2serve_generated_tokens_total", **MODEL) == 9
    assert value(client, "seq2serve_finished_sources_total", reason="length", **MODEL) == 1
    assert value(client, "seq2serve_finished_sources_total", reason="end", **MODEL) == 0
    assert value(client, "seq2serve_failed_sources_total", code="deadline_exceeded", **MODEL) == 1
    for stage, seconds in (("queue", 0.3), ("encode", 0.004), ("decode", 0.02)):
        assert value(client, "seq2serve_stage_seconds_sum", stage=stage, **MODEL) == seconds
    assert value(client, "seq2serve_queue_depth_sources", model="first-words") == 0


def test_detokenising_is_counted_for_each_text(client: LocalClient) -> None:
    client.post("/translate", json=FIELDS | {"q": ["a", "b"]})
    labels = {"stage": "detokenise", **MODEL}
    assert value(client, "seq2serve_stage_seconds_count", **labels) == 2
    assert value(client, "seq2serve_stage_seconds_sum", **labels) == pytest.approx(0.01)


def test_openmetrics_for_who_asks(client: LocalClient) -> None:
    accept = "application/openmetrics-text; version=1.0.0"
    response = client.get("/metrics", headers={"Accept": accept})
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")


def test_every_metric_is_documented(client: LocalClient) -> None:
    page = (DOCS / "metrics.md").read_text(encoding="utf-8")
    names = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in text_string_to_metric_families(client.get("/metrics").text)
        if family.name.startswith("seq2serve_")
    }
    assert len(names) > 20
    assert {name for name in names if f"`{name}`" not in page} == set()
