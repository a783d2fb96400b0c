"""Ask a real Prometheus for everything that the dashboard and the alerts look at.

    python -m tests.deploy.check_monitoring http://127.0.0.1:9090

The Prometheus has to run with docker/prometheus/alerts.yml and to have scraped a service
under load for a minute. Every query has to return data; those that do not are listed, and
the exit status is 1.
"""

import argparse
import json
import math
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

from tests.deploy.queries import Query, dashboard_queries, operands


def main() -> None:
    """Evaluate all, print a line for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("url", help="address of the Prometheus, without a path")
    parser.add_argument("--window", default="1m", help="range of rates (default: 1m)")
    arguments = parser.parse_args()
    queries = [*dashboard_queries(arguments.window), *alert_queries(arguments.url)]
    empty = 0
    for query in queries:
        values = evaluate(arguments.url, query.expression)
        numbers = [value for value in values if not math.isnan(value)]
        empty += not numbers
        shown = f"{len(numbers):3} series" if numbers else "   NO DATA"
        print(f"{shown}  {query.title}: {' '.join(query.expression.split())}")  # noqa: T201
    print(f"{len(queries)} expressions, {empty} without data")  # noqa: T201
    sys.exit(empty > 0)


def alert_queries(url: str) -> Iterator[Query]:
    """The operands of each alert that this Prometheus has loaded.

    Raises:
        LookupError: It has loaded none.
    """
    groups = _get(url, "rules", type="alert")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    if not rules:
        raise LookupError(f"{url} has no alert rules; start it with docker/prometheus/alerts.yml")
    for rule in rules:
        for operand in operands(rule["query"]):
            yield Query(f"alert {rule['name']}", operand)


def evaluate(url: str, expression: str) -> list[float]:
    """The value of each series that the expression returns now."""
    data = _get(url, "query", query=expression)
    series = [data["result"]] if data["resultType"] == "scalar" else data["result"]
    return [float(one["value"][1] if isinstance(one, dict) else one[1]) for one in series]


def _get(url: str, path: str, **parameters: str) -> dict[str, Any]:
    """`data` of an answer of Prometheus' API."""
    address = f"{url.rstrip('/')}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(address, timeout=30) as answer:
        body = json.load(answer)
    data: dict[str, Any] = body["data"]
    return data


if __name__ == "__main__":
    main()
