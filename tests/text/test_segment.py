"""Laws of segmentation: nothing is lost, line breaks end sentences, lists keep their marks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.segment import Boundaries, Segmented, split

BOUNDARIES = st.sampled_from(Boundaries)
LANGUAGES = st.sampled_from(["en", "de", "fr", "ja", "tlh", ""])
DELICATE = (
    *("Dr. Who left.", "z.B. so", "M. Dupont", '"Stop."', "1. ", "(2) ", "- ", "> ", "## ", "A."),
    *("\r\n", "\n\n", "\r", "\t", "  ", "\xa0", "\u202f", "\u2028", "\u3000", "\x0b", "\ud800"),
    *("\u200f", "\u200e ", ".\ufeff", "\xad"),
    *("«Oui.»", "… ", "? ", "。", "B\xa0.", "[1]. ", "U.S."),
)
ANY_TEXT = st.lists(
    st.one_of(
        st.sampled_from(DELICATE),
        st.text(max_size=8),
        st.text(st.characters(categories=["Cs", "Zs", "Po"]), max_size=3),
    ),
    max_size=12,
).map("".join)


def joined(segmented: Segmented) -> str:
    return "".join(each.before + each.text for each in segmented.segments) + segmented.trailing


def sentences(text: str, language: str = "en") -> list[str]:
    return [segment.text for segment in split(text, language).segments]


@given(ANY_TEXT, LANGUAGES, BOUNDARIES)
def test_is_lossless(text: str, language: str, boundaries: Boundaries) -> None:
    assert joined(split(text, language, boundaries)) == text


@given(ANY_TEXT, LANGUAGES, BOUNDARIES)
def test_segments_stand_where_they_say(text: str, language: str, boundaries: Boundaries) -> None:
    for segment in split(text, language, boundaries).segments:
        assert segment.text == segment.text.strip() != ""
        assert text[segment.start : segment.end] == segment.text


def test_tabs_part_the_cells_of_a_table() -> None:
    segmented = split("\tName\tBorn in. Died in.\t\t3.\n-\tOne\n2.\tTwo\n", "en")
    assert [(each.before, each.text) for each in segmented.segments] == [
        ("\t", "Name"),
        ("\t", "Born in."),
        (" ", "Died in."),
        ("\t\t", "3."),
        ("\n-\t", "One"),
        ("\n2.\t", "Two"),
    ]
    for boundaries in (Boundaries.SENTENCES, Boundaries.NONE):
        assert len(split("One\ttwo", "en", boundaries).segments) == 1


@pytest.mark.parametrize(
    ("boundaries", "expected"),
    [
        (Boundaries.LINES_AND_SENTENCES, ["One", "two.", "Three."]),
        (Boundaries.SENTENCES, ["One\ntwo.", "Three."]),
        (Boundaries.NONE, ["One\ntwo. Three."]),
    ],
)
def test_only_the_boundaries_that_are_wanted_split(
    boundaries: Boundaries, expected: list[str]
) -> None:
    segments = split("- One\ntwo. Three.\n", "en", boundaries).segments
    assert [segment.text for segment in segments] == expected
    assert segments[0].before == "- "


@given(ANY_TEXT, LANGUAGES)
def test_segments_are_trimmed_single_lines(text: str, language: str) -> None:
    for segment in split(text, language).segments:
        assert segment.text == segment.text.strip() != ""
        assert len(segment.text.splitlines()) == 1


@given(ANY_TEXT, LANGUAGES)
def test_no_letter_is_outside_the_sentences(text: str, language: str) -> None:
    segmented = split(text, language)
    between = "".join(segment.before for segment in segmented.segments) + segmented.trailing
    assert not any(character.isalpha() for character in between)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "He left. Did he?  Yes!", ["He left.", "Did he?", "Yes!"]),
        ("en", "Dr. X paid $3.50 at 5 p.m. today.", ["Dr. X paid $3.50 at 5 p.m. today."]),
        ("de", "Das ist z.B. der 5. Mai 2020. Gut.", ["Das ist z.B. der 5. Mai 2020.", "Gut."]),
        ("de", "Im 3. Stock. Sie ist 25. Ja.", ["Im 3. Stock.", "Sie ist 25.", "Ja."]),
        ("de", "Montag, 15. April, um 9. Uhr", ["Montag, 15. April, um 9.", "Uhr"]),
        ("en", "Ask Ms. Smith. Now.", ["Ask Ms. Smith.", "Now."]),
        ("fr", "M. Tanaka et le Dr. No. Oui.", ["M. Tanaka et le Dr. No.", "Oui."]),
        ("fr", "Le 3 mai\u202f! Vraiment\xa0? Oui.", ["Le 3 mai\u202f!", "Vraiment\xa0?", "Oui."]),
        ("tlh", "Qapla. Maj.", ["Qapla.", "Maj."]),
        ("en", "no end\nnew line\r\n\r\nparagraph", ["no end", "new line", "paragraph"]),
        ("en", "", []),
        ("en", " \n\t", []),
        ("en", "---", ["---"]),
    ],
)  # fmt: skip
def test_worked_cases(language: str, text: str, expected: list[str]) -> None:
    assert sentences(text, language) == expected


@pytest.mark.parametrize(
    ("text", "before", "sentence"),
    [
        ("- one", "- ", "one"),
        ("  * one", "  * ", "one"),
        ("> > quoted", "> > ", "quoted"),
        ("## Title", "## ", "Title"),
        ("1. Buy milk.", "1. ", "Buy milk."),
        ("-5 degrees", "", "-5 degrees"),
        ("1.", "", "1."),
        ("- ", "", "-"),
        ("#tag", "", "#tag"),
    ],
)
def test_marks_of_lists_stay_outside_the_sentence(text: str, before: str, sentence: str) -> None:
    [segment] = split(text, "en").segments
    assert (segment.before, segment.text) == (before, sentence)


@pytest.mark.parametrize("mark", ["\u200e", "\u200f", "\ufeff", "\xad", "\u200b"])
def test_what_nobody_sees_stands_between_like_white_space(mark: str) -> None:
    text = f"{mark}It rains.{mark} It {mark}snows.{mark}"
    first, second = split(text, "en").segments
    assert (first.before, first.text) == (mark, "It rains.")
    assert (second.before, second.text) == (f"{mark} ", f"It {mark}snows.")


def test_what_stands_between_is_kept() -> None:
    segmented = split("\n  One.  Two.\r\n\r\n\tThree. \n", "en")
    assert [segment.before for segment in segmented.segments] == ["\n  ", "  ", "\r\n\r\n\t"]
    assert segmented.trailing == " \n"
