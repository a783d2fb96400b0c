"""Recipes: what is wrong with one is said with its file and its key."""

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest

from model_export.errors import RecipeError
from model_export.recipe import load_recipe, parse_recipe

RECIPES = sorted((Path(__file__).parents[2] / "model_export" / "recipes").glob("*.toml"))
TOY = next(path for path in RECIPES if path.stem == "reversed-letters")


def toy() -> dict[str, Any]:
    return tomllib.loads(TOY.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_shipped_recipe_can_be_read(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    # It goes into the manifest as JSON and is a recipe again.
    assert parse_recipe(recipe.model_dump(mode="json")) == recipe


def test_a_recipe_that_extends_another_is_that_one_with_its_changes(tmp_path: Path) -> None:
    base = toy()
    (tmp_path / "base.toml").write_bytes(TOY.read_bytes())
    (tmp_path / "my.toml").write_text(
        'extends = "base.toml"\nname = "my"\n[model]\nattention = "dot"\n'
        '[[data.train]]\ngenerator = "reversed_letters"\ncount = 7\n'
    )
    base["name"] = "my"
    base["model"]["attention"] = "dot"
    base["data"]["train"] = [{"generator": "reversed_letters", "count": 7}]
    assert load_recipe(tmp_path / "my.toml") == parse_recipe(base)


def test_what_a_recipe_adds_stands_behind_what_the_other_has(tmp_path: Path) -> None:
    base = toy()
    (tmp_path / "base.toml").write_bytes(TOY.read_bytes())
    more = [{"generator": "reversed_letters", "count": count} for count in (7, 8)]
    (tmp_path / "my.toml").write_text(
        'extends = "base.toml"\nadd.card.attribution = ["me"]\n'
        '[[add.data.train]]\ngenerator = "reversed_letters"\ncount = 7\n'
        '[[add.data.train]]\ngenerator = "reversed_letters"\ncount = 8\n'
        '[card]\nattribution = ["them"]\n'
    )
    base["data"]["train"] += more
    base["card"]["attribution"] = ["them", "me"]
    assert load_recipe(tmp_path / "my.toml") == parse_recipe(base)


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("add.data.trian = [1]", "add.data.trian: there is no such list to add to"),
        ("add.training.seed = [1]", "add.training.seed: there is no such list to add to"),
        ("add.data.train = 1", "add.data.train: there is no such list to add to"),
        ("add.data = [1]", "add.data: there is no such list to add to"),
        ("add = 1", "add: there is no such list to add to"),
    ],
)
def test_what_cannot_be_added_to_is_named(tmp_path: Path, added: str, message: str) -> None:
    (tmp_path / "base.toml").write_bytes(TOY.read_bytes())
    path = tmp_path / "my.toml"
    path.write_text(f'extends = "base.toml"\n{added}\n')
    with pytest.raises(RecipeError, match=message):
        load_recipe(path)


def test_there_is_nothing_to_add_to_without_another_recipe(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text("add.data.train = []\n" + TOY.read_text("utf-8"))
    with pytest.raises(RecipeError, match="add: Extra inputs are not permitted"):
        load_recipe(path)


@pytest.mark.parametrize(
    ("extended", "message"),
    [
        ("base.toml", "No such file"),
        ("my.toml", "extends: Extra inputs"),
        ("toy.toml", "model.sise: Extra"),
    ],
    ids=["missing", "in a circle", "wrong change"],
)
def test_what_is_wrong_with_an_extension_is_named(
    tmp_path: Path, extended: str, message: str
) -> None:
    (tmp_path / "toy.toml").write_bytes(TOY.read_bytes())
    path = tmp_path / "my.toml"
    path.write_text(f'extends = "{extended}"\nname = "my"\n[model]\nsise = 3\n')
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert str(caught.value).startswith(f"recipe {path}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model.sise", 64, "model.sise: Extra inputs are not permitted"),
        ("vocabulary.size", 10, "vocabulary.size: Input should be greater than or equal to 300"),
        ("training.dropout", 1.0, "training.dropout: Input should be less than 1"),
        ("training.teacher_forcing", {"start": 1.5}, "training.teacher_forcing.start: "),
        ("training.precision", "fp16", "training.precision: "),
        ("model.encoder", "lstm", "model.encoder: "),
        ("model.attention_heads", 5, "model: Value error, size is 64; attention_heads (5) must"),
        ("model.kernel_size", 4, "kernel_size is 4; it must be odd"),
        ("search.length_penalty", -1, "search.length_penalty: "),
        ("search.beam_size", 17, "search.beam_size is 17; limits.max_beam_size is 16"),
        ("search.min_decoding_length", 99, "search.min_decoding_length, 99, and at most"),
        ("search.max_decoding_length", 600, "search.max_decoding_length is 600; it has to"),
        ("training.seed", -1, "training.seed: Input should be greater than or equal to 0"),
        ("directions", [{"source": "en"}], "recipe: Value error, a direction has a target with"),
        ("name", "Two Words", "name: "),
        ("training.max_steps", None, "training.max_steps: Field required"),
        ("card", None, "card: Field required"),
        ("data.train", [], "data.train: "),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, key: str, value: object, message: str) -> None:
    values = copy.deepcopy(toy())
    *sections, last = key.split(".")
    inner = values
    for section in sections:
        inner = inner[section]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    with pytest.raises(RecipeError) as caught:
        parse_recipe(values)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name = ", "Invalid value (at end of document)"),
        (b"name = 1", "name: Input should be a valid string; task: Field required"),
        (b"\xff\xfe", "codec can't decode"),
        (None, "No such file"),
    ],
    ids=["no TOML", "wrong values", "no text", "no file"],
)
def test_the_file_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "my.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert str(caught.value).startswith(f"recipe {path}: ")
    assert message in str(caught.value)


def test_a_corpus_is_two_files_or_one_table() -> None:
    values = toy()
    aligned = {"name": "a", "source": "s", "target": "t", "licence": "l", "origin": "o"}
    for wrong in (
        {**aligned, "tsv": "x"},
        {key: value for key, value in aligned.items() if key != "target"},
        {**aligned, "domains": "d"},
    ):
        values["data"]["train"] = [wrong]
        with pytest.raises(RecipeError, match="corpus 'a' needs"):
            parse_recipe(values)


def test_a_recipe_with_another_seed_is_another_model() -> None:
    first = load_recipe(TOY)
    second = first.with_seed(7)
    assert (second.name, second.training.seed) == ("reversed-letters-seed-7", 7)
    # And nothing else is.
    back = {"name": first.name, "training": first.training}
    assert second.model_copy(update=back) == first
