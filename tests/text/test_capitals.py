"""A text in capitals comes back from small letters, letter for letter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.capitals import in_capitals, in_small_letters, is_in_capitals


@pytest.mark.parametrize(
    ("text", "language", "small"),
    [
        ("DO NOT ENTER!", "en", "Do not enter!"),
        ("MAY I SIT HERE? I'M TIRED.", "en", "May I sit here? I'm tired."),
        ("« DÉFENSE D'ENTRER »", "fr", "« Défense d'entrer »"),
        ("GRÖẞE ÄNDERN", "de", "Größe ändern"),
        ("3 EGGS, 200 G FLOUR", "en", "3 Eggs, 200 g flour"),
    ],
)
def test_a_sentence_in_small_letters(text: str, language: str, small: str) -> None:
    assert is_in_capitals(text)
    assert in_small_letters(text, language) == small
    assert in_capitals(small) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Do not enter!",
        "DO NOT ENTER THE www",
        "NATO",  # a word may be an abbreviation
        "USB HUB",  # so may two
        "OK!",
        "A B C D E F G H I J",
        "12 + 30 = 42",
        "ǅEMAL UND ALENKA",  # begins with a letter that is neither
    ],
)
def test_what_is_left_as_it_is(text: str) -> None:
    assert not is_in_capitals(text)


LETTERS = "ABCÄÉŒẞßIİiaz 1.'ŉΣς你ǅ"


@given(st.text(st.sampled_from(LETTERS), max_size=24), st.sampled_from(["en", "de"]))
def test_nothing_is_lost(text: str, language: str) -> None:
    small = in_small_letters(text, language)
    assert len(small) == len(text) == len(in_capitals(text))
    if is_in_capitals(text):
        assert in_capitals(small) == text
