"""What jobs ask for, and how they are answered: as their routes would, piece by piece."""

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pydantic import TypeAdapter

from service import __version__
from service.api.answers import Job, unchanged
from service.api.context import ApiContext
from service.api.directions import Assignment
from service.api.requests import SummarizeRequest, TranslateRequest, validated
from service.api.responses import Answer
from service.api.summarize import summarize_body, summarize_jobs
from service.api.translate import translate_body, translate_jobs
from service.errors import ServiceError, TooLarge
from service.jobs.job import JobPiece
from service.pipeline.pieces import Piece, joined, pieces_of
from service.pipeline.response import TextResponse
from service.settings import Settings

Wanted = TranslateRequest | SummarizeRequest

# Enough for the engine to fill its batches, few enough to lose little when the process is killed.
_PIECE_SENTENCES = 32
_PIECE_CHARACTERS = 8_000

TASKS: Mapping[str, type[Wanted]] = {"translate": TranslateRequest, "summarize": SummarizeRequest}

_ANSWER = TypeAdapter(TextResponse)


class JobCraft:
    """Opens jobs; a `service.jobs.desk.Craft`."""

    def __init__(self, context: ApiContext) -> None:
        """Nothing is open yet.

        Args:
            context: The service.
        """
        self._context = context

    async def open(self, kind: str, request: bytes) -> "JobWork":
        """See `Craft.open`."""
        fields = await asyncio.to_thread(json.loads, request)
        wanted = await asyncio.to_thread(validated, TASKS[kind], fields)
        return await open_work(self._context, wanted)


async def open_work(context: ApiContext, wanted: Wanted) -> "JobWork":
    """Find out who answers.

    Raises:
        RequestError: Nobody can.
        Unavailable: The language is to be detected, and there is no room for what does it.
    """
    patient = wanted.model_copy(update={"priority": "batch"})
    if isinstance(patient, TranslateRequest):
        made = await translate_jobs(context, patient, _as_list(patient.q), math.inf)
    else:
        made = summarize_jobs(context, patient, _as_list(patient.text), math.inf)
    return JobWork(context.settings, wanted, *made)


class JobWork:
    """A job that can be answered; a `service.jobs.desk.OpenJob`."""

    def __init__(
        self,
        settings: Settings,
        wanted: Wanted,
        jobs: Sequence[Job],
        assigned: Sequence[Assignment],
    ) -> None:
        """Nothing is asked yet; see `open_work`.

        Args:
            settings: Of the service.
            wanted: What is asked for.
            jobs: Its texts, and who answers them.
            assigned: The same.
        """
        self._settings = settings
        self._wanted = wanted
        self._jobs = jobs
        self._assigned = assigned

    @property
    def maker(self) -> str:
        """See `OpenJob.maker`."""
        models = [job.model.manifest for job in self._jobs if job.model is not None]
        names = {f"{manifest.name}@{manifest.digest}" for manifest in models}
        return " ".join(["seq2serve", __version__, *sorted(names)])

    async def refuse_options(self) -> None:
        """Find out now what every piece would be refused for.

        Raises:
            ServiceError: The search options are not the model's.
        """
        for job in {id(job.model): job for job in self._jobs}.values():
            await _answered(job, "")

    def pieces(self) -> list[JobPiece]:
        """Everything to be done; takes a while for long texts.

        Raises:
            TooLarge: A text, or one line of it, is too long to be answered in one go.
        """
        found = [
            (number, piece)
            for number, _ in enumerate(self._jobs)
            for piece in self._pieces_of(number)
        ]
        for number, piece in found:
            if self._assigned[number].model is not None:
                self._refuse_too_large(piece)
        return [JobPiece(place, number, piece) for place, (number, piece) in enumerate(found)]

    async def answer(self, piece: JobPiece) -> bytes:
        """See `OpenJob.answer`."""
        job = self._jobs[piece.text]
        answer = await _answered(job, job.request.text[piece.piece.start : piece.piece.end])
        return _ANSWER.dump_json(answer)

    def result(self, answers: Sequence[tuple[JobPiece, bytes]]) -> bytes:
        """See `OpenJob.result`."""
        pieces: list[list[Piece]] = [[] for _ in self._jobs]
        answered: list[list[TextResponse]] = [[] for _ in self._jobs]
        for piece, answer in answers:
            pieces[piece.text].append(piece.piece)
            answered[piece.text].append(_ANSWER.validate_json(answer))
        whole = [joined(*each) for each in zip(pieces, answered, strict=True)]
        body: Answer
        if isinstance(self._wanted, TranslateRequest):
            body = translate_body(self._wanted, self._jobs, whole, self._assigned)
        else:
            body = summarize_body(self._wanted, self._jobs, whole)
        return body.__pydantic_serializer__.to_json(body, exclude_unset=True)

    def _pieces_of(self, number: int) -> list[Piece]:
        text, assigned = self._jobs[number].request.text, self._assigned[number]
        if assigned.model is None:
            return [Piece(0, len(text), 0)]
        if self._is_whole:
            return [Piece(0, len(text), 1)]
        pieces = pieces_of(
            text,
            assigned.direction.source,
            sentences=min(_PIECE_SENTENCES, self._most_sentences),
            characters=min(_PIECE_CHARACTERS, self._settings.max_text_chars),
        )
        return list(pieces) or [Piece(0, 0, 0)]

    def _refuse_too_large(self, piece: Piece) -> None:
        what = "a text" if self._is_whole else "a line"
        length, most = piece.end - piece.start, self._settings.max_text_chars
        if length > most:
            raise TooLarge(f"{what} has {length} characters; the limit is {most}")
        if piece.sentences > self._most_sentences:
            raise TooLarge(
                f"{what} has {piece.sentences} sentences; the limit is {self._most_sentences}"
            )

    @property
    def _is_whole(self) -> bool:
        """A text cannot be cut: a summary is of all of it, and tags span lines."""
        return isinstance(self._wanted, SummarizeRequest) or self._wanted.markup is not None

    @property
    def _most_sentences(self) -> int:
        return min(self._settings.max_sentences, self._settings.max_queue_sources)


async def _answered(job: Job, text: str) -> TextResponse:
    if job.model is None:
        return unchanged(text)
    [answer] = await job.model.pipeline.run_many([replace(job.request, text=text)])
    if isinstance(answer, ServiceError):
        raise answer
    job.model.metrics.text_finished(detokenise_s=answer.times.detokenise_s)
    return answer


def _as_list(given: str | list[str]) -> list[str]:
    return [given] if isinstance(given, str) else given
