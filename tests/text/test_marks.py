"""Marks in what the model reads and writes: text around them stays, copies come back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain import MarkIds
from service.text.marks import (
    Mark,
    Placeholder,
    Term,
    copies_of,
    decode_marked,
    encode_marked,
    encode_marked_with_offsets,
)
from service.text.normalise import normalise
from service.text.tokenizer import Tokenizer

IDS = MarkIds(4, 5, (6, 7, 8))  # as in `marked_tokenizer`

PLAIN = st.lists(
    st.one_of(
        st.sampled_from(
            ["the dog", " ", "\n", "Katzen", "<x1>", "<term>", "(", ", ", ".", "“", "é"]
        ),
        st.text(max_size=5),
    ),
    max_size=6,
).map("".join)
COPIED = st.sampled_from(["{name}", "https://example.org/?q=1", "%s", "a  b", "<x1>", "．"])


@st.composite
def marked_texts(draw: st.DrawFn) -> tuple[str, list[Mark]]:
    """A text and marks in it, at most three of them placeholders, in any numbering."""
    text = draw(PLAIN)
    marks: list[Mark] = []
    for number in draw(st.permutations(range(3)))[: draw(st.integers(0, 3))]:
        start = len(text)
        text += draw(COPIED)
        marks.append(Placeholder((start, len(text)), number))
        text += draw(PLAIN)
        if draw(st.booleans()):
            marks.append(Term((len(text), len(text) + 3), draw(PLAIN)))
            text += "cat" + draw(PLAIN)
    return text, marks


@given(marked_texts())
def test_ids_are_those_of_the_pieces_and_the_marks(
    marked_tokenizer: Tokenizer, marked: tuple[str, list[Mark]]
) -> None:
    text, marks = marked
    expected: list[int] = []
    done = 0
    for mark in marks:
        expected += marked_tokenizer.encode(text[done : mark.span[0]].strip())
        if isinstance(mark, Term):
            expected += [4, *marked_tokenizer.encode(mark.target.strip()), 5]
        else:
            expected.append(6 + mark.number)
        done = mark.span[1]
    expected += marked_tokenizer.encode(text[done:].strip())
    assert encode_marked(text, marks, marked_tokenizer, IDS) == expected


@given(PLAIN)
def test_no_text_forges_a_mark(marked_tokenizer: Tokenizer, text: str) -> None:
    ids = encode_marked(text, [], marked_tokenizer, IDS)
    assert ids == marked_tokenizer.encode(text)
    assert not {4, 5, 6, 7, 8} & set(ids)


@given(marked_texts())
def test_offsets_of_marks_and_of_what_is_between(
    marked_tokenizer: Tokenizer, marked: tuple[str, list[Mark]]
) -> None:
    text, marks = marked
    ids, spans = encode_marked_with_offsets(text, marks, marked_tokenizer, IDS)
    assert ids == encode_marked(text, marks, marked_tokenizer, IDS)
    assert len(spans) == len(ids)
    assert spans == sorted(spans)
    of_marks = {mark.span for mark in marks}
    for id_, span in zip(ids, spans, strict=True):
        if 4 <= id_ <= 8:
            assert span in of_marks
        assert 0 <= span[0] <= span[1] <= len(text)
        # Nothing lies half inside a mark.
        assert span in of_marks or not any(
            start < span[1] and span[0] < end for start, end in of_marks
        )


@given(marked_texts())
def test_a_sentence_with_placeholders_comes_back_with_its_white_space(
    marked_tokenizer: Tokenizer, marked: tuple[str, list[Mark]]
) -> None:
    text, marks = marked
    placeholders = [mark for mark in marks if isinstance(mark, Placeholder)]
    copies = copies_of(text, placeholders, IDS)
    ids = encode_marked(text, placeholders, marked_tokenizer, IDS)
    decoded = decode_marked(ids, copies, marked_tokenizer)
    expected = ""
    done = 0
    for mark in placeholders:
        expected += spaced(text[done : mark.span[0]]) + text[slice(*mark.span)]
        done = mark.span[1]
    expected += spaced(text[done:])
    assert decoded.text == expected.strip()


def spaced(text: str) -> str:
    """Normalised, with one space where there was white space at the ends."""
    return normalise(f".{text}.")[1:-1]


@given(marked_texts(), st.lists(st.integers(0, 479), max_size=12))
def test_whatever_a_model_writes_each_copy_is_there_once_and_untouched(
    marked_tokenizer: Tokenizer, marked: tuple[str, list[Mark]], ids: list[int]
) -> None:
    text, marks = marked
    placeholders = [mark for mark in marks if isinstance(mark, Placeholder)]
    copies = copies_of(text, placeholders, IDS)
    decoded = decode_marked(ids, copies, marked_tokenizer)
    assert set(decoded.places) == copies.keys() & set(ids)
    for id_, place in decoded.places.items():
        assert decoded.text[slice(*place)] == copies[id_].text
        assert decoded.spans[ids.index(id_)] == place
    starts = [start for start, _ in decoded.spans]
    assert starts == sorted(starts)
    if not decoded.places:
        assert (decoded.text, decoded.spans) == marked_tokenizer.decode_with_offsets(ids)


@pytest.mark.parametrize(
    ("source", "copied", "target", "expected"),
    [
        ("See {x}.", "{x}", ["siehe", 6, "."], "siehe {x}."),
        ("See {x} now", "{x}", ["jetzt siehe", 6, "."], "jetzt siehe {x}."),
        ("It is {x} .", "{x}", ["es ist", 6, "."], "es ist {x} ."),
        ('Say "{x}"!', "{x}", ['sag "', 6, '"!'], 'sag "{x}"!'),
        ('Say "{x}"!', "{x}", ["sag „", 6, "“!"], "sag „{x}“!"),
        ("See ({x})", "{x}", ["siehe (", 6, ")"], "siehe ({x})"),
        ("See {x}", "{x}", [6, "(siehe)"], "{x} (siehe)"),
        ("a {x}-fold", "{x}", [6, "-fach"], "{x}-fach"),
        ("a {x}px", "{x}", ["ein", 6, "px"], "ein {x}px"),
        ("a v{x}", "{x}", ["ein v", 6], "ein v{x}"),
        ("a v{x}", "{x}", ["ein nov", 6], "ein nov {x}"),
        ("size: {x}", "{x}", ["Gr.:", 6, "und"], "Gr.: {x} und"),
        ("size:{x}", "{x}", ["Gr.:", 6], "Gr.:{x}"),
        ('Oh, "{x}"', "{x}", ["ach,", 6], "ach, {x}"),
        ("*very", "*", ["das", 6, "sehr"], "das *sehr"),
        ("very* good", "*", ["sehr", 6, "gut"], "sehr* gut"),
        ("very * good", "*", ["sehr", 6, "gut"], "sehr * gut"),
        ("the <b>red one", "<b>", ["der", 6, "rote"], "der <b>rote"),
        ("[red](a) one", "](a)", ["[rot", 6, "eins"], "[rot](a) eins"),
        ("a red</b> one", "</b>", ["ein roter", 6, "da"], "ein roter</b> da"),
    ],
)
def test_worked_white_space(
    marked_tokenizer: Tokenizer,
    source: str,
    copied: str,
    target: list[str | int],
    expected: str,
) -> None:
    start = source.index(copied)
    ids: list[int] = []
    for each in target:
        ids += [each] if isinstance(each, int) else marked_tokenizer.encode(each)
    copies = copies_of(source, [Placeholder((start, start + len(copied)), 0)], IDS)
    assert decode_marked(ids, copies, marked_tokenizer).text == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [([6, 7], "{a}{b}"), ([7, 6], "{b} {a}"), ([6, 6, 7], "{a}{b}"), ([7, "/", 6], "{b} / {a}")],
)
def test_copies_side_by_side(
    marked_tokenizer: Tokenizer, target: list[str | int], expected: str
) -> None:
    copies = copies_of("of {a}{b}", [Placeholder((3, 6), 0), Placeholder((6, 9), 1)], IDS)
    ids: list[int] = []
    for each in target:
        ids += [each] if isinstance(each, int) else marked_tokenizer.encode(each)
    assert decode_marked(ids, copies, marked_tokenizer).text == expected
