"""Who translates lines in `benchmarks.quality_speed`: our service's code, and a peer's child."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from benchmarks.peers.text_job import TextJob
from service.api.answers import PRIORITIES
from service.cores import usable_cores
from service.decoding.contract import DecoderModel
from service.domain import DecodeRequest, Direction, SearchOptions
from service.engine import Engine, EngineLimits
from service.errors import ServiceError
from service.pipeline import (
    Outcome,
    Pipeline,
    SearchOverrides,
    Served,
    TextLimits,
    TextRequest,
    run_in_windows,
)
from service.pipeline.options import resolve
from service.text.tokenizer import Tokenizer

BY_LENGTH = "by length"


@dataclass(frozen=True, slots=True)
class Manner:
    """How lines are translated.

    Attributes:
        beam: Hypotheses kept.
        batch: Most of what a batch holds.
        kind: Whatever else the translator may choose.
    """

    beam: int
    batch: int
    kind: str

    def __str__(self) -> str:
        return f"{self.batch} {self.kind}"


class Translator(Protocol):
    """Translates lines on all cores and says how long it took."""

    name: str

    def manners(self, beam: int) -> Iterator[Manner]:
        """Every way of translating that is worth a trial."""
        ...

    def translate(
        self, manner: Manner, lines: Sequence[str], *, from_text: bool
    ) -> tuple[float, list[str]]:
        """Seconds, and the translations.

        Args:
            manner: How.
            lines: One sentence each.
            from_text: Whether tokenising and joining are on the clock.
        """
        ...


class Ours:
    """A bundle's model behind the service's own pipeline and engine; close it."""

    name = "seq2serve"

    def __init__(
        self, manifest: Served, direction: Direction, tokenizer: Tokenizer, model: DecoderModel
    ) -> None:
        self._manifest = manifest
        self._direction = direction
        self._tokenizer = tokenizer
        self._model = model
        self._engines: dict[int, Engine] = {}

    def close(self) -> None:
        """Stop the engines' workers."""
        for engine in self._engines.values():
            engine.close()

    def manners(self, beam: int) -> Iterator[Manner]:
        """Sizes of a worker's batch; sources in their order or by length, as CTranslate2 does."""
        for batch in (16, 32, 64, 128):
            for kind in ("in order", BY_LENGTH):
                yield Manner(beam, batch, kind)

    def translate(
        self, manner: Manner, lines: Sequence[str], *, from_text: bool
    ) -> tuple[float, list[str]]:
        """See `Translator`."""
        engine = self._engine(manner.batch)
        if from_text:
            began_s = time.perf_counter()
            order = _order(lines, manner)
            options = SearchOverrides(manner.beam)
            requests = [
                # Nobody waits for a single one; the engine then keeps to the order.
                TextRequest(lines[place], self._direction, options, priority=PRIORITIES["batch"])
                for place in order
            ]
            texts = asyncio.run(self._answers(engine, requests))
            return time.perf_counter() - began_s, _restored(texts, order)
        decodes = [self._decode(line, manner.beam) for line in lines]
        began_s = time.perf_counter()
        order = _order([decode.source_ids for decode in decodes], manner)
        futures = engine.submit_many([decodes[place] for place in order])
        answers = [future.result().hypotheses[0].token_ids for future in futures]
        seconds = time.perf_counter() - began_s
        return seconds, _restored([self._tokenizer.decode(ids) for ids in answers], order)

    def _decode(self, line: str, beam: int) -> DecodeRequest:
        """What the pipeline asks the engine for a line of one sentence."""
        ids = self._tokenizer.encode(line)
        search, limits = self._manifest.search, self._manifest.limits
        options = resolve(SearchOverrides(beam), search, limits).of(len(ids))
        prefix = self._manifest.prefixes[self._direction]
        return DecodeRequest((*prefix, *ids, self._tokenizer.end_id), options)

    async def _answers(self, engine: Engine, requests: Sequence[TextRequest]) -> list[str]:
        limits = TextLimits.refusing_nothing()
        pipeline = Pipeline(self._manifest, self._tokenizer, self._tokenizer, engine, limits)
        texts: list[str] = []

        def take(outcomes: Sequence[Outcome]) -> None:
            for outcome in outcomes:
                if isinstance(outcome, ServiceError):
                    raise outcome
                texts.append(outcome.text)

        await run_in_windows(pipeline, requests, take)
        return texts

    def _engine(self, batch: int) -> Engine:
        if batch not in self._engines:
            limits = EngineLimits.refusing_nothing(batch, workers=usable_cores())
            self._engines[batch] = Engine(self._model, limits)
            self._engines[batch].start()
        return self._engines[batch]


class Answers(Protocol):
    """What is asked of a child; see `benchmarks.peers.protocol.Child`."""

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]: ...


class Peer:
    """A loaded child of `benchmarks.peers.text_peer`, with its shortlist or without."""

    def __init__(self, child: Answers, search: SearchOptions, *, shortlist: bool) -> None:
        """Take a child.

        Args:
            child: Loaded; shared by the peer with a shortlist and the one without.
            search: Gives length penalty and longest target, the same as ours.
            shortlist: Whether to score the tokens of its word table only.
        """
        self.name = "CTranslate2, shortlist" if shortlist else "CTranslate2"
        self._child = child
        self._search = search
        self._shortlist = shortlist

    def manners(self, beam: int) -> Iterator[Manner]:
        """Sizes of a batch in sentences and in tokens."""
        for batch in (8, 16, 32, 64):
            yield Manner(beam, batch, "examples")
        for batch in (512, 1024, 2048, 4096):
            yield Manner(beam, batch, "tokens")

    def translate(
        self, manner: Manner, lines: Sequence[str], *, from_text: bool
    ) -> tuple[float, list[str]]:
        """See `Translator`."""
        job = TextJob(
            lines=tuple(lines),
            beam=manner.beam,
            workers=usable_cores(),
            batch=manner.batch,
            batch_type=manner.kind,
            shortlist=self._shortlist,
            from_text=from_text,
            length_penalty=self._search.length_penalty,
            max_decoding_length=self._search.max_decoding_length,
        )
        answer = self._child.ask({"do": "translate", "job": asdict(job)})
        return float(answer["seconds"]), list(answer["texts"])


def _order(items: Sequence[Sequence[object]], manner: Manner) -> Sequence[int]:
    """In which order they are asked; by length, the longest are first: they end last."""
    places = range(len(items))
    if manner.kind != BY_LENGTH:
        return places
    return sorted(places, key=lambda place: len(items[place]), reverse=True)


def _restored(texts: Sequence[str], order: Sequence[int]) -> list[str]:
    """Texts that came in `order`, in the order of the lines."""
    restored = [""] * len(texts)
    for place, text in zip(order, texts, strict=True):
        restored[place] = text
    return restored
