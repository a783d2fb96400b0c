"""Jobs from submission to result."""

from typing import Any

import httpx

from tests.api.local import LocalClient


def submit(client: LocalClient, **job: Any) -> dict[str, Any]:
    """A job that was taken, as the service shows it."""
    answer = client.post("/jobs", json=job)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/jobs/{answer.json()['id']}"
    return dict(answer.json())


def fetched(client: LocalClient, id_: str) -> httpx.Response:
    """What a job comes to; each look gives it a turn of the event loop."""
    for _ in range(100_000):
        answer = client.get(f"/jobs/{id_}/result")
        if answer.status_code != 409:
            return answer
    raise AssertionError("the job does not end")
