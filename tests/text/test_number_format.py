"""Numbers as languages write them: another spelling, the same value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.number_format import respelt
from service.trust.numbers import figures

LANGUAGES = st.sampled_from(["en", "de", "fr", "xx"])
FIGURE = st.from_regex(r"[0-9]{1,3}([., \u00a0\u202f:]?[0-9]{1,3}){0,3}", fullmatch=True)


@pytest.mark.parametrize(
    ("figure", "source", "target", "expected"),
    [
        ("1,500", "en", "de", "1.500"),
        ("1,234,567.89", "en", "de", "1.234.567,89"),
        ("1.500,5", "de", "en", "1,500.5"),
        ("3,5", "de", "en", "3.5"),
        ("10\u202f000", "fr", "en", "10,000"),
        ("10,000", "en", "fr", "10\u00a0000"),
        ("3.141", "en", "de", "3,141"),
        *(
            (same, "en", "de", same)
            for same in ("2020", "3.5", "7:45", "24.12.2025", "1,50", "10 000")
        ),
        *((same, "fr", "en", same) for same in ("0\u00a0000", "1\u00a0000,000")),
        *((same, "de", "en", same) for same in ("24.12.2025", "7.45", "14:30")),
        ("1,500", "en", "en", "1,500"),
        ("1,500", "en", "xx", "1,500"),
    ],
)
def test_worked_figures(figure: str, source: str, target: str, expected: str) -> None:
    assert respelt(figure, source, target) == expected


@given(figure=FIGURE, source=LANGUAGES, target=LANGUAGES)
def test_the_digits_stay_and_so_does_what_the_guard_reads(
    figure: str, source: str, target: str
) -> None:
    spelt = respelt(figure, source, target)
    assert [c for c in spelt if c.isdigit()] == [c for c in figure if c.isdigit()]
    if len(figures(figure)) == 1:
        assert figures(spelt) == figures(figure)
