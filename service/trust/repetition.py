"""Phrases that stand twice where the source says them once.

A text is asked after by its `folded_words`, which who judges it has already.
"""

import itertools
from collections.abc import Sequence

# A loop is a phrase of up to this many words...
LOOP_WORDS = 8
# ...standing so often in immediate succession. Two is ordinary German ("dass das das ..."),
# three is rare and then mostly in the source as well ("no, no, no"), which is allowed for.
LOOP_TIMES = 3

# A word of so many letters is not said twice in succession: German doubles "die die" and
# French "vous vous", but neither longer ones.
LEAST_DOUBLED_LETTERS = 5
# Two words one of which has so many letters stand once in a headline.
LEAST_PAIRED_LETTERS = 4


def has_loop(words: Sequence[str]) -> bool:
    """Whether a phrase of a text stands `LOOP_TIMES` times in immediate succession.

    Worked case: "on the on the on the" has the phrase "on the", 2 words, 3 times.
    """
    return _succeeds_itself(words, 1, LOOP_TIMES)


def stutters(words: Sequence[str]) -> bool:
    """Whether a long word or a phrase of two words or more stands twice in succession.

    Worked cases: "the bank the bank", "inquiry inquiry"; not "die die", "had had".
    """
    if len(set(words)) == len(words):
        return False
    return any(
        word == later and len(word) >= LEAST_DOUBLED_LETTERS
        for word, later in itertools.pairwise(words)
    ) or _succeeds_itself(words, 2, 2)


def repeats_a_pair(words: Sequence[str]) -> bool:
    """Whether two neighbouring words stand twice anywhere, as in "auto sales fall on auto sales".

    In a headline that is a fault; in a sentence of ordinary length it is not.
    """
    if len(words) - len(set(words)) < 2:
        return False
    seen: set[tuple[str, str]] = set()
    for pair in itertools.pairwise(words):
        if pair in seen and max(map(len, pair)) >= LEAST_PAIRED_LETTERS:
            return True
        seen.add(pair)
    return False


def _succeeds_itself(words: Sequence[str], least_words: int, times: int) -> bool:
    """Whether a phrase of `least_words` to `LOOP_WORDS` words stands `times` times in a row."""
    # Each time after the first, all its words are repeated ones.
    if len(words) - len(set(words)) < (times - 1) * least_words:
        return False
    for size in range(least_words, min(LOOP_WORDS, len(words) // times) + 1):
        # A phrase of `size` words stands n times in a row exactly where a word equals the
        # one `size` places on for (n - 1) * size places without a break.
        run = 0
        for word, later in zip(words, words[size:], strict=False):
            run = run + 1 if word == later else 0
            if run == (times - 1) * size:
                return True
    return False
