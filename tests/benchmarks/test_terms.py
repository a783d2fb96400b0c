"""What the figures of `benchmarks.terms` count."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from benchmarks.terms import Item, measured
from model_export.corpus import Line
from service.domain import Direction
from service.errors import ServiceError
from service.pipeline import TextRequest, TextResponse
from service.pipeline.response import MarkUse, TermUse
from service.text.glossary import find_terms
from tests.api.fakes import shout

EN_DE = Direction("en", "de")
ITEMS = [
    Item(Line("The big cat sleeps here.", "Die große Katze schläft hier.", EN_DE), "cat", "Katze"),
    Item(Line("Where is my red cat now?", "Wo ist meine rote Katze jetzt?", EN_DE), "cat", "Katze"),
]


class Half:
    """Knows the references, says "Tier" for a cat, and holds terms; inserts those of questions."""

    async def run_many(self, requests: Sequence[TextRequest]) -> list[TextResponse | ServiceError]:
        return [self._answer(request) for request in requests]

    def _answer(self, request: TextRequest) -> TextResponse:
        [line] = [item.line for item in ITEMS if item.line.source == request.text]
        matches = find_terms(request.text, request.glossaries)
        is_inserted = request.text.endswith("?")
        words = [match.entry.target or "cat" for match in matches] or ["Tier"]
        terms = [
            TermUse(match.entry, MarkUse(match.span, (0, 1), True, is_inserted))
            for match in matches
        ]
        text = line.target.replace("Katze", words[0])
        return replace(shout(request), text=text, terms=tuple(terms))


def test_held_inserted_and_bleu_by_what_is_asked_for() -> None:
    rows = asyncio.run(measured(Half(), EN_DE, ITEMS))
    assert [row["asked for"] for row in rows] == ["nothing", "translation", "do not translate"]
    assert [row["held %"] for row in rows] == [0, 50, 50]
    assert [row["inserted %"] for row in rows] == [0, 50, 50]
    assert [row["BLEU"] for row in rows][1:] == pytest.approx([100, 100])
    nothing = rows[0]["BLEU"]
    assert isinstance(nothing, float)
    assert nothing < 90
