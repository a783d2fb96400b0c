"""The PromQL that this repository ships, as plain values."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "docker/grafana/dashboards/seq2serve.json"
RULES = ROOT / "docker/prometheus/alerts.yml"
PROMETHEUS = ROOT / "docker/prometheus/prometheus.yml"

# `> 0.8`, `== bool 1`; never `!="ok"` inside a selector, which compares with a string.
_THRESHOLD = re.compile(r"\s*(?:==|!=|>=|<=|>|<)\s*(?:bool\s+)?-?[0-9.]+(?:e[+-]?[0-9]+)?")
_SET_OPERATOR = re.compile(r"\s+(?:and|or|unless)\s+(?:(?:on|ignoring)\s*\([^)]*\)\s*)?")


@dataclass(frozen=True, slots=True)
class Query:
    """One expression and where it stands.

    Attributes:
        title: The panel's, variable's or alert's name, for people.
        expression: PromQL.
    """

    title: str
    expression: str


def dashboard_queries(window: str) -> Iterator[Query]:
    """Every query of every panel, and the selector behind every drop-down list.

    Args:
        window: What stands for Grafana's rate interval, as a PromQL duration. In every list
            "All" is chosen.
    """
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield Query(panel["title"], filled_in(target["expr"], window))
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            call = re.fullmatch(r"label_values\((.*), \w+\)", variable["definition"])
            assert call, variable["definition"]
            yield Query(f"list {variable['label']}", filled_in(call[1], window))


def filled_in(expression: str, window: str) -> str:
    """The expression as Grafana would send it.

    Raises:
        ValueError: It has a variable that this function does not know.
    """
    for variable, value in (("$__rate_interval", window), ("$instance", ".*"), ("$model", ".*")):
        expression = expression.replace(variable, value)
    if "$" in expression:
        raise ValueError(f"unknown variable in {expression!r}")
    return expression


def operands(expression: str) -> list[str]:
    """What an alert looks at: its parts between set operators, without their thresholds.

    A quiet alert returns nothing, which looks just like an alert on a metric that does not
    exist. Its operands return data, or the alert can never fire.

    Worked case: ``a / b > 0.8 and on (job) c == 1`` -> ``["a / b", "c"]``.
    """
    parts, depth, start, position = [], 0, 0, 0
    while position < len(expression):
        operator = _SET_OPERATOR.match(expression, position) if depth == 0 else None
        if operator:
            parts.append(expression[start:position])
            start = position = operator.end()
            continue
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(expression[position], 0)
        position += 1
    parts.append(expression[start:])
    return [_THRESHOLD.sub("", part).strip() for part in parts]
