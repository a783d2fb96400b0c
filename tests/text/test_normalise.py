"""Laws of the one spelling: idempotent, visible text survives, offsets agree with the text."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.text.normalise import normalise, normalise_beginning, normalise_with_offsets

# Every code point, lone surrogates too (JSON can carry them), and often the ones that
# normalisation is about: spaces, invisible ones, quotes, accents, Hangul, odd decompositions.
DELICATE = (
    " \t\n\r\x00\x0b\x1c\x7f\x85\xa0\xad"
    "\u2000\u200b\u200c\u200d\u200e\u2028\u202f\u2060\u3000\ufeff"
    "'\u2018\u2019\u201a\u02bc\u2581_\ufffd\ud800\udcff"
    "aeouKAΩ\u212a\u2126\u0301\u0308\u0323\u0328\u0338<="
    "\u1100\u1161\u11a8가각\u09c7\u09be\u0f71\u0f72\u0f73"
    "\u0340\u0344\u037e\u1fef\u1fed\ufb1d\U0001d15e\U0001f468\U0001f469"
)
ANY_TEXT = st.text(
    st.one_of(st.sampled_from(DELICATE), st.characters(), st.characters(categories=["Cs"])),
    max_size=40,
)


@given(ANY_TEXT)
def test_is_idempotent(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@given(ANY_TEXT)
def test_leaves_single_inner_spaces_and_no_control_character(text: str) -> None:
    result = normalise(text)
    assert result == " ".join(result.split())
    assert all(unicodedata.category(character) not in ("Cc", "Cs") for character in result)
    assert "\u2581" not in result
    assert unicodedata.is_normalized("NFC", result)


@given(ANY_TEXT, st.characters(categories=["L", "N", "P", "S"]))
def test_never_empties_visible_text(text: str, visible: str) -> None:
    assert normalise(text + visible)


@given(ANY_TEXT, ANY_TEXT)
def test_a_beginning_is_one_whatever_follows(text: str, more: str) -> None:
    assert normalise(text + more).startswith(normalise_beginning(text))


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("ein Haus", "ein Hau"),
        ("ein Haus ", "ein Haus"),
        ("e\u0323", ""),
        ("a\u200b", ""),
        ("", ""),
    ],
)
def test_of_a_beginning_only_what_an_accent_could_change_is_missing(
    text: str, beginning: str
) -> None:
    assert normalise_beginning(text) == beginning


@given(ANY_TEXT)
@example("e\u0f73\u0301")  # U+0F73 is a starter that decomposes into two accents
def test_the_twin_with_offsets_says_the_same(text: str) -> None:
    result, spans = normalise_with_offsets(text)
    assert result == normalise(text)
    assert len(spans) == len(result)


@given(ANY_TEXT)
def test_offsets_stay_inside_the_text_and_never_go_down(text: str) -> None:
    _, spans = normalise_with_offsets(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert spans == sorted(spans)
    assert [end for _, end in spans] == sorted(end for _, end in spans)


@given(ANY_TEXT)
def test_each_character_comes_from_what_its_span_covers(text: str) -> None:
    result, spans = normalise_with_offsets(text)
    for span in set(spans):
        made = "".join(
            character for character, place in zip(result, spans, strict=True) if place == span
        )
        assert normalise(text[slice(*span)]) == made.strip()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Hello,\t\tworld \r\n again ", "Hello, world again"),
        ("no\xa0break\u202fspace", "no break space"),
        ("\ufeffbyte\u200b order", "byte order"),
        ("It\u2019s \u2018so\u2019", "It's 'so'"),
        ("cafe\u0301", "caf\xe9"),
        ("e\xad\u0301", "\xe9"),
        ("\u2581x", "_x"),
        ("a\ud800b", "a\ufffdb"),
        ("a\x00b", "ab"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
        ("\u201eGut\u201c", "\u201eGut\u201c"),
        (" \n\u200b", ""),
    ],
)
def test_worked_cases(text: str, expected: str) -> None:
    assert normalise(text) == expected


def test_worked_offsets() -> None:
    #      0123 4     56789
    text = " It\u2019s  cafe\u0301"
    result, spans = normalise_with_offsets(text)
    assert result == "It's caf\xe9"
    assert spans == [(1, 2), (2, 3), (3, 4), (4, 5), (5, 7), (7, 8), (8, 9), (9, 10), (10, 12)]
