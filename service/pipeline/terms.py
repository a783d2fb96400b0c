"""What became of the terms that were asked for, at every place where a text has one."""

from collections.abc import Iterable, Iterator, Sequence

from service.markup.reading import shown_in
from service.pipeline.copied import Copied, Copies
from service.pipeline.placed import Ground, term_on
from service.pipeline.request import TextRequest
from service.pipeline.response import MarkUse, Sentence, TermUse
from service.text.glossary import Match, find_terms
from service.text.normalise import normalise


def term_uses(
    text: str, terms: Sequence[Match], sentences: Sequence[Sentence]
) -> tuple[TermUse, ...]:
    """What became of every term of a text in the first text of its answer.

    A term that is to stay as it is holds wherever the text around it was copied: it may be part
    of an address, or of what the model was not asked. A term with a translation is not held
    there, unless that is what the text says already.

    Args:
        text: The whole text.
        terms: Where it has some.
        sentences: The answer's.
    """
    if not terms:
        return ()
    worded = {
        use.source: use
        for sentence in sentences
        for use in sentence.hypotheses[0].uses
        if not use.is_copy
    }
    copies = Copies(text, sentences)
    return tuple(
        TermUse(match.entry, worded[match.span])
        if match.span in worded
        else _kept(text, match, copies.around(match.span))
        for match in terms
    )


def terms_in_kept(request: TextRequest, kept: Iterable[Copied]) -> Iterator[TermUse]:
    """What became of the terms in what a document shows and no model was asked.

    Args:
        request: A text with markup.
        kept: Stretches of it that stay as they are.
    """
    assert request.markup is not None, "plain text has nothing of the kind"
    if not request.glossaries:
        return
    for copied in kept:
        begin = copied.source[0]
        for start, block in shown_in(request.text[slice(*copied.source)], request.markup.format):
            text = block.text
            itself = Copied((0, len(text)), 0)
            here = Ground(block.places, begin + start)
            there = Ground(block.places, begin + start + copied.by)
            for match in find_terms(text, request.glossaries):
                yield term_on(_kept(text, match, itself), here, there)


def _kept(text: str, match: Match, copied: Copied | None) -> TermUse:
    """What became of a term that no model was told as one.

    Args:
        text: The whole text.
        match: A place in it that has the term.
        copied: The copied stretch that it lies in, if it does.
    """
    target = match.entry.target
    is_copy = target is None
    stays = target is None or normalise(target) == normalise(text[slice(*match.span)])
    if copied is None or not stays:
        return TermUse(match.entry, MarkUse(match.span, None, is_copy))
    place = copied.place_of(match.span)
    return TermUse(match.entry, MarkUse(match.span, place, is_copy, copied.is_inserted))
