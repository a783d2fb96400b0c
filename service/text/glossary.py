"""Terms with a translation of their own, and where a text has them.

A text is matched as `service.text.normalise` spells it, so that quotes, accents and double
spaces of every shape are found; places are those of the text as it was written. Of two terms at
one place the longer one is taken, and a match begins and ends where words do. A term written in
small letters is found however the text writes it ("house", "House", "HOUSE"); a term with a
capital is found only as it is written, because "IT" is not "it".
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from service.errors import RequestError, TooLarge
from service.text.normalise import Span, normalise, normalise_with_offsets

_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Entry:
    """What is wanted for one term.

    Attributes:
        source: The term, as whoever asked wrote it.
        target: Its translation; None: it stays as the text has it.
        place: Where it was asked for, to say what is wrong with it.
    """

    source: str
    target: str | None
    place: str


@dataclass(frozen=True, slots=True)
class Match:
    """A place where a text has a term."""

    span: Span
    entry: Entry


@dataclass(frozen=True, slots=True)
class GlossaryLimits:
    """What a request may bring along, checked before any model work.

    Attributes:
        max_terms: Terms of a glossary and terms not to translate, together.
        max_term_chars: Characters of one term, and of one translation of a term.
    """

    max_terms: int
    max_term_chars: int


class Glossary:
    """Terms in a form that is quick to find. Holds nothing that changes."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        """Index the entries.

        Raises:
            RequestError: A term or a translation is blank, or a term is there twice.
        """
        self._exact: dict[str, Entry] = {}
        self._folded: dict[str, Entry] = {}
        # By a term's first token, folded: how many tokens terms have, most first.
        lengths: dict[str, set[int]] = {}
        for entry in entries:
            term = normalise(entry.source)
            if not term or (entry.target is not None and not normalise(entry.target)):
                raise RequestError(f"{entry.place} is empty, or its translation is")
            if term in self._exact:
                raise RequestError(f"{entry.place} is the same as {self._exact[term].place}")
            self._exact[term] = entry
            if term == term.lower():
                self._folded[term.casefold()] = entry
            tokens = _TOKEN.findall(term)
            lengths.setdefault(tokens[0].casefold(), set()).add(len(tokens))
        self._lengths = {first: sorted(each, reverse=True) for first, each in lengths.items()}

    def __len__(self) -> int:
        return len(self._exact)

    @property
    def entries(self) -> Sequence[Entry]:
        """All, in the order they came."""
        return tuple(self._exact.values())

    def lengths(self, first: str) -> Sequence[int]:
        """How many tokens the terms have that begin with this one, most first."""
        return self._lengths.get(first.casefold(), ())

    def entry(self, term: str) -> Entry | None:
        """What is wanted for a term, normalised, if it is one."""
        return self._exact.get(term) or self._folded.get(term.casefold())


def glossary_of(
    terms: Mapping[str, str], untranslated: Sequence[str], limits: GlossaryLimits
) -> Glossary:
    """What a request asks for.

    Args:
        terms: Translations of terms.
        untranslated: Terms that stay as they are.
        limits: Of the service.

    Raises:
        TooLarge: There are too many terms, or one is too long.
        RequestError: One is blank, or there twice.
    """
    entries = [
        *(
            Entry(source, None, f"do_not_translate term {number}")
            for number, source in enumerate(untranslated, 1)
        ),
        *(
            Entry(source, target, f"glossary term {number}")
            for number, (source, target) in enumerate(terms.items(), 1)
        ),
    ]
    if len(entries) > limits.max_terms:
        raise TooLarge(f"there are {len(entries)} terms; the limit is {limits.max_terms}")
    for entry in entries:
        longest = max(len(entry.source), len(entry.target or ""))
        if longest > limits.max_term_chars:
            raise TooLarge(
                f"{entry.place} has {longest} characters; the limit is {limits.max_term_chars}"
            )
    return Glossary(entries)


def find_terms(text: str, glossaries: Sequence[Glossary]) -> list[Match]:
    """Where `text` has terms, in order, none overlapping another.

    Args:
        text: As it was written.
        glossaries: Of two with terms of equal length at a place, the first wins.
    """
    if not any(map(len, glossaries)):
        return []
    normal, origins = normalise_with_offsets(text)
    tokens = [match.span() for match in _TOKEN.finditer(normal)]
    matches: list[Match] = []
    place = 0
    while place < len(tokens):
        taken = 1
        for length, glossary in _candidates(normal, tokens, place, glossaries):
            start, end = tokens[place][0], tokens[place + length - 1][1]
            entry = glossary.entry(normal[start:end])
            span = (origins[start][0], origins[end - 1][1])
            if entry is not None and _is_whole(normal, end) and _is_one_line(text, span):
                matches.append(Match(span, entry))
                taken = length
                break
        place += taken
    return matches


def _candidates(
    normal: str, tokens: Sequence[Span], place: int, glossaries: Sequence[Glossary]
) -> Iterator[tuple[int, Glossary]]:
    """Numbers of tokens that a term at `place` could have, most first."""
    first = normal[slice(*tokens[place])]
    found = [
        (-length, number)
        for number, glossary in enumerate(glossaries)
        for length in glossary.lengths(first)
        if place + length <= len(tokens)
    ]
    for length, number in sorted(found):
        yield -length, glossaries[number]


def _is_whole(normal: str, end: int) -> bool:
    """No accent or vowel sign belongs to the match's last letter besides."""
    return end == len(normal) or unicodedata.category(normal[end])[0] != "M"


def _is_one_line(text: str, span: Span) -> bool:
    """No sentence ends at a line break within the match."""
    return len(text[slice(*span)].splitlines()) == 1
