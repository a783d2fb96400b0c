"""What has to be documented is: every key of a manifest and of a recipe, every shipped recipe."""

import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from model_export.config import Recipe, parse_recipe
from service.bundle.golden import GoldenCase
from service.bundle.manifest import Manifest
from tests.docs.pages import ROOT, blocks, code_words

BUNDLE = ROOT / "docs" / "bundle.md"
TRAINING = ROOT / "docs" / "training.md"


def keys_of(kind: Any) -> Iterator[str]:
    """The keys of a model and of all models inside it."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            yield name
            yield from keys_of(field.annotation)
    elif isinstance(kind, type) and is_dataclass(kind):
        yield from (field.name for field in fields(kind))
    elif isinstance(kind, UnionType) or get_args(kind):
        for part in get_args(kind):
            yield from keys_of(part)


@pytest.mark.parametrize("key", sorted({*keys_of(Manifest), *keys_of(GoldenCase)}))
def test_every_key_of_a_bundle_is_explained(key: str) -> None:
    assert key in code_words(BUNDLE)


@pytest.mark.parametrize("key", sorted(set(keys_of(Recipe))))
def test_every_key_of_a_recipe_is_explained(key: str) -> None:
    words = {part for word in code_words(TRAINING) for part in word.split(".")}
    # Sections are headings, and the ends of a schedule stand in their example.
    sections = {name for name in Recipe.model_fields if f"### `[{name}]`" in TRAINING.read_text()}
    examples = {name for block in blocks("toml") for name in keys_in(tomllib.loads(block.text))}
    titles = {word.strip("[]") for word in code_words(TRAINING) if word.startswith("[")}
    generated = {word.partition(" = ")[0] for word in code_words(TRAINING)}
    assert key in words | sections | examples | titles | generated


def keys_in(values: Any) -> Iterator[str]:
    if isinstance(values, dict):
        for name, value in values.items():
            yield name
            yield from keys_in(value)
    elif isinstance(values, list):
        for value in values:
            yield from keys_in(value)


def test_the_first_recipe_of_the_page_is_complete() -> None:
    first, *_ = (block for block in blocks("toml") if block.page == TRAINING)
    recipe = parse_recipe(tomllib.loads(first.text))
    assert recipe.name == "my-en-de"


def test_every_recipe_that_is_shipped_is_listed() -> None:
    listed = {word for word in code_words(TRAINING) if word.endswith(".toml")}
    assert listed == {path.name for path in (ROOT / "model_export" / "recipes").glob("*.toml")}
