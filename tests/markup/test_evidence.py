"""Which target words came of a stretch of the source."""

import pytest

from service.markup.evidence import Evidence
from service.text.alignment import AlignedWord, SourceWord, words

SOURCE, TARGET = "the house!", "das Haus!"
THE, HOUSE, MARK = words(SOURCE)


def evidence(*weights: dict[tuple[int, int], float]) -> Evidence:
    spans = words(TARGET)
    aligned = [
        AlignedWord(span, tuple(SourceWord(source, weight) for source, weight in of.items()))
        for span, of in zip(spans, weights, strict=False)
    ]
    return Evidence(SOURCE, TARGET, spans, aligned)


def test_shares_are_of_squares() -> None:
    found = evidence({THE: 0.6, HOUSE: 0.2})
    assert found.share(0, THE) == pytest.approx(0.9)  # 0.36 / (0.36 + 0.04)
    assert found.share(0, HOUSE) == pytest.approx(0.1)
    assert found.share(0, (THE[0], HOUSE[1])) == pytest.approx(1)
    assert found.share(0, (HOUSE[0], HOUSE[0] + 1)) == pytest.approx(0.02)  # a fifth of the word


def test_words_do_not_come_of_punctuation_nor_punctuation_of_words() -> None:
    found = evidence({THE: 0.9}, {MARK: 0.6, HOUSE: 0.2}, {HOUSE: 0.5})
    assert found.share(1, MARK) == 0
    assert found.share(1, HOUSE) == pytest.approx(0.1)
    assert found.share(2, HOUSE) == 0


def test_of_a_word_that_nothing_is_known_of_nothing_came() -> None:
    assert evidence({THE: 0.9}).share(2, MARK) == 0
