"""What a service's metrics say."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.api.local import LocalClient


def value(client: LocalClient | httpx.Client, name: str, **labels: str) -> float:
    """One sample; fails unless there is exactly one."""
    [found] = [
        sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    ]
    return float(found)
