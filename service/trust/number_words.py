"""Values of spelled-out numbers, English, German and French alike.

One table for all three: who asks only wants to know whether a figure can have come from a word,
so a word of another language does no harm.
"""

import re
from collections.abc import Iterator
from itertools import chain

_ENGLISH = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_GERMAN = (
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn "
    "fünfzehn sechzehn siebzehn achtzehn neunzehn"
)
_FRENCH = (
    "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize"
)
_TENS = (
    "twenty thirty forty fifty sixty seventy eighty ninety",
    "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    "vingt trente quarante cinquante soixante septante huitante nonante",
)
_OTHERS = {
    "ein eine einen einem einer eines une once einmal": 1,
    "zwo twice zweimal both beide beiden couple paar": 2,
    "first erste premier première": 1,
    "second zweite seconde": 2,
    "third dritte tiers": 3,
    "fifth cinquième": 5,
    "sixte siebte": 7,
    "eighth achte": 8,
    "ninth neuvième": 9,
    "twelfth dozen dutzend douzaine": 12,
    "dreissig": 30,
    "hundert hundred cent cents": 100,
    "tausend thousand mille": 1000,
}
_VALUES = {
    word: value
    for words in (_ENGLISH, _GERMAN, _FRENCH)
    for value, word in enumerate(words.split())
}
_VALUES |= {
    word: 10 * value for words in _TENS for value, word in enumerate(words.split(), start=2)
}
_VALUES |= {word: value for words, value in _OTHERS.items() for word in words.split()}

# "am dritten", "the fourth", "twentieth", "le quatrième", "fünfziger".
_ENDINGS = (
    *("sten", "ster", "stes", "ste", "ten", "ter", "tes", "te", "n", "r"),
    *("ieth", "th"),
    "ième",
)
_AND = {"and", "und", "et"}
_LONGEST = max(map(len, _VALUES))
_SHORTEST = min(map(len, _VALUES))
_BEGINNINGS = {word[:_SHORTEST] for word in _VALUES}
# Letters, and what stands before them: a comma ends a number, a hyphen or a space does not.
_LETTERS = re.compile(r"([^\w]*)([^\W\d_]+)")
_EIGHTY = re.compile(r"quatre[- ]vingts?")


def spelled_values(text: str) -> set[int]:
    """Every number that is written as a word in `text`, and every part of one.

    Worked case: "fünfhundert" and "five hundred" both give 500, 5 and 100.
    """
    values: set[int] = set()
    run: list[int] = []
    # What is eighty in Belgium and Switzerland is four twenties in France.
    for gap, word in _LETTERS.findall(_EIGHTY.sub("huitante", text.casefold())):
        parts = _parts(word)
        if gap.strip(" -") or not (parts or (run and word in _AND)):
            values.update(_sum_of(run))
            run = []
        run += parts
    values.update(_sum_of(run))
    return values


def _sum_of(run: list[int]) -> Iterator[int]:
    if not run:
        return
    total = below = 0
    for value in run:
        if value == 1000:
            total += 1000 * max(below, 1)
            below = 0
        elif value == 100:
            below = 100 * max(below, 1)
        else:
            below += value
    yield from chain(run, (total + below,))


def _parts(word: str) -> list[int]:
    """The numbers that a word is made of: "siebenundneunzig" -> 7, 90; [] when it is none."""
    if word[:_SHORTEST] not in _BEGINNINGS:  # nearly every word
        return []
    for stem in (word, *(word.removesuffix(ending) for ending in _ENDINGS if ending in word)):
        for spelling in (stem, f"{stem}e", f"{stem}y"):
            parts = _compound(spelling)
            if parts:
                return parts
    return []


def _compound(word: str) -> list[int]:
    parts: list[int] = []
    place = 0
    while place < len(word):
        if parts and word.startswith("und", place):
            place += len("und")
            continue
        for end in range(min(len(word), place + _LONGEST), place, -1):
            value = _VALUES.get(word[place:end])
            if value is not None:
                parts.append(value)
                place = end
                break
        else:
            return []
    return parts
