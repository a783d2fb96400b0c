"""One spelling for text, for training lines and served segments alike.

What a model sees in production has to be spelt as in its training data, so both halves call
this module and the SentencePiece models are trained with the identity normalisation on top.

The rules, in order:

1. Characters that nobody sees are dropped: control characters, soft hyphen, byte order mark,
   zero-width space, word joiner, bidirectional marks. The zero-width joiner and non-joiner
   stay: emoji sequences and Persian words change without them.
2. Single quotes of every shape become ``'``, typographic hyphens ``-``, and an ellipsis three
   dots; U+2581, which SentencePiece uses for a space, becomes ``_``; lone surrogates, which are
   no text at all, become U+FFFD.
3. Every run of white space (tabs, line breaks, no-break and typographic spaces) becomes one
   space; none is left at the ends.
4. Unicode NFC.

NFC comes last because dropping a character can bring a letter and its accent together; it
makes none of the characters that the first three rules look for, so `normalise` is idempotent.
"""

import unicodedata

Span = tuple[int, int]

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_DROPPED = (
    *(code for code in range(0x20) if not chr(code).isspace()),
    *(code for code in range(0x7F, 0xA0) if not chr(code).isspace()),
    0x00AD,  # soft hyphen
    0x061C,  # Arabic letter mark
    0x180E,  # Mongolian vowel separator
    0x200B,  # zero-width space
    *range(0x200E, 0x2010),  # left-to-right and right-to-left mark
    *range(0x202A, 0x202F),  # embeddings and overrides
    *range(0x2060, 0x2070),  # word joiner, invisible operators, isolates
    0xFEFF,  # byte order mark
    *range(0xFFF9, 0xFFFC),  # interlinear annotation
)
# What nobody sees and is no control character; at a sentence's ends it stays, like white space.
INVISIBLE = "".join(chr(code) for code in _DROPPED if code >= 0xA0)
_SINGLE_QUOTES = "\u2018\u2019\u201a\u201b\u02bc"

_RESPELT: dict[int, str | None] = {
    **dict.fromkeys(_DROPPED),
    **dict.fromkeys(map(ord, _SINGLE_QUOTES), "'"),
    0x2010: "-",
    0x2011: "-",
    0x2026: "...",
    0x2581: "_",
    **dict.fromkeys(range(0xD800, 0xE000), REPLACEMENT),
}


def normalise(text: str) -> str:
    """`text` in the one spelling that models are trained on and asked with.

    Idempotent. Empty only for text without a visible character.
    """
    return unicodedata.normalize("NFC", " ".join(text.translate(_RESPELT).split()))


def normalise_beginning(text: str) -> str:
    """What `normalise` of `text`, and of whatever follows it, begins with.

    A letter at the end is left out: an accent may follow and become one with it.

    Worked case: "ein Haus" -> "ein Hau"; "ein Haus " -> "ein Haus".
    """
    respelt = text.translate(_RESPELT)
    words = " ".join(respelt.split())
    if respelt and respelt[-1].isspace():
        return unicodedata.normalize("NFC", words)
    for end in range(len(words) - 1, 0, -1):
        if _is_boundary(words, 0, end):
            return unicodedata.normalize("NFC", words[:end])
    return ""


def normalise_with_offsets(text: str) -> tuple[str, list[Span]]:
    """As `normalise`, with the place that each character came from.

    Returns:
        The normalised text, and for each of its characters the (start, end) offsets of the
        characters of `text` behind it. Both ends never go down from one character to the
        next; characters that were composed of the same ones share their span.
    """
    normal = normalise(text)
    if text.strip() == normal:  # nearly always
        start = text.find(normal)
        return normal, [(place, place + 1) for place in range(start, start + len(normal))]
    characters, spans = _respelt_with_offsets(text)
    joined = "".join(characters)
    if unicodedata.is_normalized("NFC", joined):
        return joined, spans
    return _composed_with_offsets(joined, spans)


def _respelt_with_offsets(text: str) -> tuple[list[str], list[Span]]:
    """Rules 1 to 3."""
    characters: list[str] = []
    spans: list[Span] = []
    gap: Span | None = None
    for place, character in enumerate(text):
        respelt = _RESPELT.get(ord(character), character)
        if respelt is None:
            continue
        if respelt.isspace():
            gap = (gap[0] if gap else place, place + 1)
            continue
        if gap and characters:
            characters.append(" ")
            spans.append(gap)
        gap = None
        characters += respelt
        spans += [(place, place + 1)] * len(respelt)
    return characters, spans


def _composed_with_offsets(text: str, spans: list[Span]) -> tuple[str, list[Span]]:
    """Rule 4, one cluster (what can compose or be reordered together) at a time."""
    composed: list[str] = []
    composed_spans: list[Span] = []
    first = 0
    for end in range(1, len(text) + 1):
        if end < len(text) and not _is_boundary(text, first, end):
            continue
        cluster = text[first:end]
        normal = unicodedata.normalize("NFC", cluster)
        composed.append(normal)
        if normal == cluster:
            composed_spans += spans[first:end]
        else:
            composed_spans += [(spans[first][0], spans[end - 1][1])] * len(normal)
        first = end
    return "".join(composed), composed_spans


def _is_boundary(text: str, first: int, end: int) -> bool:
    """Whether NFC keeps ``text[end]``, and all that follows, apart from ``text[first:end]``."""
    character = text[end]
    if unicodedata.combining(unicodedata.normalize("NFD", character)[0]):
        return False
    cluster = text[first:end]
    apart = unicodedata.normalize("NFC", cluster) + unicodedata.normalize("NFC", character)
    return unicodedata.normalize("NFC", cluster + character) == apart
