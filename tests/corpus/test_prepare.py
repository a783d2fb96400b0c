"""Preparing a run: the law of the split, cleaning, and doing it once."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_export.config import DataConfig
from model_export.corpus import CorpusReport, Split, prepare_corpus, read_report, read_split
from model_export.corpus.cleaning import Reason, fold
from model_export.corpus.prepare import _output_names
from model_export.errors import CorpusError, RecipeError
from service.domain import Direction

Pairs = list[tuple[str, str]]
DIRECTIONS = (Direction("en", "de"),)
Corpus = Callable[[str, Pairs], dict[str, Any]]


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """Write pairs as two aligned files; returns the recipe's entry for them."""

    def corpus(name: str, pairs: Pairs) -> dict[str, Any]:
        for side in (0, 1):
            text = "".join(f"{pair[side]}\n" for pair in pairs)
            (tmp_path / f"{name}.{side}").write_bytes(text.encode())
        return {
            "name": name,
            "source": f"${{HERE}}/{name}.0",
            "target": f"${{HERE}}/{name}.1",
            "licence": "CC0",
            "origin": "these tests",
        }

    return corpus


def prepare(run: Path, **data: Any) -> CorpusReport:
    return prepare_corpus(DataConfig(**data), DIRECTIONS, run, {"HERE": str(run.parent)})


def pairs_of(run: Path, split: Split) -> Pairs:
    return [(line.source, line.target) for line in read_split(run, split)]


def test_sides_are_written_and_counted(corpus: Corpus, tmp_path: Path) -> None:
    run = tmp_path / "run"
    report = prepare(
        run,
        train=[corpus("a", [("One  two", "eins zwei"), ("three", "drei")])],
        dev=[corpus("b", [("four", "vier")])],
        test=[corpus("c", [("five", "fünf")])],
    )
    assert pairs_of(run, Split.TRAIN) == [("One two", "eins zwei"), ("three", "drei")]
    assert pairs_of(run, Split.DEV) == [("four", "vier")]
    assert pairs_of(run, Split.TEST) == [("five", "fünf")]
    assert report == read_report(run)
    assert report.totals[Split.TRAIN].model_dump() == {
        "pairs": 2,
        "source_words": 3,
        "target_words": 3,
    }
    (train,) = (entry for entry in report.inputs if entry.split is Split.TRAIN)
    assert (train.licence, train.origin) == ("CC0", "these tests")
    assert train.sha256.keys() == {"${HERE}/a.0", "${HERE}/a.1"}
    assert str(tmp_path) not in (run / "corpus.json").read_text()


texts = st.text(st.sampled_from("abA .!\u2028\u00a0"), max_size=6).filter(str.strip)
drawn_pairs = st.lists(st.tuples(texts.filter(lambda t: fold(t) != ""), texts), max_size=12)


# So many training sentences that some are left on both sides, whatever is drawn.
ANCHORS = [(f"sentence {number}", "Satz") for number in range(30)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(sides=st.tuples(drawn_pairs, drawn_pairs, drawn_pairs), dev_files=st.booleans())
def test_a_source_stands_on_one_side_and_no_line_is_lost(
    corpus: Corpus, tmp_path: Path, sides: tuple[Pairs, Pairs, Pairs], dev_files: bool
) -> None:
    run = tmp_path / "run"
    train, dev, test = sides
    report = prepare(
        run,
        train=[corpus("train", train + ANCHORS), corpus("again", train[:3])],
        dev=[corpus("dev", [*dev, ("anchor", "Anker")])] if dev_files else [],
        test=[corpus("test", test)],
        dev_fraction=0.4,
    )
    sources = {
        split: {fold(" ".join(source.split())) for source, _ in pairs_of(run, split)}
        for split in Split
    }
    assert not sources[Split.TRAIN] & sources[Split.DEV]
    assert not sources[Split.TRAIN] & sources[Split.TEST]
    assert not sources[Split.DEV] & sources[Split.TEST]
    assert pairs_of(run, Split.TEST) == test
    for entry in report.inputs:
        assert entry.lines_read == sum(entry.kept.values()) + sum(entry.dropped.values())
    for split in Split:
        kept = sum(entry.kept.get(split, 0) for entry in report.inputs)
        assert report.totals[split].pairs == kept == len(pairs_of(run, split))


def test_case_and_punctuation_hide_no_test_sentence(corpus: Corpus, tmp_path: Path) -> None:
    report = prepare(
        tmp_path / "run",
        train=[corpus("a", [("come in", "x"), ("Come in!", "y"), ("go", "z"), ("STRASSE", "u")])],
        dev=[corpus("b", [("Straße.", "Straße"), ("“Come” in…", "x")])],
        test=[corpus("c", [("Come in.", "Komm rein.")])],
    )
    assert pairs_of(tmp_path / "run", Split.TRAIN) == [("go", "z")]
    assert pairs_of(tmp_path / "run", Split.DEV) == [("Straße.", "Straße")]
    assert [entry.dropped for entry in report.inputs] == [
        {},
        {Reason.HELD_OUT: 1},
        {Reason.HELD_OUT: 3},
    ]


def test_punctuation_alone_is_told_apart() -> None:
    assert fold("?!") != fold("...")
    assert fold("a-b, C_d!") == "a b c d"


def test_training_pairs_are_cleaned_and_every_drop_is_counted(
    corpus: Corpus, tmp_path: Path
) -> None:
    pairs = [
        ("a b c", "x y z"),
        ("a  b c", "x y z"),  # the same pair once it is normalised
        ("a b c", "x y Z"),  # another translation is another pair
        ("one two three four five", "x y z u v"),
        ("one two three four", "x"),
        ("", "x"),
        ("x", "\u200b"),
    ]
    held = [("other words, more than five of them", "x")]
    run = tmp_path / "run"
    report = prepare(
        run,
        train=[corpus("a", pairs)],
        dev=[corpus("b", held)],
        max_words=4,
        max_length_ratio=3.0,
        drop_empty=True,
    )
    assert pairs_of(run, Split.TRAIN) == [pairs[0], pairs[2]]
    assert pairs_of(run, Split.DEV) == held  # length limits are for training
    assert report.inputs[-1].dropped == {
        Reason.DUPLICATE: 1,
        Reason.LONG: 1,
        Reason.RATIO: 1,
        Reason.EMPTY: 2,
    }


def test_duplicates_stay_when_asked(corpus: Corpus, tmp_path: Path) -> None:
    run = tmp_path / "run"
    prepare(run, train=[corpus("a", [("a", "b")] * 3)], dev_fraction=0.0, deduplicate=False)
    assert len(pairs_of(run, Split.TRAIN)) == 3


@pytest.mark.parametrize(
    ("pair", "place"), [((" ", "x"), "a.0, line 2"), (("x", "\u00a0"), "a.1, line 2")]
)
def test_an_empty_side_is_an_error_with_its_place(
    corpus: Corpus, tmp_path: Path, pair: tuple[str, str], place: str
) -> None:
    with pytest.raises(CorpusError, match=f"{place}: empty side"):
        prepare(tmp_path / "run", train=[corpus("a", [("a", "b"), pair])])
    assert not (tmp_path / "run" / "corpus.json").exists()


def test_an_empty_cell_of_a_tsv_is_named_with_its_column(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("1\ta\tb\n2\tc\t\n")
    entry = {"name": "a", "tsv": "${HERE}/a.tsv", "tsv_columns": (1, 2)}
    with pytest.raises(CorpusError, match=r"a\.tsv, line 2, column 2: empty side"):
        prepare(tmp_path / "run", train=[{**entry, "licence": "l", "origin": "o"}])


def test_only_wanted_domains_are_kept(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "domains").write_text("news\nfree\nfree\n")
    entry = corpus("a", [("", "a broken line of another domain"), ("a", "b"), ("c", "d")])
    entry |= {"domains": "${HERE}/domains", "keep_domains": ["free"]}
    report = prepare(tmp_path / "run", train=[entry], dev_fraction=0.0)
    assert pairs_of(tmp_path / "run", Split.TRAIN) == [("a", "b"), ("c", "d")]
    assert report.inputs[0].dropped == {Reason.DOMAIN: 1}
    with pytest.raises(CorpusError, match="no line is of domain \\['fre'\\]"):
        prepare(tmp_path / "run", train=[{**entry, "keep_domains": ["free", "fre"]}])


def test_a_test_is_copied_as_published(corpus: Corpus, tmp_path: Path) -> None:
    published = [("It’s  “new”\u2028today\u00a0!", "C’est\u00a0« neuf »\u200b !")] * 2
    prepare(
        tmp_path / "run",
        train=[corpus("a", [("go", "los")])],
        dev=[corpus("b", [("It’s new", "C’est")])],
        test=[corpus("c", published)],
    )
    assert pairs_of(tmp_path / "run", Split.TEST) == published
    assert pairs_of(tmp_path / "run", Split.DEV) == [("It's new", "C'est")]


def test_the_dev_share_depends_on_the_sentence_alone(corpus: Corpus, tmp_path: Path) -> None:
    pairs = [(f"sentence {number}", f"Satz {number}") for number in range(2000)]
    forwards, backwards = tmp_path / "forwards", tmp_path / "backwards"
    prepare(forwards, train=[corpus("a", pairs)], dev_fraction=0.1)
    prepare(backwards, train=[corpus("a", pairs[::-1])], dev_fraction=0.1)
    dev = pairs_of(forwards, Split.DEV)
    assert sorted(dev) == sorted(pairs_of(backwards, Split.DEV))
    assert 150 < len(dev) < 250


def test_nothing_left_is_an_error(corpus: Corpus, tmp_path: Path) -> None:
    pairs = [("a", "b")]
    with pytest.raises(CorpusError, match="no training pair is left"):
        prepare(tmp_path / "run", train=[corpus("a", pairs)], dev=[corpus("b", pairs)])
    with pytest.raises(CorpusError, match="no dev pair is left"):
        prepare(tmp_path / "run", train=[corpus("a", pairs)], dev_fraction=1e-9)


def test_a_second_time_does_nothing(corpus: Corpus, tmp_path: Path) -> None:
    run = tmp_path / "run"
    data = {"train": [corpus("a", [("a", "b"), ("c", "d")])], "dev": [corpus("b", [("e", "f")])]}
    first = prepare(run, **data)
    mark_old(run)
    assert prepare(run, **data) == first
    assert not rewritten(run)


@pytest.mark.parametrize("change", ["input", "settings", "output", "report", "interrupted"])
def test_a_change_prepares_anew(corpus: Corpus, tmp_path: Path, change: str) -> None:
    run = tmp_path / "run"
    data: dict[str, Any] = {
        "train": [corpus("a", [("a", "b")])],
        "dev": [corpus("b", [("e", "f")])],
    }
    prepare(run, **data)
    mark_old(run)
    match change:
        case "input":
            data["train"] = [corpus("a", [("a", "x")])]
        case "settings":
            data["max_words"] = 7
        case "output":
            (run / "data" / "dev.target").write_text("damaged\n")
        case "report":
            (run / "corpus.json").write_text("{}")
        case "interrupted":
            (run / "corpus.json").unlink()
    prepare(run, **data)
    assert rewritten(run)
    assert pairs_of(run, Split.DEV) == [("e", "f")]
    assert pairs_of(run, Split.TRAIN) == [("a", "x" if change == "input" else "b")]


def test_the_same_recipe_gives_the_same_bytes(tmp_path: Path) -> None:
    data = {
        "train": [{"generator": "reversed_letters", "count": 500}],
        "dev": [{"generator": "reversed_letters", "count": 20}],
    }
    for run in ("one", "two"):
        prepare(tmp_path / run, **data)
    for name in [*_output_names(), "corpus.json"]:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_letters_are_reversed(tmp_path: Path) -> None:
    report = prepare(
        tmp_path / "run",
        train=[{"generator": "reversed_letters", "count": 300, "max_letters": 6}],
        dev_fraction=0.1,
        deduplicate=False,
    )
    pairs = pairs_of(tmp_path / "run", Split.TRAIN) + pairs_of(tmp_path / "run", Split.DEV)
    assert len(pairs) == 300
    assert {len(source.split()) for source, _ in pairs} == set(range(1, 7))
    for source, target in pairs:
        assert source.split() == target.split()[::-1]
        assert all(len(letter) == 1 and letter.isalpha() for letter in source.split())
    assert report.inputs[0].sha256 == {}


def test_the_report_says_what_a_stranger_needs(corpus: Corpus, tmp_path: Path) -> None:
    run = tmp_path / "run"
    prepare(run, train=[corpus("a", [("a", "b")])], dev_fraction=0.0)
    report = json.loads((run / "corpus.json").read_text())
    assert list(report) == ["settings", "inputs", "totals", "outputs"]
    assert list(report["outputs"]) == _output_names()


def test_a_missing_report_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="run `prepare` first"):
        read_report(tmp_path)


def test_a_path_without_its_variable_is_the_recipes_fault(corpus: Corpus, tmp_path: Path) -> None:
    data = DataConfig.model_validate({"train": [corpus("a", [("a", "b")])]})
    with pytest.raises(RecipeError, match="HERE"):
        prepare_corpus(data, DIRECTIONS, tmp_path / "run", {})


def mark_old(run: Path) -> None:
    for name in [*_output_names(), "corpus.json"]:
        os.utime(run / name, (0, 0))


def rewritten(run: Path) -> bool:
    return any((run / name).stat().st_mtime > 0 for name in [*_output_names(), "corpus.json"])
