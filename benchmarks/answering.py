"""A bundle that answers texts as the service does, in this process."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Protocol

from service.bundle.loader import Bundle
from service.cores import usable_cores
from service.engine import Engine, EngineLimits
from service.errors import ServiceError
from service.pipeline import Pipeline, Submitter, TextLimits, TextRequest, TextResponse

# Lines that are asked at once, as by one HTTP request.
_REQUEST_LINES = 64


class Asking(Protocol):
    """Answers texts, as `Pipeline` does."""

    async def run_many(
        self, requests: Sequence[TextRequest]
    ) -> list[TextResponse | ServiceError]: ...


@contextmanager
def running(bundle: Bundle) -> Iterator[Engine]:
    """The bundle's engine, which refuses nothing."""
    engine = Engine(bundle.model, EngineLimits.refusing_nothing(32, workers=usable_cores()))
    engine.start()
    with closing(engine):
        yield engine


def pipeline_of(bundle: Bundle, engine: Submitter) -> Pipeline:
    """The way of texts to an engine and back, for texts of any length."""
    limits = TextLimits.refusing_nothing()
    return Pipeline(bundle.manifest, bundle.tokenizer, bundle.tokenizer, engine, limits)


async def answers_of(pipeline: Asking, requests: Sequence[TextRequest]) -> list[TextResponse]:
    """The answer to each text.

    Raises:
        ServiceError: There is none for one of them.
    """
    answers: list[TextResponse] = []
    for start in range(0, len(requests), _REQUEST_LINES):
        for outcome in await pipeline.run_many(requests[start : start + _REQUEST_LINES]):
            if isinstance(outcome, ServiceError):
                raise outcome
            answers.append(outcome)
    return answers
