"""A text with markup as texts for the model, one a paragraph, and their answers as a document."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from service.errors import TooLarge
from service.markup.document import Block, Document, Translated
from service.markup.evidence import proportional
from service.markup.reading import read
from service.markup.spaces import with_special
from service.pipeline.copied import Copied, Copies
from service.pipeline.marking import moved
from service.pipeline.placed import Ground, sentence_on, term_on
from service.pipeline.request import TextLimits, TextRequest
from service.pipeline.response import Sentence, StageTimes, TextResponse
from service.pipeline.terms import terms_in_kept
from service.text.alignment import AlignedWord, SourceWord, words
from service.text.normalise import Span


def opened(request: TextRequest, limits: TextLimits, *, can_copy: bool) -> Document:
    """The document that a request with markup sends.

    Args:
        request: A request with markup.
        limits: What it may be.
        can_copy: Whether the model was trained to copy; it then reads something in the place of
            what is kept within a sentence.

    Raises:
        TooLarge: It has more characters than allowed, markup included.
    """
    assert request.markup is not None, "plain text is no document"
    most = limits.max_characters
    if len(request.text) > most:
        raise TooLarge(f"the text has {len(request.text)} characters; the limit is {most}")
    document = read(request.text, request.markup)
    return document.for_copying() if can_copy else document


def paragraphs(request: TextRequest, document: Document) -> list[TextRequest]:
    """What is asked for each paragraph; alignment only where there is something to place."""
    return [
        replace(
            request,
            text=block.text,
            markup=None,
            protected=tuple(block.copies),
            want_alignment=request.want_alignment or block.needs_alignment,
        )
        for block in document.blocks
    ]


def closed(
    request: TextRequest, document: Document, answers: Sequence[TextResponse]
) -> TextResponse:
    """The answers to a document's paragraphs as the answer to the document.

    A paragraph with fewer alternatives than others repeats its last. Sentences are those of all
    paragraphs, terms those, too, and what the document shows besides, with places in the document
    and in the answer.

    Args:
        request: Of the document.
        document: Its paragraphs, and what is around them.
        answers: To the paragraphs.
    """
    blocks = document.blocks
    count = max((1 + len(answer.alternatives) for answer in answers), default=1)
    written = [
        [_translated(block, answer, rank) for block, answer in zip(blocks, answers, strict=True)]
        for rank in range(count)
    ]
    sources = _grounds(document, [Translated(block.source, block.places) for block in blocks])
    targets = [_grounds(document, each) for each in written]
    terms = [
        term_on(term, sources[number], targets[0][number])
        for number, answer in enumerate(answers)
        for term in answer.terms
    ]
    kept = [
        *(Copied(*each) for each in document.kept([each.text for each in written[0]])),
        *_copied(blocks, answers, sources, targets[0]),
    ]
    kept_terms = terms_in_kept(request, kept)
    times = [answer.times for answer in answers]
    return TextResponse(
        text=document.with_blocks([each.text for each in written[0]]),
        alternatives=tuple(
            document.with_blocks([each.text for each in other]) for other in written[1:]
        ),
        sentences=tuple(
            sentence_on(sentence, sources[number], [target[number] for target in targets])
            for number, answer in enumerate(answers)
            for sentence in answer.sentences
        ),
        use=None,
        times=StageTimes(
            # Paragraphs are planned and written in turn, and worked on side by side.
            tokenise_s=sum(each.tokenise_s for each in times),
            queue_s=max((each.queue_s for each in times), default=0.0),
            encode_s=max((each.encode_s for each in times), default=0.0),
            decode_s=max((each.decode_s for each in times), default=0.0),
            detokenise_s=sum(each.detokenise_s for each in times),
        ),
        source_tokens=sum(answer.source_tokens for answer in answers),
        generated_tokens=sum(answer.generated_tokens for answer in answers),
        terms=tuple(sorted([*terms, *kept_terms], key=lambda term: term.use.source)),
    )


def _grounds(document: Document, written: Sequence[Translated]) -> list[Ground]:
    """Where the characters of each paragraph are when the paragraphs are written like that."""
    starts = document.starts([each.text for each in written])
    return [Ground(each.places, start) for each, start in zip(written, starts, strict=True)]


def _copied(
    blocks: Sequence[Block],
    answers: Sequence[TextResponse],
    sources: Sequence[Ground],
    targets: Sequence[Ground],
) -> Iterator[Copied]:
    """Where a document has what is kept within its sentences."""
    for block, answer, source, target in zip(blocks, answers, sources, targets, strict=True):
        copies = Copies(block.text, answer.sentences)
        for span in block.copies:
            copied = copies.around(span)
            if copied is not None:
                here, there = source.of(span), target.of(copied.place_of(span))
                yield Copied(here, there[0] - here[0])


def _translated(block: Block, answer: TextResponse, rank: int) -> Translated:
    """A paragraph as its answer's text number `rank` has it, or its last."""
    texts = (answer.text, *answer.alternatives)
    rank = min(rank, len(texts) - 1)
    found = correspondence(block.text, answer.sentences, rank)
    copies = [(here, there) for here in block.copies if (there := found.copy_of(here)) is not None]
    target = with_special(block.spaced, found.spaced(block.spaced, texts[rank]), found.aligned)
    return block.translated(target, found.aligned, copies)


@dataclass(frozen=True, slots=True)
class Correspondence:
    """What of an answer came of what.

    Attributes:
        aligned: Words of the answer, in order, and the words of the text behind them.
        copies: What was copied, by the model or past it.
        unread: Places in the text that did not go to the model, and where they are in the answer.
    """

    aligned: list[AlignedWord]
    copies: Copies
    unread: list[tuple[Span, Span]]

    def spaced(self, source: str, target: str) -> str:
        """`target`, character for character, with what did not go to the model as it was.

        Args:
            source: The text with its white space as it was written.
            target: The answer.
        """
        pieces: list[str] = []
        done = 0
        for here, there in self.unread:
            pieces += (target[done : there[0]], source[slice(*here)])
            done = there[1]
        return "".join([*pieces, target[done:]])

    def copy_of(self, span: Span) -> Span | None:
        """Where in the answer a stretch of the text is that was copied; None if it was not."""
        copied = self.copies.around(span)
        return None if copied is None else copied.place_of(span)


def correspondence(text: str, sentences: Sequence[Sentence], rank: int) -> Correspondence:
    """Words and copies of a whole answer, in places of the text and of the answer.

    Of what went to the model, attention says what came of what; without it, each word is with the
    source word as far along in the sentence. What did not is with itself.

    Args:
        text: What was asked.
        sentences: The answer's.
        rank: Which of the answers: 0 for `TextResponse.text`, j for ``alternatives[j - 1]``.
    """
    found = Correspondence([], Copies(text, sentences, rank), [])
    done = written = 0
    for sentence in sentences:
        start, end = sentence.source_span
        written = _add_unread(found, text, (done, start), written)
        hypothesis = sentence.ranked(rank)
        if hypothesis.alignment is None:
            guessed = proportional(text[start:end], hypothesis.text)
            found.aligned.extend(_moved(guessed, start, written))
        else:
            # Its places are those of the text that it was best in.
            for word in _moved(hypothesis.alignment, 0, -hypothesis.span[0]):
                apart = _word_by_word(word, text, hypothesis.text)
                found.aligned.extend(_moved(apart, 0, written))
        done, written = end, written + len(hypothesis.text)
    _add_unread(found, text, (done, len(text)), written)
    return found


def _add_unread(found: Correspondence, text: str, span: Span, written: int) -> int:
    """Add what was passed through; where it ends in the answer, which so far has `written`."""
    there = moved(span, written - span[0])
    found.unread.append((span, there))
    places = words(text[slice(*span)])
    itself = [AlignedWord(place, (SourceWord(place, 1.0),)) for place in places]
    found.aligned.extend(_moved(itself, span[0], written))
    return there[1]


def _word_by_word(word: AlignedWord, source: str, target: str) -> list[AlignedWord]:
    """A copy of several words, which alignment has as one, as so many copies of one.

    Args:
        word: Of `target`.
        source: What it says of where the word came from is about this.
        target: What was written.
    """
    copied = target[slice(*word.span)]
    if [source[slice(*each.span)] for each in word.sources] != [copied]:
        return [word]
    [origin] = word.sources
    itself = [AlignedWord(place, (SourceWord(place, 1.0),)) for place in words(copied)]
    return _moved(itself, origin.span[0], word.span[0])


def _moved(aligned: Sequence[AlignedWord], source_by: int, target_by: int) -> list[AlignedWord]:
    return [
        AlignedWord(
            moved(word.span, target_by),
            tuple(SourceWord(moved(each.span, source_by), each.weight) for each in word.sources),
        )
        for word in aligned
    ]
