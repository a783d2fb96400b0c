"""How languages group the digits of a number and part its decimals."""

import re

# (between groups of three digits, before the decimals)
_MARKS = {"en": (",", "."), "de": (".", ","), "fr": ("\N{NO-BREAK SPACE}", ",")}
_SPACE = re.compile(r"\s")


def respelt(figure: str, source: str, target: str) -> str:
    """A figure of one language as another writes it.

    Worked cases: English "1,500.25" is "1.500,25" in German. "1.5" and "7.45" may be a version
    or a time: they stay, nobody misreads them. So do dates, other languages and what is no plain
    number.

    Args:
        figure: A number in digits, without sign and unit.
        source: The language that it is from.
        target: The language that it is for.
    """
    if source == target or source not in _MARKS or target not in _MARKS:
        return figure
    group, point = _MARKS[source]
    whole, dot, decimals = _SPACE.sub(_MARKS["fr"][0], figure).partition(point)
    groups = whole.split(group)
    is_grouped = len(groups) > 1
    if is_grouped and not (len(groups[0]) <= 3 and all(len(each) == 3 for each in groups[1:])):
        return figure
    if is_grouped and groups[0].startswith("0"):  # no plain number
        return figure
    if is_grouped and len(decimals) == 3 and "fr" in (source, target):
        return figure  # "1 000,000" is a thousand for some and a million for others
    if not all(each.isdecimal() for each in (*groups, decimals or "0")) or bool(dot) != bool(
        decimals
    ):
        return figure
    if point == "." and not is_grouped and len(decimals) != 3:
        return figure
    group, point = _MARKS[target]
    return group.join(groups) + (point + decimals if dot else "")
