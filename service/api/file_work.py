"""What a document asks for, and how it is answered: each text once, tags in their places."""

from collections.abc import Sequence

from service.api.answers import PRIORITIES, Job
from service.api.context import ApiContext
from service.api.directions import Assignment, assignments_of
from service.api.requests import FileRequest
from service.api.responses import FileTerm
from service.api.terms import Glossaries, file_terms_of, glossaries_of
from service.errors import TooLarge
from service.files import Document
from service.files.document import Passage
from service.markup.placing import place_tags
from service.markup.tagged import Tag, plain_text
from service.pipeline.request import TextRequest
from service.pipeline.response import TextResponse
from service.text.alignment import AlignedWord

# Of a document, to tell its language by.
_SAMPLE_CHARACTERS = 5_000


def characters_of(document: Document, max_text_chars: int) -> int:
    """How many characters of text a document has; asked before any model work.

    Raises:
        TooLarge: A paragraph is over the limit of texts.
    """
    characters = [len(plain_text(passage)) for passage in document.passages]
    longest = max(characters, default=0)
    if longest > max_text_chars:
        raise TooLarge(
            f"a paragraph of the file has {longest} characters; the limit is {max_text_chars}"
        )
    return sum(characters)


class FileWork:
    """A document that can be answered; see `open_work`.

    Attributes:
        assigned: Where all of its texts go.
        jobs: Each text once: tables, headers and subtitles repeat themselves.
    """

    def __init__(
        self, document: Document, assigned: Assignment, glossaries: Glossaries, deadline_s: float
    ) -> None:
        """Nothing is asked yet.

        Args:
            document: The file.
            assigned: Where its texts go.
            glossaries: What they are translated with.
            deadline_s: Instant on the engine's clock after which nobody wants it.
        """
        self._document = document
        self.assigned = assigned
        has_tags: dict[str, bool] = {}
        for passage in document.passages:
            text = plain_text(passage)
            is_tagged = any(isinstance(piece, Tag) for piece in passage)
            has_tags[text] = is_tagged or has_tags.get(text, False)
        self.jobs = [
            Job(
                assigned.model,
                TextRequest(
                    text=text,
                    direction=assigned.direction,
                    deadline_s=deadline_s,
                    priority=PRIORITIES["batch"],  # what others wait for goes first
                    want_alignment=wants_alignment,
                    glossaries=glossaries,
                ),
            )
            for text, wants_alignment in has_tags.items()
        ]

    def written(self, answers: Sequence[TextResponse]) -> bytes:
        """The document in the other language.

        Args:
            answers: One for each job.
        """
        pairs = zip(self._document.passages, self._by_passage(answers), strict=True)
        return self._document.written([_placed(passage, answer) for passage, answer in pairs])

    def terms(self, answers: Sequence[TextResponse]) -> list[FileTerm]:
        """What became of the terms of the whole document.

        Args:
            answers: One for each job.
        """
        return file_terms_of(self._by_passage(answers))

    def _by_passage(self, answers: Sequence[TextResponse]) -> list[TextResponse]:
        texts = (job.request.text for job in self.jobs)
        answered = dict(zip(texts, answers, strict=True))
        return [answered[plain_text(passage)] for passage in self._document.passages]


async def open_work(
    context: ApiContext, wanted: FileRequest, document: Document, deadline_s: float
) -> FileWork:
    """Find out who answers a document: all of it goes the same way.

    Raises:
        RequestError: Nobody can do it.
        Unavailable: The language is to be detected, and there is no room for what does it.
    """
    sample = "\n".join(map(plain_text, document.passages[:_SAMPLE_CHARACTERS]))
    [assigned] = await assignments_of(
        context,
        [sample[:_SAMPLE_CHARACTERS]],
        wanted.source,
        wanted.target,
        wanted.model,
        with_terms=wanted.asks_for_terms,
    )
    [glossaries] = glossaries_of(context, wanted, [assigned])
    return FileWork(document, assigned, glossaries, deadline_s)


def _placed(passage: Passage, answer: TextResponse) -> Passage:
    """The translation of a passage with its tags."""
    aligned: list[AlignedWord] = []
    for sentence in answer.sentences:
        words = sentence.hypotheses[0].alignment
        if words is None:  # a model without attention
            return tuple(place_tags(passage, answer.text, None))
        aligned += words
    return tuple(place_tags(passage, answer.text, aligned))
