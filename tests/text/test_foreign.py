"""What a vocabulary cannot spell is found whole; what it can, and everyday letters, never."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.foreign import Alphabet, tag_spans
from service.text.normalise import normalise

OWN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789äöü.,-'"
ALPHABET = Alphabet(OWN)
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
MIXED = st.lists(
    st.one_of(
        st.sampled_from(
            ["the dog", " ", "\n", "❤\ufe0f", FAMILY, "東京", "👋🏽", "1\ufe0f\u20e3", "ğ"]
        ),
        st.text(max_size=4),
    ),
    max_size=8,
).map("".join)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I love you ❤\ufe0f", ["❤\ufe0f"]),
        (f"a {FAMILY} here", [FAMILY]),
        ("👋🏽 🇩🇪🇫🇷!", ["👋🏽 🇩🇪🇫🇷"]),
        ("Press 1\ufe0f\u20e3 now", ["1\ufe0f\u20e3"]),
        ("in 東京 and 大阪.", ["東京", "大阪"]),
        ("你好，世界。今天", ["你好，世界。今天"]),
        ("say Всё хорошо, спасибо to", ["Всё хорошо, спасибо"]),
        ("Erdoğan's", ["Erdoğan"]),
        ("20 m² and 2½ → 3™", ["m²", "2½", "→", "™"]),
        ("東京 🎉\n🎉", ["東京", "🎉", "🎉"]),
        ("**so** is my_word: [it] > 3 = #", ["**", "**", "my_word", "[", "]", ">", "=", "#"]),
        ('(50%) & $5; a/b!? "it" `', []),
        ("Öl, café, cafe\u0301, Ärzte (ja) 50 % „so“ «so»\xa0!\u200b \t", []),
        ("it\u2019s a\xadb", []),
    ],
)
def test_worked_places(text: str, found: list[str]) -> None:
    assert [text[slice(*span)] for span in ALPHABET.foreign_spans(text)] == found


@given(MIXED)
def test_what_is_left_over_can_be_spelt(text: str) -> None:
    done = 0
    for start, end in ALPHABET.foreign_spans(text):
        assert done <= start < end <= len(text)
        assert len(text[start:end].splitlines()) == 1
        assert text[start:end] == text[start:end].strip()
        assert ALPHABET.foreign_spans(text[done:start]) == []
        done = end
    assert ALPHABET.foreign_spans(text[done:]) == []


@given(st.text(OWN + " \n\t\xa0\u2019\u200b", max_size=20))
def test_nothing_is_found_where_all_can_be_spelt(text: str) -> None:
    assert ALPHABET.foreign_spans(text) == []
    assert set(normalise(text)) <= {*OWN, " "}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("@john_doe, see @a@b.org.", ["@john_doe", "@a@b.org"]),
        ("#MondayMood #2nd!", ["#MondayMood", "#2nd"]),
        ("We are #1 in C# @ home, a@b, &#x27; @5pm ##x", []),
    ],
)
def test_worked_tags(text: str, found: list[str]) -> None:
    assert [text[slice(*span)] for span in tag_spans(text)] == found
