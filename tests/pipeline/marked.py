"""Models that hold terms and copies, lose them and repeat them, and a pipeline on them."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import numpy as np
from hypothesis import strategies as st

from service.domain import (
    DecodedHypothesis,
    DecodedSource,
    DecodeRequest,
    FinishReason,
    FloatArray,
    MarkIds,
)
from service.errors import Draining
from service.pipeline import Pipeline, TextLimits, TextRequest, TextResponse
from service.text.glossary import Entry, Glossary
from service.text.tokenizer import Tokenizer
from tests.pipeline.scenes import FakeEngine, Limits, Manifest

MARKS = MarkIds(4, 5, (6, 7, 8))  # as in `marked_tokenizer`
Say = Callable[[tuple[int, ...]], Sequence[Sequence[int]]]

MARKED_TEXT = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "the dog sees {name}.",
                "{x}",
                "https://a.de/?b=c.",
                " cat ",
                "Acme",
                "%s",
                "THE DOG SEES {NAME}. ",
            ]
        ),
        st.sampled_from(["\n", "  ", "! ", ", ", "(", '"', "me@example.org", "the teacher likes"]),
        st.text(max_size=6),
    ),
    max_size=10,
).map("".join)
TERMS = Glossary(
    [Entry("cat", "der Hund", "1"), Entry("Acme", None, "2"), Entry("the teacher", "er", "3")]
)


def without_marks(ids: Sequence[int]) -> list[int]:
    return [id_ for id_ in ids if not 4 <= id_ <= 8]


def obedient(ids: tuple[int, ...]) -> list[list[int]]:
    """Says the source again, terms by their translations, placeholders in their places."""
    return [[id_ for id_ in ids if id_ not in (4, 5)]]


def deaf(ids: tuple[int, ...]) -> list[list[int]]:
    """Leaves out terms and placeholders."""
    kept: list[int] = []
    in_term = False
    for id_ in ids:
        in_term = (in_term or id_ == 4) and id_ != 5
        if not in_term and id_ > 8:
            kept.append(id_)
    return [kept]


def stuttering(ids: tuple[int, ...]) -> list[list[int]]:
    return [[id_ for id_ in ids for _ in range(2 if 6 <= id_ <= 8 else 1)]]


def late(ids: tuple[int, ...]) -> list[list[int]]:
    """Thinks of everything only in its third hypothesis."""
    return [*deaf(ids), *stuttering(ids), *obedient(ids)]


MODELS = st.sampled_from(
    [obedient, deaf, stuttering, late, lambda ids: [ids[::-1]], lambda _: [()]]
)


def answering(say: Say) -> Callable[[DecodeRequest], DecodedSource]:
    def answer(request: DecodeRequest) -> DecodedSource:
        hypotheses = tuple(
            DecodedHypothesis(
                token_ids=tuple(ids),
                log_prob=-1.0 - rank,
                score=-1.0 - rank,
                token_log_probs=np.zeros(len(ids), dtype=np.float32),
                attention=attention(ids, request.source_ids),
                finish_reason=FinishReason.END,
            )
            for rank, ids in enumerate(say(request.source_ids[:-1]))
        )
        asked = request.options.num_hypotheses
        return DecodedSource(
            hypotheses[:asked], 1, 0.0, 0.0, 0.0, others=lambda: hypotheses[asked:]
        )

    return answer


def attention(ids: Sequence[int], source_ids: Sequence[int]) -> FloatArray:
    """Each token looks at where the source has it, or else at the source's end."""
    columns = [source_ids.index(id_) if id_ in source_ids else -1 for id_ in ids]
    return np.eye(len(source_ids), dtype=np.float32)[np.array(columns, dtype=np.int64)].reshape(
        len(ids), len(source_ids)
    )


class FillingEngine(FakeEngine):
    """Full after the first request."""

    def submit_many(
        self, requests: Sequence[DecodeRequest], *, again: bool = False
    ) -> list[Future[DecodedSource]]:
        futures = super().submit_many(requests, again=again)
        self.room = 0
        return futures


class ClosingEngine(FakeEngine):
    """Takes one request for work and none again."""

    def submit_many(
        self, requests: Sequence[DecodeRequest], *, again: bool = False
    ) -> list[Future[DecodedSource]]:
        if again:
            raise Draining("no more work is taken")
        return super().submit_many(requests)


def pipeline(
    tokenizer: Tokenizer,
    engine: FakeEngine,
    *,
    marks: MarkIds | None = MARKS,
    max_source_tokens: int = 64,
) -> Pipeline:
    manifest = Manifest(marks=marks, limits=Limits(max_source_tokens=max_source_tokens))
    limits = TextLimits(10_000, 500)
    return Pipeline(manifest, tokenizer, tokenizer, engine, limits, clock=lambda: 0.0)


def ask(
    tokenizer: Tokenizer,
    request: TextRequest,
    say: Say = obedient,
    *,
    marks: MarkIds | None = MARKS,
    max_source_tokens: int = 64,
    is_closing: bool = False,
) -> tuple[TextResponse, list[DecodeRequest]]:
    """The answer, and what the engine was asked; nothing a second time if it is busy."""
    engine = ClosingEngine(answering(say)) if is_closing else FakeEngine(answering(say))
    asked = pipeline(tokenizer, engine, marks=marks, max_source_tokens=max_source_tokens)
    response = asyncio.run(asked.run(request))
    return response, [request for batch in engine.submitted for request in batch]
