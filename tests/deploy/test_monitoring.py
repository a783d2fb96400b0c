"""Dashboard and alerts speak of metrics that exist, and Prometheus' own tool accepts them."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.core import Metric

from service.domain import Direction, Task
from service.jobs.job import Census
from service.metrics import Metrics, ModelInfo
from tests.deploy.queries import PROMETHEUS, RULES, Query, dashboard_queries, filled_in, operands

# What Prometheus adds to every series, and what it makes of the rules themselves.
_TARGET_LABELS = {"job", "instance", "le"}
_OF_PROMETHEUS = {"up": _TARGET_LABELS, "ALERTS": {"alertname", "alertstate"}}
_SELECTOR = re.compile(r"\b([a-zA-Z_]+)\s*\{([^}]*)\}")
_NAME = re.compile(r"\b(?:seq2serve|process)_[a-z0-9_]+\b")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")


@pytest.fixture(scope="module")
def metrics() -> Metrics:
    """The metrics of a service with one model, before its first request."""
    metrics = Metrics(
        "1.2.3", "auto", [("/translate", Task.TRANSLATION)], ["overloaded", "internal"]
    )
    metrics.models.add(
        ModelInfo("en-de", "1", Task.TRANSLATION, [Direction("en", "de")], "0a1b", "cpu", 100, 1000)
    )
    metrics.models.watch("en-de", lambda: True)
    metrics.watch_readiness(lambda: True)
    metrics.jobs.watch(lambda: Census({}, None), lambda: 0.0)
    return metrics


@pytest.fixture(scope="module")
def series(metrics: Metrics) -> dict[str, set[str]]:
    """Label names of each series a scrape can return, by the series' name."""
    found: dict[str, set[str]] = {}
    for family in metrics.registry.collect():
        for sample in _samples_of(family):
            found.setdefault(sample, set()).update(_labels_of(family))
    return found


def alert_queries() -> Iterator[Query]:
    """Every alert's expression, whole."""
    rules = RULES.read_text(encoding="utf-8")
    for rule in rules.split("- alert: ")[1:]:
        expression = re.search(r"expr: (\|\n(?: {10,}.*\n)+|.*\n)", rule)
        assert expression, rule
        yield Query(rule.split("\n", 1)[0], expression[1].removeprefix("|\n"))


def _samples_of(family: Metric) -> list[str]:
    return sorted({sample.name for sample in family.samples})


def _labels_of(family: Metric) -> set[str]:
    return {label for sample in family.samples for label in sample.labels}


QUERIES = [*dashboard_queries("1m"), *alert_queries()]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.title)
def test_every_query_names_metrics_and_labels_that_exist(
    query: Query, series: dict[str, set[str]]
) -> None:
    for name in _NAME.findall(query.expression):
        assert name in series, f"{name} is not in the registry"
    for name, matchers in _SELECTOR.findall(query.expression):
        known = _OF_PROMETHEUS.get(name) or series[name] | _TARGET_LABELS
        for label in _MATCHER.findall(matchers):
            assert label in known, f"{name} has no label {label}"


def test_every_alert_is_read() -> None:
    assert len([*alert_queries()]) == RULES.read_text(encoding="utf-8").count("- alert:") >= 8


def test_operands_are_what_an_alert_looks_at() -> None:
    assert operands("up == 0") == ["up"]
    assert operands("a / b > 0.8 and on (job, instance) c == 1") == ["a / b", "c"]
    assert operands("a > 1e-3\n  or (b and c) >= bool 2 unless d") == ["a", "(b and c)", "d"]
    assert operands('rate(x{code!="ok", le=~"1|2"}[5m]) > 0') == [
        'rate(x{code!="ok", le=~"1|2"}[5m])'
    ]


def test_a_forgotten_variable_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"unknown variable.*\$region"):
        filled_in('up{region="$region"}', "1m")


@pytest.fixture(scope="module")
def promtool() -> str:
    """Path of promtool."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed (Debian package: prometheus)")
    return found


def test_promtool_accepts_the_metrics(promtool: str, metrics: Metrics) -> None:
    _run([promtool, "check", "metrics"], generate_latest(metrics.registry))


def test_promtool_accepts_configuration_and_rules(promtool: str) -> None:
    _run([promtool, "check", "config", str(PROMETHEUS)])
    _run([promtool, "check", "rules", str(RULES)])


def test_alerts_fire_when_they_should_and_only_then(promtool: str) -> None:
    _run([promtool, "test", "rules", str(Path(__file__).parent / "alerts_test.yml")])


def _run(command: list[str], stdin: bytes = b"") -> None:
    """Run it; what it says is the message when it fails."""
    done = subprocess.run(command, input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
