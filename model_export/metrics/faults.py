"""What goes wrong in outputs, seen without a reference: loops, empty outputs, copies,
numbers and names that the source does not contain.

These are counts of visible symptoms, not of errors: "two" rendered as "2" is right, "14 Uhr"
for "2 p.m." too. So each is read beside the same measure over the references, which every
function computes as readily: pass the references as the outputs.
"""

import re
from collections.abc import Iterator, Sequence

from model_export.metrics.score import Better, Score, check_aligned, share

# A loop is a phrase of up to this many words...
LOOP_WORDS = 8
# ...standing so often in immediate succession. Two is ordinary German ("dass das das ..."),
# three is rare and then mostly in the source as well ("no, no, no"), which is allowed for.
LOOP_TIMES = 3

_WORD = re.compile(r"\w+(?:[-'.&]\w+)*")
_NUMBER = re.compile(r"\d+(?:[.,:']\d+)*")

_SPELLED = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_NUMBER_WORDS = {word: str(value) for value, word in enumerate(_SPELLED)}


def empty_outputs(hypotheses: Sequence[str]) -> Score:
    """Percentage of outputs without any visible character."""
    sentences = check_aligned(hypotheses=hypotheses)
    count = sum(not hypothesis.strip() for hypothesis in hypotheses)
    return Score("empty outputs", share(count, sentences), "% of outputs", Better.LOWER, sentences)


def loops(sources: Sequence[str], hypotheses: Sequence[str]) -> Score:
    """Percentage of outputs in which a phrase repeats itself although the source has no loop."""
    sentences = check_aligned(sources=sources, hypotheses=hypotheses)
    count = sum(
        has_loop(hypothesis) and not has_loop(source)
        for source, hypothesis in zip(sources, hypotheses, strict=True)
    )
    signature = (
        f"% of outputs|phrase of 1-{LOOP_WORDS} words, {LOOP_TIMES} times in succession"
        "|case and punctuation ignored|not where the source has one"
    )
    return Score("loops", share(count, sentences), signature, Better.LOWER, sentences)


def has_loop(text: str) -> bool:
    """Whether a phrase of `text` stands `LOOP_TIMES` times in immediate succession.

    Worked case: "on the on the on the" has the phrase "on the", 2 words, 3 times.
    """
    words = [word.casefold() for word in _WORD.findall(text)]
    for size in range(1, min(LOOP_WORDS, len(words) // LOOP_TIMES) + 1):
        # A phrase of `size` words stands n times in a row exactly where a word equals the
        # one `size` places on for (n - 1) * size places without a break.
        run = 0
        for word, later in zip(words, words[size:], strict=False):
            run = run + 1 if word == later else 0
            if run == (LOOP_TIMES - 1) * size:
                return True
    return False


def source_copies(
    sources: Sequence[str], hypotheses: Sequence[str], references: Sequence[str]
) -> Score:
    """Percentage of outputs that are the source again while the reference is not."""
    sentences = check_aligned(sources=sources, hypotheses=hypotheses, references=references)
    count = sum(
        bool(folded := _folded_words(source))
        and folded == _folded_words(hypothesis)
        and folded != _folded_words(reference)
        for source, hypothesis, reference in zip(sources, hypotheses, references, strict=True)
    )
    signature = "% of outputs|case and punctuation ignored|not where the reference is a copy"
    return Score("source copies", share(count, sentences), signature, Better.LOWER, sentences)


def unsupported_numbers(sources: Sequence[str], hypotheses: Sequence[str]) -> Score:
    """Percentage of outputs with a number that the source does not contain.

    Numbers are compared by their digits, so that "1,500.50" supports "1.500,50"; English
    number words up to twelve in the source support their figures.
    """
    sentences = check_aligned(sources=sources, hypotheses=hypotheses)
    count = sum(
        not set(_numbers(hypothesis)) <= _supported_numbers(source)
        for source, hypothesis in zip(sources, hypotheses, strict=True)
    )
    signature = "% of outputs|numbers by their digits|English zero..twelve count as figures"
    return Score("unsupported numbers", share(count, sentences), signature, Better.LOWER, sentences)


def unsupported_names(sources: Sequence[str], hypotheses: Sequence[str]) -> Score:
    """Percentage of outputs with a capitalised word that the source does not contain.

    For outputs in the source's own language with ordinary capitals, so for summaries and not
    for translations (German capitalises every noun). The first word of a sentence says nothing
    by its capital and is passed over; outputs in Title Case are left out altogether, and
    `sentences` counts those that remain. An abbreviation is supported by initials in order:
    "FDA" by "the U.S. Food and Drug Administration".
    """
    check_aligned(sources=sources, hypotheses=hypotheses)
    judged = [
        (source, hypothesis)
        for source, hypothesis in zip(sources, hypotheses, strict=True)
        if not _is_title_case(hypothesis)
    ]
    count = sum(
        any(not _supports(source, name) for name in _names(hypothesis))
        for source, hypothesis in judged
    )
    signature = (
        "% of outputs|capitalised words not at a sentence start|case ignored"
        "|abbreviations by initials|outputs in Title Case left out"
    )
    value = share(count, len(judged))
    return Score("unsupported names", value, signature, Better.LOWER, len(judged))


def _folded_words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _numbers(text: str) -> Iterator[str]:
    for match in _NUMBER.finditer(text):
        yield re.sub(r"\D", "", match.group())


def _supported_numbers(source: str) -> set[str]:
    # "six-month" is one word: its parts are looked up.
    parts = (part for word in _folded_words(source) for part in word.split("-"))
    spelled = {_NUMBER_WORDS[part] for part in parts if part in _NUMBER_WORDS}
    return spelled | set(_numbers(source))


def _plain(word: str) -> str:
    """A name without case, possessive and dots: "U.S." -> "us", "Iger's" -> "iger"."""
    return word.removesuffix("'s").replace(".", "").casefold()


def _names(text: str) -> Iterator[str]:
    """Capitalised words of `text` that do not begin a sentence or a quotation."""
    previous_end = 0
    for position, match in enumerate(_WORD.finditer(text)):
        between = text[previous_end : match.start()]
        previous_end = match.end()
        begins = position == 0 or re.search(r"[.!?:\"]|(?<!\w)'", between) is not None
        if match.group()[0].isupper() and not begins:
            yield match.group()


def _is_title_case(text: str) -> bool:
    """Whether capitals say nothing about names: most longer words after the first have one."""
    later = [word for word in _WORD.findall(text)[1:] if len(word) > 3]
    return len(later) > 2 and sum(word[0].isupper() for word in later) > 0.7 * len(later)


def _supports(source: str, name: str) -> bool:
    words = _WORD.findall(source)
    known = {_plain(word) for word in words}
    known |= {_plain(part) for word in words for part in word.split("-")}
    if all(_plain(part) in known for part in name.split("-")) or _plain(name) in known:
        return True
    plain = _plain(name)
    if name.replace(".", "").isupper() and len(plain) > 1:
        return plain in "".join(word[0].casefold() for word in words if word[0].isupper())
    return False
