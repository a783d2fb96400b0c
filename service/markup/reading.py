"""Documents taken apart into paragraphs and what is around them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from service.markup.document import Block, Document, Markup
from service.markup.elements import (
    BLOCK,
    KEPT,
    KNOWN,
    OPTIONAL_END,
    VOID,
    WORDLESS,
    end_of,
    in_running_text,
    says_keep,
)
from service.markup.spelling import decoded, spellings
from service.markup.tagged import Kind, Piece, Tag, partners, plain_text
from service.markup.tokens import Format, Token, TokenKind, tokens


def read(text: str, markup: Markup) -> Document:
    """Take a document apart. Any text will do: nothing is refused, and nothing is lost."""
    parts: list[str | Block] = []
    run: list[_Item] = []
    for item in _items(list(tokens(text, markup.format)), markup):
        if isinstance(item, str):
            parts += [*_paragraph(run), item]
            run = []
        elif _is_second_break(item, run):
            parts += _paragraph(run)
            run = [item]
        else:
            if begin := _line_start(item, run):
                parts += _paragraph(run[:begin])
                run = run[begin:]
            run.append(item)
    return Document(tuple(part for part in [*parts, *_paragraph(run)] if part))


def text_without_tags(text: str, markup: Markup, most: int) -> str:
    """What a document says, code and the like included, to about its first `most` characters."""
    found: list[str] = []
    characters = 0
    for token in tokens(text, markup.format):
        if characters >= most:
            break
        if token.kind is TokenKind.TEXT:
            found.append(plain_text(piece for _, piece in decoded(token.source)))
            characters += len(found[-1])
    return " ".join(found)


def shown_in(source: str, format_: Format) -> Iterator[tuple[int, Block]]:
    """What a piece of a document shows where it is kept as it is: where each text begins, and it.

    What stands around tags in it is not put together.
    """
    place = 0
    for token in tokens(source, format_):
        if token.kind is TokenKind.TEXT:
            yield place, Block(tuple(decoded(token.source)), {})
        place += len(token.source)


@dataclass(frozen=True, slots=True)
class _Item:
    """What stands in a line of text: some of it, or a tag.

    Attributes:
        source: As it is written.
        piece: What it says, or the tag that it is.
    """

    source: str
    piece: Piece

    @property
    def tag(self) -> Tag | None:
        """The tag that it is."""
        return self.piece if isinstance(self.piece, Tag) else None

    @property
    def is_blank(self) -> bool:
        """It is white space."""
        return isinstance(self.piece, str) and not self.piece.strip()


def _items(all_tokens: Sequence[Token], markup: Markup) -> Iterator[_Item | str]:
    """What stands in running text, and as strings what ends a paragraph."""
    is_html = markup.format == "html"
    running = _in_running_text(all_tokens, markup)
    index = 0
    while index < len(all_tokens):
        token = all_tokens[index]
        is_kept = _is_kept(token, markup)
        optional = OPTIONAL_END if is_html else ()
        end = index + 1
        if is_kept or _is_placeholder(all_tokens[index : index + 2], is_html=is_html):
            end = end_of(all_tokens, index, optional)
            is_kept = True
        source = "".join(each.source for each in all_tokens[index:end])
        if token.kind is TokenKind.TEXT:
            yield from _text_items(source)
        elif token.name and not running[index]:
            yield source
        else:
            yield _Item(source, _tag(token, source, is_html=is_html, is_kept=is_kept))
        index = end


def _in_running_text(all_tokens: Sequence[Token], markup: Markup) -> list[bool]:
    """For each token whether it is a tag within a paragraph; one of the two lists may say so."""
    if not markup.has_outline:
        found = [True] * len(all_tokens)
    elif markup.format == "html":
        found = [token.name not in BLOCK for token in all_tokens]
    else:
        found = in_running_text(all_tokens)
    if not markup.splitting_tags and not markup.non_splitting_tags:
        return found
    return [
        token.name in markup.non_splitting_tags
        or (is_running and token.name not in markup.splitting_tags)
        for token, is_running in zip(all_tokens, found, strict=True)
    ]


def _is_kept(token: Token, markup: Markup) -> bool:
    """Whether it opens an element that stays as it is."""
    if token.kind is not TokenKind.OPEN or (markup.format == "html" and token.name in VOID):
        return False
    return (
        token.name in markup.ignore_tags
        or (markup.format == "html" and token.name in KEPT)
        or says_keep(token.source)
    )


def _is_placeholder(two: Sequence[Token], *, is_html: bool) -> bool:
    """Whether a tag and the next are a pair around nothing that HTML knows nothing of."""
    return (
        [token.kind for token in two] == [TokenKind.OPEN, TokenKind.CLOSE]
        and two[0].name == two[1].name
        and not (is_html and two[0].name in KNOWN)
    )


def _tag(token: Token, source: str, *, is_html: bool, is_kept: bool) -> Tag:
    kind = _KINDS[token.kind]
    if is_kept or (is_html and token.name in VOID):
        kind = Kind.EMPTY
    if token.kind is TokenKind.OTHER:
        stands_for_words = _is_inserted(source, is_html=is_html)
    else:
        stands_for_words = kind is Kind.EMPTY and not (is_html and token.name in WORDLESS)
    is_break = is_html and token.name == "br"
    return Tag(kind, token.name, source, " " if is_break else "", stands_for_words)


def _is_inserted(source: str, *, is_html: bool) -> bool:
    """Whether something will be there when the document is shown: text, or what a program says.

    Not if it never ends: nothing may stand behind it.
    """
    if not source.startswith(("<?", "<![CDATA[")):
        return False
    return source[2:].endswith(">" if is_html else ("?>", "]]>"))


_KINDS = {
    TokenKind.OPEN: Kind.OPEN,
    TokenKind.CLOSE: Kind.CLOSE,
    TokenKind.EMPTY: Kind.EMPTY,
    TokenKind.OTHER: Kind.EMPTY,
}


def _text_items(source: str) -> Iterator[_Item]:
    """Text without the white space around it, and that, and what refers to no character."""
    start = len(source) - len(source.lstrip())
    end = max(start, len(source.rstrip()))
    for part in (source[:start], source[start:end], source[end:]):
        for written, says in decoded(part):
            if written:
                yield _Item(written, says)


def _is_second_break(item: _Item, run: Sequence[_Item]) -> bool:
    """Whether an item is a line break after another: two end a paragraph."""
    if not _is_break(item):
        return False
    before = next((each for each in reversed(run) if not each.is_blank), None)
    return before is not None and _is_break(before)


def _line_start(item: _Item, run: Sequence[_Item]) -> int:
    """Where behind a line break in `run` a line of its own begins with `item`; 0 if none does.

    It does not where the text goes on with a small letter.
    """
    if item.is_blank or not isinstance(item.piece, str) or item.piece[0].islower():
        return 0
    begin = len(run)
    while begin and (run[begin - 1].is_blank or _is_opening(run[begin - 1])):
        begin -= 1
    return begin if begin and _is_break(run[begin - 1]) else 0


def _is_opening(item: _Item) -> bool:
    return item.tag is not None and item.tag.kind is Kind.OPEN


def _is_break(item: _Item) -> bool:
    return item.tag is not None and item.tag.reads == " "


def _paragraph(run: Sequence[_Item]) -> list[str | Block]:
    """The paragraph in a run of items, and what is around it."""
    first, last = _core(run)
    core = run[first:last]
    if not any(map(str.isalpha, plain_text(item.piece for item in core))):
        return ["".join(item.source for item in run)]
    before, after = ("".join(item.source for item in part) for part in (run[:first], run[last:]))
    written = tuple((item.source, item.piece) for item in core)
    spelling = spellings("".join(item.source for item in core if item.tag is None))
    return [before, Block(written, spelling), after]


def _core(run: Sequence[_Item]) -> tuple[int, int]:
    """Where a run's paragraph begins and ends: white space and tags around all of it are not."""
    tags: list[Piece] = [item.tag or "" for item in run]
    partner = partners(tags)
    is_text = [not item.is_blank if item.tag is None else item.tag.stands_for_words for item in run]
    texts = [0, *accumulate(is_text)]
    first, last = 0, len(run)
    while first < last:
        behind = partner.get(first, first) + 1
        before = partner.get(last - 1, last - 1)
        if texts[first] == texts[behind]:  # white space, or markup without text
            first = behind
        elif texts[before] == texts[last]:
            last = before
        elif first in partner and behind == last:  # an element around all
            first, last = first + 1, last - 1
        else:
            break
    return first, last
