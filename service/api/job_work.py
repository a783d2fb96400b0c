"""What jobs ask for, and how they are answered: as their routes would, piece by piece."""

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from service import __version__
from service.api.answers import Job, count_answer, unchanged
from service.api.context import ApiContext
from service.api.doors import Door
from service.api.requests import WorkRequest, validated
from service.api.summarize import SUMMARIZATION
from service.api.translate import TRANSLATION
from service.domain import Task
from service.errors import ServiceError, TooLarge
from service.jobs.job import JobPiece
from service.pipeline.pieces import Piece, joined, pieces_of
from service.pipeline.response import TextResponse
from service.settings import Settings

# Enough for the engine to fill its batches, few enough to lose little when the process is killed.
_PIECE_SENTENCES = 32
_PIECE_CHARACTERS = 8_000

# What a job can be, in the words of its request.
DOORS: Mapping[str, Door[Any]] = {"translate": TRANSLATION, "summarize": SUMMARIZATION}

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
        door = DOORS[kind]
        wanted = await asyncio.to_thread(validated, door.schema, fields)
        return await open_work(self._context, door, wanted)


async def open_work(context: ApiContext, door: Door[Any], wanted: WorkRequest) -> "JobWork":
    """Find out who answers.

    Raises:
        RequestError: Nobody can.
        Unavailable: The language is to be detected, and there is no room for what does it.
    """
    patient = wanted.model_copy(update={"priority": "batch"})
    jobs = await door.jobs(context, patient, math.inf)
    return JobWork(context.settings, door, wanted, jobs)


class JobWork:
    """A job that can be answered; a `service.jobs.desk.OpenJob`."""

    def __init__(
        self, settings: Settings, door: Door[Any], wanted: WorkRequest, jobs: Sequence[Job]
    ) -> None:
        """Nothing is asked yet; see `open_work`.

        Args:
            settings: Of the service.
            door: Whose requests it has.
            wanted: What is asked for.
            jobs: Its texts, and who answers them.
        """
        self._settings = settings
        self._door = door
        self._wanted = wanted
        self._jobs = jobs

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
            for number, job in enumerate(self._jobs)
            for piece in self._pieces_of(job)
        ]
        for number, piece in found:
            if self._jobs[number].model is not None:
                self._refuse_too_large(piece)
        return [JobPiece(place, number, piece) for place, (number, piece) in enumerate(found)]

    async def answer(self, piece: JobPiece) -> bytes:
        """See `OpenJob.answer`."""
        job = self._jobs[piece.text]
        answer = await _answered(job, job.request.text[piece.piece.start : piece.piece.end])
        if job.model is not None:
            count_answer(job.model.metrics, answer)
        return _ANSWER.dump_json(answer)

    def result(self, answers: Sequence[tuple[JobPiece, bytes]]) -> bytes:
        """See `OpenJob.result`."""
        pieces: list[list[Piece]] = [[] for _ in self._jobs]
        answered: list[list[TextResponse]] = [[] for _ in self._jobs]
        for piece, answer in answers:
            pieces[piece.text].append(piece.piece)
            answered[piece.text].append(_ANSWER.validate_json(answer))
        whole = [joined(*each) for each in zip(pieces, answered, strict=True)]
        return self._door.body(self._wanted, self._jobs, whole).to_json()

    def _pieces_of(self, job: Job) -> list[Piece]:
        text = job.request.text
        if job.model is None:
            return [Piece(0, len(text), 0)]
        if self._is_whole:
            return [Piece(0, len(text), 1)]
        pieces = pieces_of(
            text,
            job.request.direction.source,
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
        return self._door.task is Task.SUMMARIZATION or self._wanted.markup is not None

    @property
    def _most_sentences(self) -> int:
        return min(self._settings.max_sentences, self._settings.max_queue_sources)


async def _answered(job: Job, text: str) -> TextResponse:
    if job.model is None:
        return unchanged(text)
    [answer] = await job.model.pipeline.run_many([replace(job.request, text=text)])
    if isinstance(answer, ServiceError):
        raise answer
    return answer
