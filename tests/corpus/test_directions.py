"""Corpora of several directions: each line keeps its languages, and nothing leaks between them."""

from pathlib import Path
from typing import Any

import pytest

from model_export.config import DataConfig
from model_export.corpus import Split, prepare_corpus, read_corpora, read_split
from model_export.corpus.cleaning import Reason
from model_export.errors import CorpusError
from service.domain import Direction

EN_DE, EN_FR = Direction("en", "de"), Direction("en", "fr")
DE_EN, FR_EN = Direction("de", "en"), Direction("fr", "en")


def corpus(directory: Path, name: str, direction: Direction, *lines: str, **entry: Any) -> Any:
    """Write ``source | target`` lines as two files; returns the recipe's entry."""
    for side in (0, 1):
        text = "".join(f"{line.split(' | ')[side]}\n" for line in lines)
        (directory / f"{name}.{side}").write_text(text, encoding="utf-8")
    return {
        "name": name,
        "source": str(directory / f"{name}.0"),
        "target": str(directory / f"{name}.1"),
        "direction": {"source": direction.source, "target": direction.target},
        "licence": "CC0",
        "origin": "these tests",
        **entry,
    }


def data_of(**entries: Any) -> DataConfig:
    return DataConfig.model_validate(entries)


def test_every_line_keeps_its_direction(tmp_path: Path) -> None:
    data = data_of(
        train=[
            corpus(tmp_path, "a", EN_DE, "one | eins", "two | zwei"),
            corpus(tmp_path, "b", EN_FR, "one | un"),
        ],
        dev=[corpus(tmp_path, "c", EN_FR, "four | quatre")],
    )
    prepare_corpus(data, (EN_DE, EN_FR), tmp_path / "run", {})
    assert list(read_split(tmp_path / "run", Split.TRAIN)) == [
        ("one", "eins", EN_DE),
        ("two", "zwei", EN_DE),
        ("one", "un", EN_FR),
    ]
    assert list(read_split(tmp_path / "run", Split.DEV)) == [("four", "quatre", EN_FR)]


def test_another_list_of_directions_prepares_again(tmp_path: Path) -> None:
    data = data_of(
        train=[corpus(tmp_path, "a", EN_DE, "one | eins")],
        dev=[corpus(tmp_path, "b", EN_DE, "two | zwei")],
    )
    first = prepare_corpus(data, (EN_DE,), tmp_path / "run", {})
    assert prepare_corpus(data, (EN_DE,), tmp_path / "run", {}) == first
    assert prepare_corpus(data, (EN_DE, EN_FR), tmp_path / "run", {}).settings != first.settings


def test_swapped_files_are_read_the_other_way_round(tmp_path: Path) -> None:
    data = data_of(
        train=[corpus(tmp_path, "a", DE_EN, "one | eins", swapped=True)],
        dev=[corpus(tmp_path, "b", DE_EN, "zwei | two")],
    )
    prepare_corpus(data, (DE_EN,), tmp_path / "run", {})
    assert list(read_split(tmp_path / "run", Split.TRAIN)) == [("eins", "one", DE_EN)]


@pytest.mark.parametrize(("line", "side"), [("one | ", 1), (" | eins", 0)])
def test_a_fault_of_swapped_files_is_found_where_it_is(
    tmp_path: Path, line: str, side: int
) -> None:
    data = data_of(train=[corpus(tmp_path, "a", DE_EN, line, swapped=True)])
    with pytest.raises(CorpusError, match=rf"a\.{side}, line 1: empty side"):
        prepare_corpus(data, (DE_EN,), tmp_path / "run", {})


@pytest.mark.parametrize("hold_out_targets", [True, False])
def test_a_reference_in_another_language_s_training_data(
    tmp_path: Path, hold_out_targets: bool
) -> None:
    data = data_of(
        train=[
            corpus(tmp_path, "a", DE_EN, "Komm rein. | Come in!", "Geh. | Go."),
            corpus(tmp_path, "b", FR_EN, "Entrez. | come in", "Attends. | Wait."),
        ],
        dev=[corpus(tmp_path, "c", FR_EN, "Attendez. | Wait!")],
        test=[corpus(tmp_path, "d", DE_EN, "Komm herein. | Come in.")],
        hold_out_targets=hold_out_targets,
    )
    report = prepare_corpus(data, (DE_EN, FR_EN), tmp_path / "run", {})
    kept = [line.source for line in read_split(tmp_path / "run", Split.TRAIN)]
    if not hold_out_targets:
        assert kept == ["Komm rein.", "Geh.", "Entrez.", "Attends."]
        return
    assert kept == ["Geh."]
    dropped = [entry.dropped for entry in report.inputs if entry.split is Split.TRAIN]
    assert dropped == [{Reason.HELD_OUT_TARGET: 1}, {Reason.HELD_OUT_TARGET: 2}]


def test_a_source_is_held_out_of_its_own_direction_only(tmp_path: Path) -> None:
    data = data_of(
        train=[
            corpus(tmp_path, "a", EN_DE, "Come in! | Komm rein!", "Go. | Geh."),
            corpus(tmp_path, "b", EN_FR, "Come in! | Entrez !", "Go. | Va."),
        ],
        dev=[corpus(tmp_path, "c", EN_FR, "Stay. | Reste.")],
        test=[corpus(tmp_path, "d", EN_DE, "Come in. | Herein.")],
    )
    report = prepare_corpus(data, (EN_DE, EN_FR), tmp_path / "run", {})
    kept = [line.target for line in read_split(tmp_path / "run", Split.TRAIN)]
    assert kept == ["Geh.", "Entrez !", "Va."]
    assert [entry.dropped for entry in report.inputs if entry.name == "a"] == [{Reason.HELD_OUT: 1}]


def test_a_repeated_corpus_is_repeated_in_training_alone(tmp_path: Path) -> None:
    data = data_of(
        train=[
            corpus(tmp_path, "a", EN_DE, "Hello | Hallo", repeat=3),
            corpus(tmp_path, "b", EN_DE, "Go. | Geh."),
        ],
        dev=[corpus(tmp_path, "c", EN_DE, "Stay. | Bleib.", repeat=3)],
    )
    report = prepare_corpus(data, (EN_DE,), tmp_path / "run", {})
    sources = {
        split: [line.source for line in read_split(tmp_path / "run", split)] for split in Split
    }
    assert sources[Split.TRAIN] == ["Hello"] * 3 + ["Go."]
    assert sources[Split.DEV] == ["Stay."]
    assert report.totals[Split.TRAIN].pairs == 4
    assert {name: len(lines) for name, lines in read_corpora(tmp_path / "run", Split.TRAIN)} == {
        "a": 3,
        "b": 1,
    }
