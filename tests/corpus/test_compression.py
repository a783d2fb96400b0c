"""Sentence compression: worked cases and the slow twin of token F1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export import metrics

words = st.lists(st.sampled_from("abcd"), max_size=8)


def test_token_f1_of_a_worked_case() -> None:
    # 2 of 3 tokens are right, 2 of 4 are found: 2 * (2/3 * 1/2) / (2/3 + 1/2) = 4/7.
    score = metrics.token_f1(["Plans come now."], ["Plans come under fire."])
    assert score.value == pytest.approx(100 * 4 / 7)


@given(words, words)
def test_token_f1_equals_its_slow_twin(output: list[str], reference: list[str]) -> None:
    rest = list(reference)
    found = 0
    for token in output:
        if token in rest:
            rest.remove(token)
            found += 1
    if not output and not reference:
        expected = 1.0
    elif not found:
        expected = 0.0
    else:
        precision, recall = found / len(output), found / len(reference)
        expected = 2 * precision * recall / (precision + recall)
    score = metrics.token_f1([" ".join(output)], [" ".join(reference)])
    assert score.value == pytest.approx(100 * expected)


def test_exact_matches_ignore_case_and_punctuation_only() -> None:
    score = metrics.exact_matches(["Plans, come.", "come plans"], ["plans come", "plans come"])
    assert score.value == 50


def test_characters_kept_is_of_the_corpus_and_neither_way_better() -> None:
    score = metrics.characters_kept(["1234567890", "12"], ["12345", "1"])
    assert score.value == 50
    assert score.better is metrics.Better.NEITHER


@pytest.mark.parametrize(
    ("output", "only"),
    [("a c", True), ("", True), ("A, b c d.", True), ("c a", False), ("a e", False)],
)
def test_deletion_only(output: str, only: bool) -> None:
    assert metrics.deletion_only(["a b c d"], [output]).value == (100 if only else 0)
