"""What outsiders see: the OpenAPI document and the metrics. Changes are made on purpose.

After one: UPDATE_SNAPSHOTS=1 python -m pytest tests/api/test_snapshots.py
"""

import json
import os
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.api.local import LocalClient

SNAPSHOTS = Path(__file__).parent / "snapshots"


def compare(name: str, seen: Any) -> None:
    path = SNAPSHOTS / name
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text(
            json.dumps(seen, indent=2, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8"
        )
    assert seen == json.loads(path.read_text(encoding="utf-8"))


def test_openapi(client: LocalClient) -> None:
    document = client.get("/openapi.json").json()
    document["info"]["version"] = "*"
    compare("openapi.json", document)


def test_metrics(client: LocalClient) -> None:
    seen = {
        family.name: {
            "type": family.type,
            "labels": sorted({name for sample in family.samples for name in sample.labels}),
            "buckets": [
                sample.labels["le"]
                for sample in family.samples
                if "le" in sample.labels
                and sample.labels == family.samples[0].labels | {"le": sample.labels["le"]}
            ],
        }
        for family in text_string_to_metric_families(client.get("/metrics").text)
        if family.name.startswith("seq2serve_")
    }
    compare("metrics.json", seen)


def test_every_route_has_an_example_and_the_errors_their_shape(client: LocalClient) -> None:
    document = client.get("/openapi.json").json()
    for path, route in document["paths"].items():
        for operation in route.values():
            assert operation["summary"]
            usual = min(operation["responses"])
            for kind in operation["responses"][usual]["content"].values():
                assert "example" in kind, path
            for status, answer in operation["responses"].items():
                if not status.startswith("2") and path != "/readyz":
                    schema = answer["content"]["application/json"]["schema"]
                    error = "DeepLError" if path.startswith("/v2/") else "ErrorBody"
                    assert schema == {"$ref": f"#/components/schemas/{error}"}


def test_the_examples_are_requests_that_work(client: LocalClient) -> None:
    document = client.get("/openapi.json").json()
    for path in ("/translate", "/summarize", "/detect", "/v2/translate"):
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        response = client.post(path, json=body["example"])
        assert response.status_code == 200
