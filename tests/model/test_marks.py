"""Training pairs with marks: the mark is obeyed by the pair itself, and nothing else changes."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export.config import MarksConfig, VocabularyConfig
from model_export.corpus import Line
from model_export.marks import Marked, _blocks, mark_ids, marked_pairs
from model_export.recipe import PLACEHOLDERS, TERM_BEGIN, TERM_END
from model_export.vocabulary import train_vocabulary
from service.domain import Direction
from service.text.tokenizer import Tokenizer

WORDS = {
    "house": "Maison",
    "horse": "Cheval",
    "river": "Riviere",
    "mountain": "Montagne",
    "teacher": "Professeur",
    "window": "Fenetre",
}
EN_FR = Direction("en", "fr")


def lines() -> list[Line]:
    """Every ordered pair of words, the translation the other way round."""
    return [
        Line(f"{a} and {b}.", f"{WORDS[b]} et {WORDS[a]}.", EN_FR)
        for a, b in itertools.permutations(WORDS, 2)
    ]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = tmp_path_factory.mktemp("marks") / "vocabulary.spm"
    text = [side for line in lines() for side in line[:2]]
    symbols = (TERM_BEGIN, TERM_END, *PLACEHOLDERS)
    path.write_bytes(train_vocabulary(VocabularyConfig(size=400), symbols, text))
    return Tokenizer.load(path)


def marked(tokenizer: Tokenizer, seed: int = 1, **config: float) -> list[Marked]:
    shares = {"terms": 0.0, "placeholders": 0.0, **config}
    return list(marked_pairs(lines(), MarksConfig.model_validate(shares), tokenizer, seed))


def between(ids: Sequence[int], begin: int, end: int) -> list[int]:
    return list(ids[list(ids).index(begin) + 1 : list(ids).index(end)])


def test_a_term_is_in_the_target_and_its_source_words_are_gone(tokenizer: Tokenizer) -> None:
    ids = mark_ids(tokenizer)
    pairs = marked(tokenizer, terms=1.0)
    assert len(pairs) == len(lines()), "every word of these lines can be aligned"
    exchanged = 0
    for source, target, line in pairs:
        words = tokenizer.decode(between(source, ids.term_begin, ids.term_end))
        text = tokenizer.decode(target)
        assert words in text
        exchanged += text != line.target
        left = [word for word in WORDS if word in tokenizer.decode(source)]
        assert len(left) < len([word for word in WORDS if word in line.source])
        assert all(WORDS[word] in text for word in left)
    assert 0 < exchanged < len(pairs), "some terms are the line's own, some of another line"


def test_placeholders_are_the_same_on_both_sides(tokenizer: Tokenizer) -> None:
    ids = mark_ids(tokenizer)
    pairs = marked(tokenizer, placeholders=1.0)
    assert len(pairs) == len(lines())
    counts = set()
    for source, target, line in pairs:
        found = [[id_ for id_ in side if id_ in ids.placeholders] for side in (source, target)]
        assert sorted(found[0]) == sorted(found[1])
        assert len(set(found[0])) == len(found[0])
        counts.add(len(found[0]))
        # What is left are translations of each other.
        left = [tokenizer.decode(side) for side in (source, target)]
        assert {WORDS[word] for word in WORDS if word in left[0]} == {
            word for word in WORDS.values() if word in left[1]
        }
        assert len([word for word in WORDS if word in line.source]) == 2
    assert counts == {1, 2}


def test_shares_are_those_of_the_lines(tokenizer: Tokenizer) -> None:
    ids = mark_ids(tokenizer)
    pairs = marked(tokenizer, terms=0.5, placeholders=0.2)
    terms = sum(ids.term_begin in pair.source for pair in pairs)
    assert (terms, len(pairs) - terms) == (15, 6)


def test_a_seed_is_a_choice(tokenizer: Tokenizer) -> None:
    assert marked(tokenizer, 1, terms=0.5) == marked(tokenizer, 1, terms=0.5)
    assert marked(tokenizer, 1, terms=0.5) != marked(tokenizer, 2, terms=0.5)


@given(st.dictionaries(st.integers(0, 7), st.integers(0, 7)))
def test_blocks_are_aligned_without_gaps(links: dict[int, int]) -> None:
    links = {s: t for s, t in links.items() if list(links.values()).count(t) == 1}
    expected = {
        (first, first + length - 1, low, low + length - 1)
        for first, low, length in itertools.product(range(8), range(8), (1, 2, 3))
        if {links.get(first + word) for word in range(length)} == set(range(low, low + length))
    }
    assert set(_blocks(links)) == expected
