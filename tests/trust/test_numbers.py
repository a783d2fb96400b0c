"""Figures by value, across the spellings of English, German and French."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.trust.number_words import _VALUES, spelled_values
from service.trust.numbers import figures, lost_places, without_partner


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,500.50 / 1.500,50 / 1\u00a0500,50 / 1'500.50", {"1500.5"}),
        ("7:45, 7.45 Uhr, 7 h 45, 07h45", {"7.45"}),
        ("9:00 and 9 o'clock", {"9"}),
        ("10 000 and 10,000 and 10.000", {"10000"}),
        ("in 2010 300 people", {"2010", "300"}),
        ("2,5 and 2.5 and 2.50", {"2.5"}),
        ("24.12.2025", {"24.12.2025"}),
        ("version 1.2.3", {"1.2.3"}),
        ("1,234,567.8", {"1234567.8"}),
        ("007 and 7, 07h00", {"007", "7"}),
        ("1500.000 is 1,500", {"1500"}),
        ("on the 3rd, am 3., the G7", {"3", "7"}),
        ("no figure, no number", set()),
    ],
)
def test_one_value_has_one_spelling(text: str, values: set[str]) -> None:
    assert figures(text) == values


def grouped(number: int, mark: str) -> str:
    return f"{number:,}".replace(",", mark)


@given(st.integers(0, 10**9), st.sampled_from([",", ".", "\u202f", "'"]), st.sampled_from(",.'"))
def test_groups_of_digits_say_nothing(number: int, one: str, other: str) -> None:
    assert without_partner(grouped(number, one), grouped(number, other)) == set()


@given(st.integers(0, 999), st.integers(0, 99), st.integers(1, 99))
def test_a_changed_number_is_lost_and_unsupported(whole: int, decimals: int, by: int) -> None:
    source, output = f"{whole},{decimals:02}", f"{whole + by},{decimals:02}"
    assert without_partner(source, output)
    assert without_partner(output, source)


@pytest.mark.parametrize(
    ("source", "output", "agree"),
    [
        ("It leaves at 7:45.", "Er fährt um 19:45 Uhr.", False),
        ("It leaves at 7:45 p.m.", "Er fährt um 19:45 Uhr.", True),
        ("until 9pm", "bis 21:00 Uhr", True),
        ("at 9:30 a.m.", "um 21:30 Uhr", False),
        ("at 9:30 a.m.", "um 9.30 Uhr", True),
        ("at 12:30 a.m.", "um 0:30 Uhr", True),
        ("until 9pm", "bis 20:00 Uhr", False),
        ("at 2:30", "um halb drei", True),
        ("at 2:30", "um halb fünf", False),
        ("It costs 5.99.", "It costs five9.", False),
        ("I am 97.", "Ich bin siebenundneunzig.", True),
        ("I am 97.", "Ich bin sieben.", False),
        ("500 yen", "fünfhundert Yen", True),
        ("in the 1980s", "in den 80ern", True),
        ("in 1981", "in 81", False),
        ("the 45th birthday", "le quarante-cinquième anniversaire", True),
        ("3 people", "drei Leute", True),
        ("20 and 30", "30 und 20", True),
        ("2 and 3", "2", False),
    ],
)
def test_what_excuses_a_figure(source: str, output: str, agree: bool) -> None:
    assert (without_partner(source, output) == set()) is agree


@given(st.text("0123456789.,: h'", max_size=12))
def test_a_text_has_all_its_own_figures(text: str) -> None:
    assert without_partner(text, text) == set()


ENGLISH_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
GERMAN_TENS = (
    *("zwanzig", "dreißig", "vierzig", "fünfzig"),
    *("sechzig", "siebzig", "achtzig", "neunzig"),
)
ENGLISH_ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
GERMAN_ONES = ("ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun")


@given(st.integers(0, 7), st.integers(0, 8), st.integers(0, 8))
def test_words_have_the_value_of_their_parts(ten: int, one: int, hundred: int) -> None:
    value = 100 * (hundred + 1) + 10 * (ten + 2) + one + 1
    english = f"{ENGLISH_ONES[hundred]} hundred and {ENGLISH_TENS[ten]}-{ENGLISH_ONES[one]}"
    german = f"{GERMAN_ONES[hundred]}hundert{GERMAN_ONES[one]}und{GERMAN_TENS[ten]}"
    assert value in spelled_values(f"I have {english} of them.")
    assert value in spelled_values(f"Ich habe {german} davon.")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("quatre-vingt-dix-sept", 97),
        ("deux mille vingt", 2020),
        ("soixante et onze", 71),
        ("zweitausendzwanzig", 2020),
        ("der zwanzigste", 20),
        ("le premier", 1),
        ("a dozen", 12),
        ("the fortieth", 40),
        ("une cinquantaine, cinquième", 5),
    ],
)
def test_words_of_three_languages(text: str, value: int) -> None:
    assert value in spelled_values(text)


@pytest.mark.parametrize("text", ["", "The weather is lovely.", "Undine wundert sich.", "2 and 3"])
def test_ordinary_words_are_no_numbers(text: str) -> None:
    assert spelled_values(text) == set()


def test_a_comma_ends_a_number() -> None:
    assert 32 not in spelled_values("thirty, two of them")
    assert 32 in spelled_values("thirty-two of them")


def test_every_word_is_known() -> None:
    for word, value in _VALUES.items():
        assert value in spelled_values(f"xy {word}")


@given(
    st.lists(st.sampled_from(["12", "1,500", "7:45", "three", "Tom", "on 3.4.", "G7"])), st.data()
)
def test_what_is_lost_is_where_it_is_said_to_be(words: list[str], data: st.DataObject) -> None:
    source = " ".join(words)
    output = " ".join(data.draw(st.lists(st.sampled_from([*words, "0"]))))
    found = [source[slice(*place)] for place in lost_places(source, output)]
    assert {value for figure in found for value in figures(figure)} == without_partner(
        source, output
    )
