"""Laws of splitting what is too long: every part fits, nothing is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import TooLarge
from service.text.fit import PlainMeasure, leading_words, split_to_fit
from service.text.tokenizer import Tokenizer

# Enough for any single character: a space token, and three characters of NFC at 4 bytes.
ROOM = st.integers(13, 40)
LONG_TEXT = (
    st.lists(
        st.one_of(
            st.sampled_from(
                [
                    "the dog,",
                    "Katzen;",
                    "is looking for",
                    "  ",
                    "\u3000",
                    "(she",
                    "e\u0301" * 9,
                    "–",
                ]
            ),
            st.text(max_size=12),
            st.text("xyz", min_size=20, max_size=90),
        ),
        min_size=1,
        max_size=12,
    )
    .map(" ".join)
    .map(str.strip)
    .filter(bool)
)


@given(text=LONG_TEXT, room=ROOM)
def test_every_part_fits_and_nothing_is_lost(tokenizer: Tokenizer, text: str, room: int) -> None:
    parts = split_to_fit(text, room, PlainMeasure(text, tokenizer))
    assert "".join(part.before + part.text for part in parts) == text
    for part in parts:
        assert len(tokenizer.encode(part.text)) <= room
        assert part.text == part.text.strip() != ""
        assert part.before.strip() == ""
        assert text[part.start : part.end] == part.text


@given(text=LONG_TEXT, room=ROOM)
def test_what_fits_is_left_whole(tokenizer: Tokenizer, text: str, room: int) -> None:
    if len(tokenizer.encode(text)) <= room:
        assert [part.text for part in split_to_fit(text, room, PlainMeasure(text, tokenizer))] == [
            text
        ]
        assert leading_words(text, room, tokenizer) == text


@given(text=LONG_TEXT, room=ROOM)
def test_leading_words_fit_and_begin_the_text(tokenizer: Tokenizer, text: str, room: int) -> None:
    words = leading_words(text, room, tokenizer)
    assert words
    assert text.startswith(words)
    assert len(tokenizer.encode(words)) <= room


@given(text=LONG_TEXT, room=ROOM)
def test_leading_words_leave_no_room_for_the_next_word(
    tokenizer: Tokenizer, text: str, room: int
) -> None:
    words = leading_words(text, room, tokenizer)
    rest = text[len(words) :]
    if rest[:1].isspace():
        following = rest.split(maxsplit=1)[0]
        longer = text[: text.index(following, len(words)) + len(following)]
        assert len(tokenizer.encode(longer)) > room


def test_a_part_ends_behind_a_clause_if_it_can(tokenizer: Tokenizer) -> None:
    text = "the dog sees the teacher, she likes a house, too"
    room = len(tokenizer.encode("the dog sees the teacher, she likes"))
    assert (
        split_to_fit(text, room, PlainMeasure(text, tokenizer))[0].text
        == "the dog sees the teacher,"
    )
    assert leading_words(text, room, tokenizer) == "the dog sees the teacher, she likes"


def test_a_clause_that_would_be_tiny_is_no_place_to_cut(tokenizer: Tokenizer) -> None:
    text = "she, the dog sees the teacher and likes the house"
    room = len(tokenizer.encode("she, the dog sees the teacher"))
    assert (
        split_to_fit(text, room, PlainMeasure(text, tokenizer))[0].text
        == "she, the dog sees the teacher"
    )


@pytest.mark.parametrize("room", [16, 17, 18])
def test_without_spaces_it_cuts_anywhere_but_not_before_an_accent(
    tokenizer: Tokenizer, room: int
) -> None:
    # q and a combining breve do not compose; they are three byte tokens.
    text = "q\u0306" * 40
    parts = split_to_fit(text, room, PlainMeasure(text, tokenizer))
    assert [part.text for part in parts] == ["q\u0306" * 5] * 8


def test_says_when_not_even_one_character_fits(tokenizer: Tokenizer) -> None:
    text = "\U0001f415\U0001f415"
    with pytest.raises(TooLarge, match="the limit of 2"):
        split_to_fit(text, 2, PlainMeasure(text, tokenizer))
