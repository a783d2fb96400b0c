"""Figures that are no plain number: telephone numbers, codes, versions, dates in digits, amounts.

They stand for something by their exact characters. A model was shown each of them once at most,
writes another of the same shape, and nobody sees it. They are better copied. What a sentence bends
is left to the model: plain numbers, times, ordinals, figures with a unit or in a longer word.
"""

import re

from service.text.normalise import Span

_DIGIT = re.compile(r"\d")
# Groups that are one number only together.
_GROUPS = re.compile(
    r"""
    (?<! [\w+,.:/-] ) (?<! \d[ \u00a0\u202f] ) (?:
    # "+49 30 1234567", "+1 (555) 123-4567", "(030) 123 45", "030/1234567", "01 23 45 67 89"
      (?: \+ \d{1,3} | \( \d{2,5} \) | 0 \d{1,4} )
      (?: [ \u00a0\u202f./-]{0,2} \( \d{1,5} \) )? (?: [ \u00a0\u202f./-]{0,2} \d{2,} ){1,6}
    # "DE89 3704 0044 0532 0130 00", and the number of a card
    | (?: [A-Z]{2} \d\d | \d{4} ) (?: [ \u00a0\u202f] [A-Z]{0,3} \d [A-Z\d]{0,3} ){2,8}
    # "-5 \u00b0C"
    | [+\u2212-]? \d+ (?: [.,] \d+ )? [ \u00a0\u202f]? \u00b0 (?: [ \u00a0\u202f]? [CF] )?
    # "550e8400-e29b-41d4-a716-446655440000"
    | [\da-f]{8} (?: - [\da-f]{4} ){3} - [\da-f]{12}
    ) (?! \w )
    """,
    re.VERBOSE,
)
# What has no white space, quotation mark or bracket in it, without the marks behind it. Not the
# end of "10 000", as French writes it.
_TOKEN = re.compile(
    r"""
    (?<! [\w'\u2019@] ) (?<! &\# ) (?! (?<= \d[ \u00a0\u202f] ) \d{3} (?!\w) )
    [+\u2212-]? [\w$\u20ac\u00a3\u00a5]
    (?: [\w$\u20ac\u00a3\u00a5.,:/=+-]* [\w$\u20ac\u00a3\u00a5] )?
    """,
    re.VERBOSE,
)
_LEFT_TO_THE_MODEL = re.compile(
    r"""
      0 | [1-9] \d{0,3}                                               # a count, a year
    | \d{1,3} (?: [.,] \d{3} )+ (?: [.,] \d+ )? | \d+ [.,] \d+
    | \d{1,2} (?: [:.h] \d\d )? (?: [AP]M )?                          # a time
    | \d (?! .* [^\W\d_] \d ) .* [a-z\u00df-\u00ff] .*               # "2nd", "80er", "10-year-old"
    | [a-z\u00df-\u00ff] [^-]* - .*                                  # "mid-1990s"
    | [^-]* - .* [a-z\u00df-\u00ff] .*                               # "A4-Papier"
    | [^\W\d_]+ [.,:/] \d+                                          # "Nr.5"
    """,
    re.VERBOSE,
)


def code_spans(text: str) -> list[Span]:
    """Places of figures that are to be copied, in order, none overlapping another."""
    if _DIGIT.search(text) is None:  # nearly always
        return []
    groups = [match.span() for match in _GROUPS.finditer(text)]
    rest = _GROUPS.sub(lambda match: " " * len(match.group()), text) if groups else text
    tokens = [
        match.span()
        for match in _TOKEN.finditer(rest)
        if _DIGIT.search(match.group()) and not _LEFT_TO_THE_MODEL.fullmatch(match.group())
    ]
    return sorted([*groups, *tokens])
