"""What has to be documented is: every key of a manifest and of a recipe, every shipped recipe."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from model_export.recipe import Recipe, parse_recipe
from service.bundle.golden import GoldenCase
from service.bundle.manifest import Manifest
from tests.docs.pages import ROOT, blocks, code_words, explained

BUNDLE = ROOT / "docs" / "bundle.md"
TRAINING = ROOT / "docs" / "training.md"


def keys_of(kind: Any) -> Iterator[str]:
    """The keys of a model and of all models inside it."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            yield field.alias or name
            yield from keys_of(field.annotation)
    elif isinstance(kind, type) and is_dataclass(kind):
        yield from (field.name for field in fields(kind))
    elif isinstance(kind, UnionType) or get_args(kind):
        for part in get_args(kind):
            yield from keys_of(part)


@pytest.mark.parametrize("key", sorted(set(keys_of(Manifest))))
def test_every_key_of_a_manifest_is_explained(key: str) -> None:
    # Sections of few keys are explained in one row, that of the section.
    section_of = {
        inner: outer
        for outer in ("special_ids", "signature", "limits", "search", "graphs")
        for inner in keys_of(Manifest.model_fields[outer].annotation)
    }
    assert key in explained(BUNDLE) or (key in section_of and key in code_words(BUNDLE))


@pytest.mark.parametrize("key", [field.name for field in fields(GoldenCase)])
def test_every_key_of_a_golden_case_is_named(key: str) -> None:
    assert key in code_words(BUNDLE)


@pytest.mark.parametrize("key", sorted(set(keys_of(Recipe))))
def test_every_key_of_a_recipe_is_explained(key: str) -> None:
    rows = {word.rpartition(".")[2] for word in explained(TRAINING)}
    text = TRAINING.read_text("utf-8")
    headings = {name for name in Recipe.model_fields if re.search(rf"(?m)^###.*`\[{name}\]`", text)}
    # The schedule of teacher forcing is explained by its example.
    examples = {name for block in blocks("toml") for name in keys_in(tomllib.loads(block.text))}
    assert key in rows | headings | examples


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
