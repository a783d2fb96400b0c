"""Tables for model cards, pages of `docs/` and terminals."""

from collections.abc import Iterable, Sequence


def table(head: str, rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; `head` has a bar between the names of its columns."""
    rule = "|---" * (head.count("|") + 1) + "|"
    body = ("| " + " | ".join(map(str, row)) + " |" for row in rows)
    return "\n".join([f"| {head} |", rule, *body])
