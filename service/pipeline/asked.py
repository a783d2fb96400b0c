"""What the engine was asked for a text, and what of it is settled."""

from concurrent.futures import Future
from dataclasses import dataclass
from typing import NamedTuple

from service.domain import DecodedSource
from service.markup.document import Document
from service.pipeline.plan import Again, Part, Plan
from service.pipeline.request import TextRequest
from service.pipeline.settling import Futures


class Planned(NamedTuple):
    """A plan and the seconds it took."""

    plan: Plan
    seconds: float

    @property
    def asked(self) -> list[Part]:
        """What goes to the engine, in order."""
        return self.plan.asked


@dataclass(frozen=True, slots=True)
class PlannedDocument:
    """A text with markup, and a plan for each of its paragraphs."""

    document: Document
    paragraphs: list[tuple[TextRequest, Planned]]

    @property
    def asked(self) -> list[Part]:
        """What goes to the engine, in order."""
        return [part for _, planned in self.paragraphs for part in planned.asked]


class Later(NamedTuple):
    """A further search for the sentence at a position, and what is answered to it."""

    position: int
    again: Again
    future: Future[DecodedSource]


class Asked(NamedTuple):
    """A text whose first searches are done.

    Attributes:
        request: The text.
        planned: What was asked.
        group: What each of it was answered.
        later: Further searches, in the order they were made.
    """

    request: TextRequest
    planned: Planned | PlannedDocument
    group: Futures
    later: tuple[Later, ...] = ()
