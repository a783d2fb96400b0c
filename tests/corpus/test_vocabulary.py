"""The SentencePiece vocabulary: nothing is lost, and the same text gives the same bytes."""

import os
from pathlib import Path

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from model_export.config import VocabularyConfig
from model_export.errors import CorpusError, RecipeError
from model_export.preparation import prepare
from model_export.recipe import Recipe, parse_recipe
from model_export.vocabulary import load_vocabulary, prepare_vocabulary, train_vocabulary
from service.text.normalise import normalise

TEXT = ["The old man rides a horse.", "Der alte Mann reitet 2017 ein Pferd.", "Größe: 3.50 €"] * 20


@pytest.fixture(scope="module")
def model() -> bytes:
    return train_vocabulary(VocabularyConfig(size=400), (), TEXT)


@pytest.fixture(scope="module")
def pieces(model: bytes) -> sentencepiece.SentencePieceProcessor:
    return sentencepiece.SentencePieceProcessor(model_proto=model)


def test_special_ids(pieces: sentencepiece.SentencePieceProcessor) -> None:
    ids = (pieces.pad_id(), pieces.unk_id(), pieces.bos_id(), pieces.eos_id())
    assert ids == (0, 1, 2, 3)


@given(text=st.text())
def test_every_text_comes_back(pieces: sentencepiece.SentencePieceProcessor, text: str) -> None:
    ids = pieces.encode(normalise(text))
    assert pieces.decode(ids) == normalise(text)
    assert pieces.unk_id() not in ids


def test_digits_stand_alone(pieces: sentencepiece.SentencePieceProcessor) -> None:
    assert pieces.encode("2017", out_type=str) == ["▁", "2", "0", "1", "7"]


def test_the_same_text_gives_the_same_bytes(model: bytes) -> None:
    assert train_vocabulary(VocabularyConfig(size=400), (), TEXT) == model


def test_a_toy_corpus_gets_the_pieces_it_has(pieces: sentencepiece.SentencePieceProcessor) -> None:
    assert pieces.get_piece_size() <= 400
    toy = train_vocabulary(VocabularyConfig(size=1000), (), ["3 1 4", "1 5 9 2 6 7 8 0"])
    assert len(sentencepiece.SentencePieceProcessor(model_proto=toy)) < 1000


def test_a_size_below_the_characters_says_what_is_needed() -> None:
    letters = ["".join(map(chr, range(0x4E00, 0x4F00)))]
    with pytest.raises(RecipeError, match=r"size is 300; .* alone are 5\d\d: raise size"):
        train_vocabulary(VocabularyConfig(size=300, character_coverage=1.0), (), letters)


def test_training_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    train_vocabulary(VocabularyConfig(size=300), (), TEXT)
    assert capfd.readouterr() == ("", "")


def test_a_second_time_does_nothing_and_a_change_trains_anew(tmp_path: Path) -> None:
    recipe = toy_recipe(size=300)
    prepare(recipe, tmp_path, {})
    spm = tmp_path / "vocabulary.spm"
    first = spm.read_bytes()

    os.utime(spm, (0, 0))
    prepare(recipe, tmp_path, {})
    assert spm.stat().st_mtime == 0

    prepare(toy_recipe(size=301), tmp_path, {})
    assert spm.stat().st_mtime > 0

    spm.write_bytes(b"damaged")
    prepare(recipe, tmp_path, {})
    assert spm.read_bytes() == first


def test_a_vocabulary_needs_prepared_data(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="run `prepare` first"):
        prepare_vocabulary(VocabularyConfig(size=300), (), tmp_path)


def test_a_run_takes_over_the_vocabulary_it_starts_from(tmp_path: Path) -> None:
    start, run, third = (tmp_path / name for name in ("start", "run", "third"))
    with pytest.raises(CorpusError, match=r"start_from: .*vocabulary.json does not exist"):
        prepare(toy_recipe(300, count=60, start_from=str(start)), run, {})
    prepare(toy_recipe(300), start, {})
    for recipe, directory in (
        (toy_recipe(300, count=60, start_from=str(start)), run),
        (toy_recipe(300, count=70, start_from=str(run)), third),
    ):
        prepare(recipe, directory, {})
        for name in ("vocabulary.spm", "vocabulary.json"):
            assert (directory / name).read_bytes() == (start / name).read_bytes()


@pytest.mark.parametrize(
    ("size", "marks", "message"),
    [
        (301, None, "has size 300; the recipe's has 301"),
        (300, {"terms": 0.1}, r"size 310 with 10 new control symbols; the recipe's has 300"),
    ],
)
def test_a_run_cannot_start_from_another_vocabulary(
    tmp_path: Path, size: int, marks: dict[str, float] | None, message: str
) -> None:
    prepare(toy_recipe(300), tmp_path / "start", {})
    recipe = toy_recipe(size, marks, start_from=str(tmp_path / "start"))
    with pytest.raises(RecipeError, match=message):
        prepare(recipe, tmp_path / "run", {})


def test_marks_that_a_vocabulary_lacks_are_put_behind_its_last_piece(tmp_path: Path) -> None:
    start, run = tmp_path / "start", tmp_path / "run"
    prepare(toy_recipe(300), start, {})
    before = load_vocabulary(start)
    size = before.vocabulary_size
    # The toy has fewer pieces than asked for; the settings count those that were asked for.
    recipe = toy_recipe(310, {"terms": 0.1}, start_from=str(start))
    for _ in range(2):
        prepare(recipe, run, {})
        after = load_vocabulary(run)
        assert after.vocabulary_size == size + 10
        assert [after.control_id(symbol) for symbol in recipe.control_symbols] == list(
            range(size, size + 10)
        )
        for text in ("3 1 4 1 5", "any text: <term> ß"):
            assert after.encode(text) == before.encode(text)
            assert after.decode(after.encode(text)) == text
        assert after.decode([size, *after.encode("3 1"), size + 1]) == "3 1"
    with pytest.raises(RecipeError, match=r"control_symbols \['<term>.*the recipe's has \[\]"):
        prepare(toy_recipe(310, start_from=str(run)), tmp_path / "third", {})


def toy_recipe(
    size: int,
    marks: dict[str, float] | None = None,
    *,
    count: int = 50,
    start_from: str | None = None,
) -> Recipe:
    letters = {"generator": "reversed_letters", "count": count}
    return parse_recipe(
        {
            "name": "toy",
            "task": "translation",
            "directions": [{"source": "en", "target": "de"}],
            "data": {"train": [letters], "dev_fraction": 0.1},
            "vocabulary": {"size": size},
            "marks": marks,
            "training": {"max_steps": 1, "start_from": start_from},
            "card": {"description": "toy", "licence": "none"},
        }
    )
