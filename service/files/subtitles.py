"""SubRip subtitles (.srt): what is said in a cue is a passage, or part of one.

Times, numbers and the rest of the file stay to the byte, also where they are not quite as
they should be. The lines of a cue are one text, unless they are a dialogue, whose speakers
begin with a dash; the translation is broken into as many lines, at about the same places. A
sentence that goes on in the next cue is translated as a whole.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.errors import RequestError
from service.files.cues import joined, parted, sentences
from service.files.document import Allowance, FileLimits, Passage, peeled
from service.files.plain import Encoding, decode
from service.markup.tagged import Kind, Piece, Tag, plain_text

_TIME = r"\d{1,3}:\d{1,2}:\d{1,2}(?:[,.]\d{1,3})?"
_TIMING = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?", re.DOTALL)
_NUMBER = re.compile(r"\s*\d+\s*")
_DASH = re.compile(r"[-‐‑–—]+\s*")
# <i>, </i>, <font color="#ffff00">, and what places a cue: {\an8}.
_TAG = re.compile(r"<(/?)([a-z]+)(?:\s[^<>\n]*)?>|\{\\[^{}\n]*\}", re.IGNORECASE)
_TAG_OR_BREAK = re.compile(
    rf"{_TAG.pattern}|(?<![^\S\r\n])[^\S\r\n]*+(?:\r\n?|\n)\s*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Spoken:
    """What one speaker says in a cue, in one line.

    Attributes:
        is_reply: Another speaks than before: there is a dash.
        before: Tags before the passage.
        passage: To be translated; tags are as they are written.
        behind: Tags behind the passage.
        breaks: The line breaks, and how much of the text is before each, 0..1.
    """

    is_reply: bool
    before: Passage
    passage: Passage
    behind: Passage
    breaks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Subtitles:
    """A subtitle file: `fixed` around and between what is spoken."""

    spoken: tuple[_Spoken, ...]
    fixed: tuple[str, ...]
    encoding: Encoding

    @property
    def passages(self) -> Sequence[Passage]:
        """See `Document`."""
        return [joined(group) for group in self._groups()]

    def written(self, translations: Sequence[Passage]) -> bytes:
        """See `Document`."""
        groups = zip(translations, self._groups(), strict=True)
        cues = [cue for said, group in groups for cue in parted(said, group)]
        parts = [self.fixed[0]]
        for spoken, said, fixed in zip(self.spoken, cues, self.fixed[1:], strict=True):
            parts += [_lines(spoken, said), fixed]
        return self.encoding.encode("".join(parts))

    def _groups(self) -> list[list[Passage]]:
        """What is translated together."""
        cues = [each.passage for each in self.spoken]
        can_go_on = [not each.is_reply for each in self.spoken]
        return [cues[first:end] for first, end in sentences(cues, can_go_on)]


def open_subtitles(data: bytes, limits: FileLimits) -> Subtitles:
    """Read subtitles.

    Raises:
        RequestError: The bytes are not text, or there is no cue in it.
        TooLarge: They have more text than `limits` allow.
    """
    allowance = Allowance(limits)
    allowance.take_tags(data)
    text, encoding = decode(data)
    lines = text.splitlines(keepends=True)
    timings = [number for number, line in enumerate(lines) if _TIMING.fullmatch(line)]
    if not timings:
        raise RequestError(
            "the file is not SubRip subtitles (.srt): it has no line like "
            "00:00:01,000 --> 00:00:02,500"
        )
    starts = [0]  # of each line in `text`
    for line in lines:
        starts.append(starts[-1] + len(line))
    spoken: list[_Spoken] = []
    fixed: list[str] = []
    done = 0
    for timing, following in zip(timings, [*timings[1:], None], strict=True):
        for first, last in _speeches(lines, timing + 1, _cue_end(lines, timing, following)):
            lead, is_reply = _lead(lines[first])
            begin = starts[first] + lead
            end = starts[last - 1] + len(lines[last - 1].rstrip())
            said = _spoken(text[begin:end], is_reply=is_reply)
            allowance.take(said.passage)
            if said.passage:
                fixed.append(text[done:begin])
                spoken.append(said)
                done = end
    return Subtitles(tuple(spoken), (*fixed, text[done:]), encoding)


def _cue_end(lines: Sequence[str], timing: int, following: int | None) -> int:
    """The line behind a cue's text."""
    if following is None:
        return len(lines)
    has_number = following - 1 > timing and _NUMBER.fullmatch(lines[following - 1])
    return following - 1 if has_number else following


def _speeches(lines: Sequence[str], start: int, end: int) -> Iterator[tuple[int, int]]:
    """First and end line of what each speaker says; blank lines are part of nothing."""
    first: int | None = None
    for number in range(start, end):
        blank = not lines[number].strip()
        if first is not None and (blank or _DASH.match(lines[number].lstrip())):
            yield first, number
            first = None
        if first is None and not blank:
            first = number
    if first is not None:
        yield first, end


def _lead(line: str) -> tuple[int, bool]:
    """Characters of a line before what is said, and whether there is a dash among them."""
    indent = len(line) - len(line.lstrip())
    dash = _DASH.match(line, indent)
    return (dash.end(), True) if dash else (indent, False)


def _spoken(written: str, *, is_reply: bool) -> _Spoken:
    """Take tags and line breaks out of what is written in a cue."""
    pieces: list[Piece] = []
    breaks: list[tuple[int, str]] = []
    kinds = _kinds(written)
    read = done = 0
    for found in _TAG_OR_BREAK.finditer(written):
        pieces.append(written[done : found.start()])
        read += found.start() - done
        done = found.end()
        if found.start() in kinds:
            kind, name = kinds[found.start()]
            pieces.append(Tag(kind, name, found[0]))
        else:
            breaks.append((read, found[0]))
            pieces.append(" ")
            read += 1
    pieces.append(written[done:])
    before, passage, behind = peeled(pieces)
    length = len(plain_text(pieces))
    return _Spoken(
        is_reply,
        before,
        passage,
        behind,
        tuple((offset / length, line_break) for offset, line_break in breaks if length),
    )


def _kinds(written: str) -> dict[int, tuple[Kind, str]]:
    """What each tag is, by its place; one without its other half stands for itself."""
    kinds: dict[int, tuple[Kind, str]] = {}
    open_tags: list[tuple[str, int]] = []  # element, place
    opened: Counter[str] = Counter()
    for found in _TAG.finditer(written):
        element = (found[2] or "").lower()
        kinds[found.start()] = Kind.EMPTY, str(found.start())
        if element and not found[1]:
            open_tags.append((element, found.start()))
            opened[element] += 1
        elif opened[element]:
            place = None
            while place is None:
                last, at = open_tags.pop()
                opened[last] -= 1
                place = at if last == element else None
            kinds[place] = Kind.OPEN, str(place)
            kinds[found.start()] = Kind.CLOSE, str(place)
    return kinds


def _lines(spoken: _Spoken, said: Passage) -> str:
    """The translation with its tags, in lines."""
    pieces = (*spoken.before, *said, *spoken.behind)
    breaks = dict(_breaks(spoken, plain_text(pieces)))
    written: list[str] = []
    read = 0
    for piece in pieces:
        if isinstance(piece, Tag):
            written.append(piece.source)
        else:
            written += [breaks.get(read + at, each) for at, each in enumerate(piece)]
            read += len(piece)
    return "".join(written)


def _breaks(spoken: _Spoken, text: str) -> Iterator[tuple[int, str]]:
    """Spaces of `text` that become line breaks: the nearest to where the breaks were."""
    spaces = [place for place, character in enumerate(text) if character == " "]
    first = 0  # that is no line break yet
    for share, line_break in spoken.breaks:
        wished = share * len(text)
        behind = bisect_left(spaces, wished, lo=first)
        around = range(max(first, behind - 1), min(behind + 1, len(spaces)))
        if not around:
            return
        nearest = min(around, key=lambda number: abs(spaces[number] - wished))
        yield spaces[nearest], line_break
        first = nearest + 1
