"""Loops, empty outputs, copies, and facts the source does not contain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export import metrics
from service.trust.repetition import LOOP_TIMES, LOOP_WORDS, has_loop
from service.trust.words import folded_words


@pytest.mark.parametrize(
    "text",
    ["the the the", "Er geht und er geht und er geht und", "a b, a b. A B!", "x y y y"],
)
def test_loops_are_found(text: str) -> None:
    assert has_loop(folded_words(text))


@pytest.mark.parametrize("text", ["", "der, der das sagt", "ha ha", "a b a b a c", "1 2 3 4"])
def test_ordinary_text_has_no_loop(text: str) -> None:
    assert not has_loop(folded_words(text))


@given(st.lists(st.sampled_from("abc"), max_size=14))
def test_has_loop_equals_its_slow_twin(words: list[str]) -> None:
    slow = any(
        words[start : start + size] * LOOP_TIMES == words[start : start + size * LOOP_TIMES]
        for size in range(1, LOOP_WORDS + 1)
        for start in range(len(words) - size * LOOP_TIMES + 1)
    )
    assert has_loop(words) == slow


def test_a_loop_of_the_source_is_not_held_against_the_output() -> None:
    assert metrics.loops(["No, no, no!", "No."], ["Nein, nein, nein!"] * 2).value == 50


def test_empty_outputs_are_counted() -> None:
    score = metrics.empty_outputs(["", " \u00a0", "ja", "."])
    assert score.value == 75  # what is only a mark says nothing either
    assert score.better is metrics.Better.LOWER


def test_copies_are_counted_where_the_reference_is_none() -> None:
    sources = ["Good morning!", "Tom!", "Thanks."]
    hypotheses = ["good morning", "Tom.", "Danke."]
    references = ["Guten Morgen!", "Tom!", "Danke."]
    assert metrics.source_copies(sources, hypotheses, references).value == pytest.approx(100 / 3)


@pytest.mark.parametrize(
    ("source", "output", "supported"),
    [
        ("profit of 1,500.50 dollars", "Gewinn von 1.500,50 Dollar", True),
        ("profit of 15 dollars", "profit of 16 dollars", False),
        ("a six-month low", "a 6 month low", True),
        ("Two men", "2 men", True),
        ("in 2017", "in 17", False),
        ("no number", "no number", True),
    ],
)
def test_numbers_need_support(source: str, output: str, supported: bool) -> None:
    assert metrics.unsupported_numbers([source], [output]).value == (0 if supported else 100)


@pytest.mark.parametrize(
    ("source", "output", "supported"),
    [
        ("Walt Disney Co extended Bob Iger's term", "Disney extends Iger contract", True),
        ("Walt Disney Co extended his term", "Disney extends Iger contract", False),
        ("the U.S. Food and Drug Administration said", "The FDA says", True),
        ("the Food Agency said", "The FDA says", False),
        ("the US said", "The U.S. says", True),
        ("oil prices rose", "Shares rise", True),  # a first word says nothing
        ("he said no", 'He says: "Never"', True),  # nor does a quotation's first
        ("the China-based firm", "Firm from China", True),
    ],
)
def test_names_need_support(source: str, output: str, supported: bool) -> None:
    assert metrics.unsupported_names([source], [output]).value == (0 if supported else 100)


def test_title_case_is_not_judged_by_its_capitals() -> None:
    score = metrics.unsupported_names(
        ["the telescope teaches", "it teaches"],
        ["What The Webb Telescope Teaches Us About Heaven", "It teaches Heaven"],
    )
    assert (score.value, score.sentences) == (100, 1)


def test_nothing_to_judge_is_no_fault() -> None:
    score = metrics.unsupported_names(["x"], ["Many Words Under Heaven Standing Tall"])
    assert (score.value, score.sentences) == (0, 0)
