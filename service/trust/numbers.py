"""Figures of a text by their value, so that two languages' spellings of one agree.

What is compared are figures: "7:45" against "19:45". Words for numbers ("three", "drei",
"trois") only excuse a figure that has no partner: a model may write either.
"""

import re

from service.trust.number_words import spelled_values

# French groups digits by spaces; an ordinary one does so only between "10" and "000" that
# nothing follows, as in "10 000" and not in "in 2010 300 people". "14 h 30" is a time.
_FIGURE = re.compile(
    r"(?<![\d.,:])\d{1,3}(?:[ \u00a0\u2009\u202f]\d{3})+(?:,\d+)?(?![\d.,:]*\d)"
    r"|\d{1,2}\s?[hH]\s?\d\d(?!\d)"
    r"|\d+(?:[.,:'\u2019]\d+)*"
)
_DIGIT = re.compile(r"\d")
_SPACES_AND_MARKS = re.compile(r"[\s'\u2019]")
_CLOCK = re.compile(r"\d{1,2}\.[0-5]\d?")
# Beside one of these, 7:45 and 19:45 are the same.
_HALF_OF_DAY = re.compile(
    r"\d\s?[ap]\.?\s?m\b|morning|noon|evening|night|morgen|mittag|abend|nacht|matin|midi|soir|nuit",
    re.IGNORECASE,
)

_MORNING = re.compile(r"\d\s?a\.?\s?m\b", re.IGNORECASE)
_AFTERNOON = re.compile(r"\d\s?p\.?\s?m\b", re.IGNORECASE)


def figures(text: str) -> set[str]:
    """Values of the figures in `text`, spelled one way.

    Worked cases: "1,500.50", "1.500,50" and "1 500,50" -> "1500.5"; "7:45", "7.45" and
    "7 h 45" -> "7.45"; "9:00" -> "9"; "3.141" is read as 3141; "007" stays as it is.
    """
    return {_value(match) for match in _FIGURE.findall(text)}


def without_partner(of: str, among: str) -> set[str]:
    """Figures of one text whose value the other one does not have, in figures or words.

    Of an output among its source: numbers that are unsupported. Of a source among the output:
    numbers that were lost. A number that was changed is both.
    """
    if _DIGIT.search(of) is None:
        return set()
    alone = figures(of) - figures(among)
    if not alone:
        return alone
    spelled = spelled_values(among)
    alone = {value for value in alone if not _is_spelled(value, spelled)}
    if alone:
        decades = {value[-2:] for value in figures(among) if _is_decade(value)}
        alone = {value for value in alone if not (_is_decade(value) and value[-2:] in decades)}
    both = f"{of} {among}"
    if alone and _HALF_OF_DAY.search(both):
        is_morning = _MORNING.search(both) is not None and _AFTERNOON.search(both) is None
        hours = {_by_twelve(value, is_morning) for value in figures(among)}
        alone = {value for value in alone if _by_twelve(value, is_morning) not in hours}
    return alone


def lost_places(source: str, output: str) -> list[tuple[int, int]]:
    """Places in `source` of the figures that `output` has lost, in order."""
    lost = without_partner(source, output)
    return [place for place in figure_places(source) if _value(source[slice(*place)]) in lost]


def figure_places(text: str) -> list[tuple[int, int]]:
    """Places of the figures in `text`, in order."""
    return [match.span() for match in _FIGURE.finditer(text)]


def _value(figure: str) -> str:
    plain = _SPACES_AND_MARKS.sub("", figure.lower()).replace(":", ".").replace("h", ".")
    parts = plain.replace(",", ".").split(".")
    whole, decimals = parts[0], ""
    if len(parts) == 1:
        return whole
    marks = {mark for mark in plain if not mark.isdigit()}
    if len(whole) <= 3 and all(len(part) == 3 for part in parts[1:]):
        whole = "".join(parts)
    elif len(parts) > 2 and len(marks) == 1:  # a date or a version: 24.12.2025
        return ".".join(part.lstrip("0") or "0" for part in parts)
    else:
        whole, decimals = "".join(parts[:-1]), parts[-1].rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{decimals}" if decimals else whole


def _is_spelled(value: str, spelled: set[int]) -> bool:
    """Whether a number word can stand for the figure; of a time, one for its hour.

    Worked cases: 2.3, which is 2:30, is "half past two" and "halb drei"; 97 is not 7.
    """
    if value.isdecimal():
        return int(value) in spelled
    if _CLOCK.fullmatch(value):
        hour = int(value.split(".", maxsplit=1)[0])
        return not spelled.isdisjoint({hour, hour + 1, hour % 12, hour % 12 + 1})
    return False


def _is_decade(value: str) -> bool:
    """Whether it may be a decade: "in the 1980s" is "in den 80ern"."""
    return value.isdecimal() and len(value) in (2, 4) and value.endswith("0")


def _by_twelve(value: str, is_morning: bool) -> str:
    """A time as a clock face shows it; in the morning, hours after noon stay what they are."""
    hour, dot, minutes = value.partition(".")
    if len(hour) > 2 or "." in minutes or (is_morning and int(hour) > 12):
        return value
    return f"{int(hour) % 12}{dot}{minutes}"
