"""Spaces that do not break stay between the words that they were between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.markup.spaces import has_special, with_special
from tests.markup.tagging import alignments, links


@pytest.mark.parametrize(
    ("source", "target", "pairs", "expected"),
    [
        ("10\xa0km far", "weit 10 km", "weit=far 10=10 km=km", "weit 10\xa0km"),
        ("10\xa0km far", "km weit 10", "weit=far 10=10 km=km", "km weit 10"),
        ("a\xa0dog", "ein, Hund", "ein=a Hund=dog", "ein, Hund"),
        ("a\xa0dog", "Hund", "Hund=dog", "Hund"),
        ("a\ndog", "ein Hund", "ein=a Hund=dog", "ein Hund"),
        ("wow\xa0!", "oh!", "oh=wow !=!", "oh!"),
        ("oh!", "oh !", "oh=oh !=!", "oh !"),
    ],
)
def test_worked_examples(source: str, target: str, pairs: str, expected: str) -> None:
    assert with_special(source, target, links([source], target, pairs)) == expected


@given(data=st.data(), source=st.text("ab \xa0\u202f\n,"), target=st.text("ab ,\n"))
def test_nothing_but_spaces_changes(data: st.DataObject, source: str, target: str) -> None:
    aligned = data.draw(alignments([source], target))
    spaced = with_special(source, target, aligned or [])
    assert len(spaced) == len(target)
    for now, before in zip(spaced, target, strict=True):
        assert now == before or (before == " " and has_special(now) and now in source)
