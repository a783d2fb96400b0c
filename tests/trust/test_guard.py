"""What the guard says of pairs of texts."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain import Task
from service.trust.guard import Problem, problems
from service.trust.repetition import (
    LEAST_DOUBLED_LETTERS,
    LOOP_TIMES,
    LOOP_WORDS,
    has_loop,
    repeats_a_pair,
    stutters,
)

P = Problem


@pytest.mark.parametrize(
    ("source", "output", "found"),
    [
        ("I have lost my keys.", "Ich habe meine Schlüssel verloren.", ()),
        ("Who is there?", "?!", (P.EMPTY,)),
        ("Who is there?", " ", (P.EMPTY,)),
        ("Go on.", "Weiter, weiter und weiter, weiter und weiter, weiter und",
         (P.LOOP, P.REPETITION, P.LENGTH_RATIO)),
        ("Go on, on, on, on.", "Los, los, los, los!", ()),
        ("The bank is closed.", "Die Bank auf der Bank auf der ist zu.", (P.REPETITION,)),
        ("Those who saw it left.", "Die, die die sahen, gingen.", (P.LOOP,)),
        ("good morning", "Good morning!", (P.SOURCE_COPY,)),
        ("Tom Mary.", "Tom, Mary!", ()),
        ("Computer!", "Computer!", ()),
        ("New York, 24.12.2025", "New York, 24.12.2025", ()),
        ("I have 3 dogs.", "Ich habe 13 Hunde.", (P.LOST_NUMBER, P.UNSUPPORTED_NUMBER)),
        ("I have 3 dogs.", "Ich habe Hunde.", (P.LOST_NUMBER,)),
        ("I have dogs.", "Ich habe 3 Hunde.", (P.UNSUPPORTED_NUMBER,)),
        ("Yes.", "Ich denke, dass das unter gewissen Umständen so ist.", (P.LENGTH_RATIO,)),
        ("I think that under certain circumstances this may be so, you know.", "Ja.",
         (P.LENGTH_RATIO,)),
    ],
)  # fmt: skip
def test_translations(source: str, output: str, found: tuple[Problem, ...]) -> None:
    assert problems(Task.TRANSLATION, source, output) == found


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ("Disney profit rises 12 pct", ()),
        ("Disney profit rises 13 pct", (P.UNSUPPORTED_NUMBER,)),
        ("Profit of Fox rises", (P.UNSUPPORTED_NAME,)),
        ("Disney profit rises as Disney profit rises", (P.REPETITION,)),
        ("profit", (P.LENGTH_RATIO,)),
        (("Disney's profit rose by twelve percent in the quarter, said the company again and again "
         "to all who would listen to it"), (P.LENGTH_RATIO,)),
        ("Walt Disney's profit rose 12 percent in the quarter", ()),
    ],
)  # fmt: skip
def test_summaries(output: str, found: tuple[Problem, ...]) -> None:
    source = "Walt Disney said on Monday that its profit rose by 12 percent in the quarter."
    assert problems(Task.SUMMARIZATION, source, output) == found


@given(st.sampled_from(Task), st.text(min_size=1), st.text())
def test_any_text_can_be_judged(task: Task, source: str, output: str) -> None:
    found = problems(task, source, output)
    assert list(found) == [problem for problem in Problem if problem in found]


@given(st.text(min_size=1))
def test_the_text_itself_is_a_faithful_summary(text: str) -> None:
    found = set(problems(Task.SUMMARIZATION, text, text))
    assert found <= {P.EMPTY, P.UNSUPPORTED_NAME}


WORDS = st.lists(st.sampled_from(["a", "b", "carrot", "daisies"]), max_size=14)


@given(WORDS)
def test_repetition_equals_its_slow_twin(words: list[str]) -> None:
    def succeeds(least: int, times: int) -> bool:
        return any(
            words[start : start + size] * times == words[start : start + size * times]
            for size in range(least, LOOP_WORDS + 1)
            for start in range(len(words) - size * times + 1)
        )

    pairs = list(itertools.pairwise(words))
    doubled = any(one == other and len(one) >= LEAST_DOUBLED_LETTERS for one, other in pairs)
    assert has_loop(words) == succeeds(1, LOOP_TIMES)
    assert stutters(words) == (doubled or succeeds(2, 2))
    assert repeats_a_pair(words) == any(
        pairs.count(pair) > 1 and max(map(len, pair)) >= 4 for pair in pairs
    )
