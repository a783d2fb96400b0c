"""Attention between tokens read as alignment between words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.alignment import AlignedWord, align, words
from service.text.normalise import Span
from service.text.tokenizer import Tokenizer

TEXT = st.text(st.one_of(st.sampled_from(" .'’abé\u0301ßЖ漢12"), st.characters()), max_size=25)


@given(TEXT)
def test_words_cover_everything_but_space(text: str) -> None:
    spans = words(text)
    assert spans == sorted(spans)
    covered = [place for start, end in spans for place in range(start, end)]
    assert covered == [place for place, character in enumerate(text) if not character.isspace()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't panic, Tom!", ["Don't", "panic", ",", "Tom", "!"]),
        ("'so' he", ["'", "so", "'", "he"]),
        ("10 %...", ["10", "%..."]),
        ("नमस्ते", ["नमस्ते"]),
    ],
)
def test_worked_words(text: str, expected: list[str]) -> None:
    assert [text[slice(*span)] for span in words(text)] == expected


def test_weights_are_summed_over_source_tokens_and_averaged_over_target_tokens() -> None:
    # Source tokens: "the", "do"+"g", end mark; target tokens: "der", "Hu"+"nd".
    attention = np.array(
        [[0.7, 0.1, 0.1, 0.1], [0.1, 0.3, 0.4, 0.2], [0.0, 0.5, 0.3, 0.2]], dtype=np.float32
    )
    aligned = align(
        attention, "der Hund", [(0, 3), (4, 6), (6, 8)], "the dog", [(0, 3), (4, 6), (6, 7)]
    )
    assert [word.span for word in aligned] == [(0, 3), (4, 8)]
    # Looked at: "der" 0.7 and 0.2, "Hund" 0.05 and (0.7 + 0.8) / 2. Claimed:
    # 0.7 / (0.1 + 0.05) and 0.2 / (0.1 + 0.75); scaled to 0.9 in all.
    assert strengths(aligned[0]) == {(0, 3): 0.8568}
    # 0.05 / (0.1 + 0.7) and 0.75 / (0.1 + 0.2), scaled to 0.8.
    assert strengths(aligned[1]) == {(4, 7): 0.78049}


def test_the_strongest_word_is_named_even_if_weak() -> None:
    attention = np.array([[0.02, 0.01, 0.97]], dtype=np.float32)
    [word] = align(attention, "x", [(0, 1)], "a b", [(0, 1), (2, 3)])
    assert word.span == (0, 1)
    assert strengths(word) == {(0, 1): 0.02}


def test_a_word_without_a_token_of_its_own_is_left_out() -> None:
    attention = np.array([[1.0, 0.0]], dtype=np.float32)
    aligned = align(attention, "a.", [(0, 2)], "b", [(0, 1)])
    assert [word.span for word in aligned] == [(0, 1)]


def test_an_article_gets_the_article_although_it_looked_at_the_noun() -> None:
    """Attention of a trained model: "das" looks at its noun, for the gender."""
    attention = np.array([[0.25, 0.05, 0.67], [0.25, 0.44, 0.2], [0.1, 0.86, 0.02]])
    gestern, das, haus = align(
        attention.astype(np.float32),
        *("gestern das Haus", [(0, 7), (8, 11), (12, 16)]),
        *("the house yesterday", [(0, 3), (4, 9), (10, 19)]),
    )
    assert [word.sources[0].span for word in (gestern, das, haus)] == [(10, 19), (0, 3), (4, 9)]


def test_a_word_at_the_end_does_not_get_the_full_stop() -> None:
    attention = np.array([[0.5, 0.5], [0.55, 0.45]], dtype=np.float32)
    ended, stop = align(attention, "Ende.", [(0, 4), (4, 5)], "end.", [(0, 3), (3, 4)])
    assert [each.sources[0].span for each in (ended, stop)] == [(0, 3), (3, 4)]


@given(st.lists(st.integers(0, 12), min_size=1, max_size=5))
def test_a_single_word_has_no_rivals_and_keeps_its_weights(looked: list[int]) -> None:
    attention = np.array([looked], dtype=np.float32) / np.float32(64)
    spans = [(2 * place, 2 * place + 1) for place in range(len(looked))]
    [word] = align(attention, "x", [(0, 1)], "a " * len(looked), spans)
    expected = sorted((share / 64 for share in looked), reverse=True)[:3]
    assert [each.weight for each in word.sources] == pytest.approx(
        [share for rank, share in enumerate(expected) if rank == 0 or share >= 0.1]
    )


def strengths(word: AlignedWord) -> dict[Span, float]:
    return {source.span: round(source.weight, 5) for source in word.sources}


@given(data=st.data(), source=TEXT, ids=st.lists(st.integers(0, 479), max_size=10))
def test_offsets_lie_inside_both_texts(
    tokenizer: Tokenizer, data: st.DataObject, source: str, ids: list[int]
) -> None:
    source_ids, source_spans = tokenizer.encode_with_offsets(source)
    target, target_spans = tokenizer.decode_with_offsets(ids)
    seed = data.draw(st.integers(0, 99))
    raw = np.random.default_rng(seed).random((len(ids), len(source_ids) + 1), dtype=np.float32)
    attention = raw / raw.sum(axis=1, keepdims=True)
    aligned = align(attention, target, target_spans, source, source_spans)
    assert [word.span for word in aligned] == sorted({word.span for word in aligned})
    for word in aligned:
        assert 0 <= word.span[0] < word.span[1] <= len(target)
        assert 1 <= len(word.sources) <= 3
        assert sum(each.weight for each in word.sources) <= 1 + 1e-5
        weights = [each.weight for each in word.sources]
        assert weights == sorted(weights, reverse=True)
        assert all(0 <= each.span[0] < each.span[1] <= len(source) for each in word.sources)
