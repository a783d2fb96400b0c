"""Tags in a translation: all of them, once, inside what they were inside, where they belong."""

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.markup.levels import piece_offsets
from service.markup.placing import best_order, best_run, place_tags
from service.markup.tagged import Kind, Piece, Tag, is_whole, partners, plain_text, tidied
from service.text.alignment import AlignedWord, SourceWord
from tests.markup.tagging import alignments, anyhow, links, nested, tagged, written

TARGETS = st.one_of(
    st.lists(
        st.sampled_from(["ein", "Hund", ",", "!", " ", "  ", "große", "12 %"]), max_size=12
    ).map("".join),
    st.text(max_size=12),
)


def tags(pieces: Sequence[Piece]) -> list[Tag]:
    return [piece for piece in pieces if isinstance(piece, Tag)]


def parents(pieces: Sequence[Piece]) -> dict[Tag, Tag | None]:
    """The opening tag that each tag is inside of."""
    found: dict[Tag, Tag | None] = {}
    inside: list[Tag] = []
    for tag in tags(pieces):
        if tag.kind is Kind.CLOSE:
            inside.pop()
        found[tag] = inside[-1] if inside else None
        if tag.kind is Kind.OPEN:
            inside.append(tag)
    return found


def pairs(pieces: Sequence[Piece]) -> dict[Tag, Tag]:
    """Each tag's partner."""
    named = {place: tag for place, tag in enumerate(pieces) if isinstance(tag, Tag)}
    return {named[here]: named[there] for here, there in partners(pieces).items()}


@given(data=st.data(), source=nested(), target=TARGETS)
def test_nesting_is_kept_and_every_tag_is_there_once(
    data: st.DataObject, source: list[Piece], target: str
) -> None:
    placed = place_tags(source, target, data.draw(alignments(source, target)))
    assert sorted(written([tag]) for tag in tags(placed)) == sorted(
        written([tag]) for tag in tags(source)
    )
    assert pairs(placed) == pairs(source)
    assert parents(placed) == parents(source)


@given(data=st.data(), source=anyhow, target=TARGETS)
def test_tags_without_partners_keep_the_order_of_all(
    data: st.DataObject, source: list[Piece], target: str
) -> None:
    placed = place_tags(source, target, data.draw(alignments(source, target)))
    if not is_whole(source):
        assert tags(placed) == tags(source)
    else:
        assert parents(placed) == parents(source)


@given(data=st.data(), source=st.one_of(nested(), anyhow), target=TARGETS)
def test_the_target_is_kept_but_for_white_space_around_what_is_empty(
    data: st.DataObject, source: list[Piece], target: str
) -> None:
    placed = place_tags(source, target, data.draw(alignments(source, target)))
    text = "".join(piece for piece in placed if isinstance(piece, str))
    assert "".join(text.split()) == "".join(target.split())
    if all(tag.kind is not Kind.EMPTY for tag in tags(source)) and not is_whole(source):
        assert text == target
    assert placed == tidied(placed)


@given(source=st.one_of(nested(), anyhow))
def test_what_the_model_leaves_as_it_is_stays_as_it_is(source: list[Piece]) -> None:
    assert place_tags(source, plain_text(source), []) == tidied(source)


@pytest.mark.parametrize(
    ("source", "target", "pairs", "expected"),
    [
        pytest.param(
            "I saw the <b>red</b> <i>house</i> yesterday.",
            "Gestern sah ich das rote Haus.",
            "Gestern=yesterday sah=saw ich=I das=the rote=red Haus=house .=.",
            "Gestern sah ich das <b>rote</b> <i>Haus</i>.",
            id="words",
        ),
        pytest.param(
            "the <a>red house</a> of <b>Tom</b>",
            "Toms rotes Haus",
            "Toms=Tom rotes=red Haus=house",
            "<b>Toms</b> <a>rotes Haus</a>",
            id="elements that change places",
        ),
        pytest.param(
            "she <b>called up</b> Tom today",
            "sie rief heute Tom an",
            "sie=she rief=called heute=today Tom=Tom an=up",
            "sie <b>rief</b> heute Tom an",
            id="a part that is far away is left out",
        ),
        pytest.param(
            "she <b>called up the man</b> <i>today</i>",
            "sie rief heute den Mann an",
            "sie=she rief=called heute=today den=the Mann=man an=up",
            "sie rief <i>heute</i> <b>den Mann an</b>",
            id="no element takes the words of another",
        ),
        pytest.param(
            "he <b>has <i>really never</i> seen</b> it",
            "er hat es wirklich nie gesehen",
            "er=he hat=has es=it wirklich=really nie=never gesehen=seen",
            "er <b>hat es <i>wirklich nie</i> gesehen</b>",
            id="an element in an element",
        ),
        pytest.param(
            "<b>Do</b> you know Tom?",
            "Kennst du Tom?",
            "Kennst=know du=you Tom=Tom ?=?",
            "<b>Kennst</b> du Tom?",
            id="what has no translation is around the word in its place",
        ),
        pytest.param(
            "the un<b>believ</b>able dog",
            "der unglaubliche Hund",
            "der=the unglaubliche=unbelievable Hund=dog",
            "der <b>unglaubliche</b> Hund",
            id="part of a word",
        ),
        pytest.param(
            "water is H<b>2</b>O",
            "H2O heißt Wasser",
            "H2O=H2O heißt=is Wasser=water",
            "H<b>2</b>O heißt Wasser",
            id="part of a word that stays",
        ),
        pytest.param(
            "<i>To<b>m</b></i> sees 10 m<x/>m<b>2</b>.",
            "Es sind 10 mm2, die Tom sieht.",
            "sind=sees 10=10 mm2=mm2 Tom=Tom+sees .=.",
            "Es sind 10 m<x/>m<b>2</b>, die <i>To<b>m</b></i> sieht.",
            id="parts of words that stay",
        ),
        pytest.param(
            "<b>the whole dog</b>", "nichts davon", "", "<b>nichts davon</b>", id="around all"
        ),
        pytest.param(
            "first <br/> second",
            "eins zwei",
            "eins=first zwei=second",
            "eins <br/> zwei",
            id="white space on both sides",
        ),
        pytest.param(
            "first<br/>second",
            "eins zwei",
            "eins=first zwei=second",
            "eins<br/>zwei",
            id="in place of white space",
        ),
        pytest.param(
            "a note<x/> here",
            "hier eine Notiz.",
            "hier=here eine=a Notiz=note",
            "hier eine Notiz<x/>.",
            id="touches the word before it",
        ),
        pytest.param(
            "a <x/>note here",
            "hier eine Notiz",
            "hier=here eine=a Notiz=note",
            "hier eine <x/>Notiz",
            id="touches the word behind it",
        ),
        pytest.param(
            "see <x/> <y/> here",
            "hier sehen",
            "hier=here sehen=see",
            "<x/> <y/> hier sehen",
            id="several in a row stay together",
        ),
        pytest.param(
            "a <b></b>dog", "ein Hund", "ein=a Hund=dog", "ein <b></b>Hund", id="no content"
        ),
        pytest.param(
            "no end <b>here",
            "hier ohne Ende",
            "hier=here ohne=no Ende=end",
            "hier ohne Ende<b>",
            id="without a partner",
        ),
    ],
)
def test_worked_examples(source: str, target: str, pairs: str, expected: str) -> None:
    pieces = tagged(source)
    assert written(place_tags(pieces, target, links(pieces, target, pairs))) == expected


COPY = "\N{OBJECT REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("source", "target", "order", "expected"),
    [
        ("use <x/> now", "jetzt # benutzen", "x", "jetzt <x/> benutzen"),
        ("of <x/>, <y/>.", "#, von #.", "yx", "<y/>, von <x/>."),
        ("<x/> or <y/>", "# or #", "yx", "<y/> or <x/>"),
        ("<b>see <x/></b> here", "hier # sehen", "x", "<b>hier <x/></b> sehen"),
        ("<b>see <x/></b> here now", "hier sehen # jetzt", "x", "<b>hier <x/></b> sehen jetzt"),
    ],
)
def test_what_the_model_copied_is_where_the_copy_is(
    source: str, target: str, order: str, expected: str
) -> None:
    pieces = [
        replace(piece, reads=COPY) if isinstance(piece, Tag) and piece.name in "xy" else piece
        for piece in tagged(source)
    ]
    placed = place_tags(pieces, target, None, copies_of(pieces, target, order))
    assert written(placed) == expected


def test_tags_around_a_term_stay_around_all_its_words() -> None:
    source = tagged("I like <b>ML</b> here")
    aligned = [
        AlignedWord((0, 3), (SourceWord((0, 1), 1.0),)),
        AlignedWord((4, 7), (SourceWord((2, 6), 1.0),)),
        AlignedWord((8, 12), (SourceWord((10, 14), 1.0),)),
        AlignedWord((13, 32), (SourceWord((7, 9), 1.0),)),  # one term, two words
    ]
    placed = place_tags(source, "Ich mag hier maschinelles Lernen", aligned)
    assert written(placed) == "Ich mag hier <b>maschinelles Lernen</b>"


def copies_of(
    source: Sequence[Piece], target: str, order: Sequence[str]
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The copies in `target`, each a ``#``, of the tags named in `order`."""
    offsets = piece_offsets(source)
    here = {
        piece.name: (offset, offset + 1)
        for piece, offset in zip(source, offsets, strict=False)
        if isinstance(piece, Tag) and piece.reads == COPY
    }
    there = [match.span() for match in re.finditer("#", target)]
    return [(here[name], span) for name, span in zip(order, there, strict=True)]


@given(data=st.data(), source=nested(), target=TARGETS)
def test_copies_change_no_law(data: st.DataObject, source: list[Piece], target: str) -> None:
    pieces = tidied(
        replace(piece, name=piece.source, reads=data.draw(st.sampled_from(["", COPY])))
        if isinstance(piece, Tag) and piece.kind is Kind.EMPTY
        else piece
        for piece in source
    )
    copied = [tag.name for tag in tags(pieces) if tag.reads == COPY]
    order = data.draw(st.permutations(copied))
    words = target.replace("#", "").split(" ")
    for _ in order:
        words.insert(data.draw(st.integers(0, len(words))), "#")
    target = " ".join(words)
    aligned = data.draw(alignments(pieces, target))
    placed = place_tags(pieces, target, aligned, copies_of(pieces, target, order))
    assert parents(placed) == parents(pieces)
    assert "#" not in "".join(piece for piece in placed if isinstance(piece, str))


def test_without_alignment_tags_go_as_far_along_as_they_were() -> None:
    source = tagged("a b <i>c d</i> e<br/>f")
    assert written(place_tags(source, "u v w x y z", None)) == "u v <i>w x</i> y<br/>z"
    assert written(place_tags(source, "u v w x y z", [])) == "u v <i>w x</i> y<br/>z"


@pytest.mark.parametrize("depth", [5, 3_000])
def test_depth_and_size_have_no_price(depth: int) -> None:
    source = tagged("a <b>" * depth + "x" + "</b>" * depth)
    placed = place_tags(source, "ein Hund " * depth, None)
    assert tags(placed) == tags(source)
    assert plain_text(placed) == "ein Hund " * depth


@given(st.lists(st.sampled_from([-2, -1, -0.5, 0, 0.5, 1, -math.inf]), max_size=8))
def test_the_best_run_is_the_best_of_all(gains: list[float]) -> None:
    runs = [
        (start, end)
        for start, end in itertools.combinations(range(len(gains) + 1), 2)
        if gains[start] > 0 and gains[end - 1] > 0
    ]
    best = max(runs, key=lambda run: (sum(gains[slice(*run)]), -run[0], run[1]), default=None)
    assert best_run(gains) == best


@given(st.data(), st.integers(1, 4), st.integers(0, 5))
def test_the_best_order_is_the_best_of_all(data: st.DataObject, stretches: int, words: int) -> None:
    row = st.lists(st.integers(0, 4), min_size=stretches, max_size=stretches)
    shares = data.draw(st.lists(row, min_size=words, max_size=words))

    def worth(cuts: Sequence[int]) -> int:
        bounds = list(itertools.pairwise([0, *cuts, words]))
        return sum(
            shares[word][stretch]
            for stretch, (start, end) in enumerate(bounds)
            for word in range(start, end)
        )

    cuts = best_order(shares, stretches)
    assert cuts == sorted(cuts)
    every = itertools.combinations_with_replacement(range(words + 1), stretches - 1)
    assert worth(cuts) == max(map(worth, every))
