"""Which target words came of a stretch of the source."""

import pytest

from service.markup.evidence import Evidence
from service.text.alignment import AlignedWord, SourceWord, words

SOURCE, TARGET = "the house yesterday", "gestern das Haus"
THE, HOUSE, YESTERDAY = words(SOURCE)


def evidence(*weights: dict[tuple[int, int], float]) -> Evidence:
    spans = words(TARGET)
    aligned = [
        AlignedWord(span, tuple(SourceWord(source, weight) for source, weight in of.items()))
        for span, of in zip(spans, weights, strict=True)
    ]
    return Evidence(SOURCE, TARGET, spans, aligned)


def test_a_source_word_that_is_nobodys_first_goes_to_who_has_it_second() -> None:
    """Weights as a trained model gave them: "das" looks at its noun, for the gender."""
    found = evidence({YESTERDAY: 0.67, THE: 0.25}, {HOUSE: 0.44, THE: 0.25}, {HOUSE: 0.86})
    assert found.share(1, THE) > found.share(1, HOUSE)
    assert found.share(0, YESTERDAY) > found.share(0, THE)
    assert found.share(2, HOUSE) == 1


@pytest.mark.parametrize(
    "das",
    [
        pytest.param({HOUSE: 0.44, THE: 0.15}, id="hardly looked at"),
        pytest.param({HOUSE: 0.9, THE: 0.25}, id="its first choice is more its own than another's"),
        pytest.param({HOUSE: 0.44, YESTERDAY: 0.25}, id="another's first choice"),
    ],
)
def test_else_the_first_choice_stays_the_first(das: dict[tuple[int, int], float]) -> None:
    found = evidence({YESTERDAY: 0.67}, das, {HOUSE: 0.86})
    assert found.share(1, HOUSE) > 0.5
