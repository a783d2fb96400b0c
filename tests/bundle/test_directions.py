"""One bundle for several directions, with marks, from recipe to answers."""

from pathlib import Path

import pytest

from model_export import checkpoint
from model_export.bundle import export_bundle
from model_export.dataset import load_pairs
from model_export.evaluation import answer_lines
from model_export.preparation import prepare
from model_export.recipe import PLACEHOLDERS, TERM_BEGIN, TERM_END, Recipe, parse_recipe
from model_export.verification import verify_bundle
from model_export.vocabulary import load_vocabulary
from service.bundle.loader import Bundle, Provider, load_bundle
from service.domain import Direction, MarkIds
from tests.bundle.making import RECIPE
from tests.networks import loud_network

DIRECTIONS = (Direction("en", "de"), Direction("en", "fr"))


def recipe() -> Recipe:
    values = RECIPE.model_dump(mode="json")
    letters = {"generator": "reversed_letters", "max_letters": 6}
    values |= {
        "directions": [{"source": each.source, "target": each.target} for each in DIRECTIONS],
        "marks": {"terms": 0.5, "placeholders": 0.5},
    }
    values["data"] = {
        "train": [
            {**letters, "count": count, "direction": direction}
            for count, direction in zip((60, 100), values["directions"], strict=True)
        ],
        "dev_fraction": 0.2,
    }
    return parse_recipe(values)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared, with a network that answers loudly and at random."""
    run = tmp_path_factory.mktemp("directions")
    prepare(recipe(), run, {})
    size = load_vocabulary(run).vocabulary_size
    network = loud_network(recipe().model, vocabulary_size=size, seed=5)
    checkpoint.write_model(run, network.config, network.state_dict(), checkpoint.Progress())
    return run


@pytest.fixture(scope="module")
def bundle(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    directory = tmp_path_factory.mktemp("bundles") / "tiny"
    export_bundle(recipe(), run, directory)
    verify_bundle(recipe(), run, directory)
    return load_bundle(directory, Provider.CPU, threads=1)


def test_training_sources_begin_with_the_mark_of_their_target(run: Path) -> None:
    tokenizer = load_vocabulary(run)
    pairs = load_pairs(recipe(), run, tokenizer).epoch(0)
    marks = [tokenizer.control_id(f"<2{each.target}>") for each in DIRECTIONS]
    starts = [int(source[0]) for source in pairs.sources]
    assert set(starts) == set(marks)
    assert all(mark not in source[1:] for source in pairs.sources for mark in marks)
    # The toy's second half is marked: terms first, then placeholders.
    begin = tokenizer.control_id(TERM_BEGIN)
    assert any(begin in source for source in pairs.sources)
    placeholders = {tokenizer.control_id(symbol) for symbol in PLACEHOLDERS}
    assert any(placeholders & set(source.tolist()) for source in pairs.sources)


def test_the_manifest_names_directions_and_marks(bundle: Bundle) -> None:
    tokenizer = bundle.tokenizer
    assert bundle.manifest.prefixes == {
        each: (tokenizer.control_id(f"<2{each.target}>"),) for each in DIRECTIONS
    }
    assert bundle.manifest.marks == MarkIds(
        term_begin=tokenizer.control_id(TERM_BEGIN),
        term_end=tokenizer.control_id(TERM_END),
        placeholders=tuple(tokenizer.control_id(symbol) for symbol in PLACEHOLDERS),
    )


def test_a_direction_is_an_answer_of_its_own(bundle: Bundle) -> None:
    lines = ["b c d e", "f g", "h i j"]
    german, french = (answer_lines(bundle, lines, direction) for direction in DIRECTIONS)
    # Random weights may well say the same of one line, but not of each.
    assert german != french


def test_control_symbols_are_no_text(bundle: Bundle) -> None:
    tokenizer = bundle.tokenizer
    for symbol in ("<2de>", TERM_BEGIN, *PLACEHOLDERS):
        assert tokenizer.control_id(symbol) not in tokenizer.encode(f"1 {symbol} 2")
        assert tokenizer.decode(tokenizer.encode(symbol)) == symbol
    with pytest.raises(KeyError, match="<2xx>"):
        tokenizer.control_id("<2xx>")
