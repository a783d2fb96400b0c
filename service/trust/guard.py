"""What is wrong with an output, as far as it shows beside its source."""

import math
from collections.abc import Sequence
from enum import StrEnum

from service.domain import Task
from service.trust.names import unsupported_names
from service.trust.numbers import without_partner
from service.trust.repetition import has_loop, repeats_a_pair, stutters
from service.trust.words import WORD, folded_words

# (fewest, most) of (output - source) / sqrt(source), in characters: lengths of a sentence and
# its translation differ like the sum of many small differences (Gale and Church 1993). Outside
# lie 0.05 % of the references measured in docs/trust.md, each direction between English,
# German and French.
LEAST_DRIFT, MOST_DRIFT = -6.0, 8.0
# A summary is not much longer than what it sums up, and says more than a word of a long text.
MOST_OF_SOURCE = 1.25
LEAST_SUMMARY_WORDS, OF_SOURCE_WORDS = 2, 10

# A copy of one word is mostly right: "Computer", "Hotel", "Taxi!".
LEAST_COPIED_WORDS = 2


class Problem(StrEnum):
    """What the guard can say of an output. Labels of a metric: a closed set."""

    EMPTY = "empty"  # no letter and no digit
    LOOP = "loop"  # a phrase three times in succession
    REPETITION = "repetition"  # a phrase or a long word said twice
    SOURCE_COPY = "source_copy"  # a translation that is its source
    LOST_NUMBER = "lost_number"  # a translation lacks a figure of its source
    UNSUPPORTED_NUMBER = "unsupported_number"  # a figure that the source does not have
    UNSUPPORTED_NAME = "unsupported_name"  # a summary names what the source does not
    LENGTH_RATIO = "length_ratio"  # far shorter or longer than references are


def problems(task: Task, source: str, output: str) -> tuple[Problem, ...]:
    """Everything that is wrong with an output, in the order of `Problem`; () for most.

    Args:
        task: What the model was asked to do.
        source: What it read, at least one letter or digit.
        output: What it wrote.
    """
    words = folded_words(output)
    if not words or is_empty(output):
        return (Problem.EMPTY,)
    # Every sentence that is served comes by here, and most say no word twice and begin with a
    # word that the source has not.
    found = _said_again(task, source, words) if len(set(words)) < len(words) else []
    if task is Task.TRANSLATION:
        if words[0] in source.casefold() and _is_copy(source, words):
            found.append(Problem.SOURCE_COPY)
        if without_partner(source, output):
            found.append(Problem.LOST_NUMBER)
    if without_partner(output, source):
        found.append(Problem.UNSUPPORTED_NUMBER)
    if task is Task.SUMMARIZATION and unsupported_names(output, source):
        found.append(Problem.UNSUPPORTED_NAME)
    if has_odd_length(task, source, output):
        found.append(Problem.LENGTH_RATIO)
    return tuple(found)


def _said_again(task: Task, source: str, words: Sequence[str]) -> list[Problem]:
    found = []
    if has_loop(words) and not has_loop(folded_words(source)):
        found.append(Problem.LOOP)
    if _repeats(task, source, words):
        found.append(Problem.REPETITION)
    return found


def is_empty(output: str) -> bool:
    """Whether there is no letter and no digit in it."""
    return not any(map(str.isalnum, output))


def has_repetition(task: Task, source: str, output: str) -> bool:
    """Whether an output says a phrase twice that its source does not.

    In succession, or for a summary anywhere.
    """
    return _repeats(task, source, folded_words(output))


def _repeats(task: Task, source: str, words: Sequence[str]) -> bool:
    if stutters(words) and not stutters(folded_words(source)):
        return True
    return (
        task is Task.SUMMARIZATION
        and repeats_a_pair(words)
        and not repeats_a_pair(folded_words(source))
    )


def is_copy(source: str, output: str) -> bool:
    """Whether a translation is its source again, so that nothing in it is translated."""
    return _is_copy(source, folded_words(output))


def _is_copy(source: str, words: Sequence[str]) -> bool:
    """Whether a translation is its source again, case and punctuation aside.

    Not a copy to complain of: names and numbers ("New York, 2020"), and a single word.
    """
    return folded_words(source) == words and any(
        word.islower() for word in WORD.findall(source)[LEAST_COPIED_WORDS - 1 :]
    )


def has_odd_length(task: Task, source: str, output: str) -> bool:
    """Whether an output is far shorter or longer than references of such sources are."""
    if task is Task.SUMMARIZATION:
        words = len(output.split())
        return len(output) > MOST_OF_SOURCE * len(source) or (
            words < LEAST_SUMMARY_WORDS and len(source.split()) >= OF_SOURCE_WORDS
        )
    drift = (len(output) - len(source)) / math.sqrt(max(len(source), 1))
    return not LEAST_DRIFT <= drift <= MOST_DRIFT
