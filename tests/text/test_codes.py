"""Figures that stand for something by their exact characters are found whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.codes import code_spans

# Glued together, they come to most of what the rules tell apart.
TRICKY = st.lists(
    st.one_of(
        st.sampled_from(
            ["+49", "0", "(030)", "12", "555", "-", ".", "/", " ", "A4", "$", "kg", "°C"]
        ),
        st.text(max_size=2),
    ),
    max_size=12,
).map("".join)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Call +49 30 1234567, +49(0)30 1234.", ["+49 30 1234567", "+49(0)30 1234"]),
        ("+1 (555) 123-4567 or (030) 123 45", ["+1 (555) 123-4567", "(030) 123 45"]),
        ("030/1234567, 01 23 45 67 89, 555-1234", ["030/1234567", "01 23 45 67 89", "555-1234"]),
        ("to DE89 3704 0044 0532 0130 00 today", ["DE89 3704 0044 0532 0130 00"]),
        ("4111 1111 1111 1111!", ["4111 1111 1111 1111"]),
        ("550e8400-e29b-41d4-a716-446655440000", ["550e8400-e29b-41d4-a716-446655440000"]),
        ("2024-05-17, 24.12.2025; 5/17/24", ["2024-05-17", "24.12.2025", "5/17/24"]),
        ("v1.2.3 on 192.168.0.1:80 (1.2.3)", ["v1.2.3", "192.168.0.1:80", "1.2.3"]),
        ("$5.99, 20€ and US$1,000", ["$5.99", "20€", "US$1,000"]),
        ("-5 °C, 36.6° and +2.5", ["-5 °C", "36.6°", "+2.5"]),
        ("A4, GPT-4, H2O, report_v2, x=3, 5G", ["A4", "GPT-4", "H2O", "report_v2", "x=3", "5G"]),
        ("agent 007 in 10115 at 3:2, 1/2", ["007", "10115", "3:2", "1/2"]),
        ("0 of 12 in 1990. 1,500 or 1.500,25 or 10 000 000", []),
        ("7:45, 10h30, 8:30AM, 7pm, 24.12., 2.5", []),
        ("the 2nd, 80er, 10-year-old, mid-1990s, A4-Papier, 5km/h, Nr.5", []),
        ("no figure, &#39; or l'90", []),
    ],
)
def test_worked_places(text: str, found: list[str]) -> None:
    assert [text[slice(*span)] for span in code_spans(text)] == found


@given(TRICKY)
def test_places_are_in_order_and_apart_and_have_figures(text: str) -> None:
    done = 0
    for start, end in code_spans(text):
        assert done <= start < end <= len(text)
        assert any(character.isdecimal() for character in text[start:end])
        assert text[end - 1] not in " .,:/-"
        done = end


@given(TRICKY)
def test_white_space_around_a_text_changes_nothing(text: str) -> None:
    assert code_spans(f"\n{text}\n") == [(start + 1, end + 1) for start, end in code_spans(text)]


@pytest.mark.parametrize("unit", ["1", "1 ", "+1 ", "0 ", "(1", "12-", "a-1", "1111 ", "1.", "1a"])
def test_long_tricky_texts_take_no_longer_than_they_are(unit: str) -> None:
    # A hundred thousand characters; quadratic time would take minutes.
    text = unit * (100_000 // len(unit)) + "x"
    assert len(code_spans(text)) <= len(text)
