"""A text with markup as texts for the model, one a paragraph, and their answers as a document."""

from collections.abc import Sequence
from dataclasses import replace

from service.errors import TooLarge
from service.markup.document import Block, Document, read
from service.markup.evidence import proportional
from service.pipeline.request import TextLimits, TextRequest
from service.pipeline.response import Sentence, StageTimes, TextResponse
from service.text.alignment import AlignedWord, SourceWord, words


def opened(request: TextRequest, limits: TextLimits) -> Document:
    """The document that a request with markup sends.

    Raises:
        TooLarge: It has more characters than allowed, markup included.
    """
    assert request.markup is not None, "plain text is no document"
    most = limits.max_characters
    if len(request.text) > most:
        raise TooLarge(f"the text has {len(request.text)} characters; the limit is {most}")
    return read(request.text, request.markup)


def paragraphs(request: TextRequest, document: Document) -> list[TextRequest]:
    """What is asked for each paragraph; alignment only where there are tags to place."""
    return [
        replace(
            request,
            text=block.text,
            markup=None,
            protected=(),
            want_alignment=request.want_alignment or block.has_tags,
        )
        for block in document.blocks
    ]


def closed(document: Document, answers: Sequence[TextResponse]) -> TextResponse:
    """The answers to a document's paragraphs as the answer to the document.

    A paragraph with fewer alternatives than others repeats its last. Sentences and terms are
    those of all paragraphs; their places are places in the paragraph's text.
    """
    count = max((1 + len(answer.alternatives) for answer in answers), default=1)
    texts = [
        document.with_blocks(
            [
                _translated(block, answer, rank)
                for block, answer in zip(document.blocks, answers, strict=True)
            ]
        )
        for rank in range(count)
    ]
    times = [answer.times for answer in answers]
    return TextResponse(
        text=texts[0],
        alternatives=tuple(texts[1:]),
        sentences=tuple(sentence for answer in answers for sentence in answer.sentences),
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
        terms=tuple(term for answer in answers for term in answer.terms),
    )


def _translated(block: Block, answer: TextResponse, rank: int) -> str:
    """A paragraph as its answer's text number `rank` has it, or its last."""
    texts = (answer.text, *answer.alternatives)
    rank = min(rank, len(texts) - 1)
    aligned = alignment(block.text, answer.sentences, rank) if block.has_tags else None
    return block.translated(texts[rank], aligned)


def alignment(text: str, sentences: Sequence[Sentence], rank: int) -> list[AlignedWord]:
    """Word alignment of a whole answer, in places of the text and of the answer.

    Args:
        text: What was asked.
        sentences: The answer's.
        rank: Which of the answers: 0 for `TextResponse.text`, j for ``alternatives[j - 1]``.

    Returns:
        Of what went to the model, what attention says; each target word with the source word as
        far along in the sentence, when there is none. Of what did not, each word with itself.
    """
    aligned: list[AlignedWord] = []
    done = written = 0
    for sentence in sentences:
        start, end = sentence.source_span
        aligned += _moved(_itself(text[done:start]), done, written)
        written += start - done
        # A sentence with fewer hypotheses than others repeats its last.
        hypothesis = sentence.hypotheses[min(rank, len(sentence.hypotheses) - 1)]
        if hypothesis.alignment is None:
            found = proportional(text[start:end], hypothesis.text)
            aligned += _moved(found, start, written)
        else:
            # Its places are those of the text that it was best in.
            aligned += _moved(hypothesis.alignment, 0, written - hypothesis.span[0])
        done, written = end, written + len(hypothesis.text)
    return aligned + _moved(_itself(text[done:]), done, written)


def _itself(text: str) -> list[AlignedWord]:
    return [AlignedWord(span, (SourceWord(span, 1.0),)) for span in words(text)]


def _moved(aligned: Sequence[AlignedWord], source_by: int, target_by: int) -> list[AlignedWord]:
    return [
        AlignedWord(
            (word.span[0] + target_by, word.span[1] + target_by),
            tuple(
                SourceWord((each.span[0] + source_by, each.span[1] + source_by), each.weight)
                for each in word.sources
            ),
        )
        for word in aligned
    ]
