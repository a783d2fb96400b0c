"""Training recipes: TOML that says everything that decides what a model becomes.

That is its data, vocabulary, architecture, optimisation and default search; the sections are in
`model_export.config`. A recipe is copied into the bundle it made.
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from model_export.config import (
    Card,
    CorpusConfig,
    DataConfig,
    DistillationConfig,
    LimitsConfig,
    MarksConfig,
    ModelConfig,
    SearchConfig,
    Section,
    ShortlistConfig,
    TrainingConfig,
    VocabularyConfig,
)
from model_export.errors import RecipeError
from service.domain import Direction, Task

# Control symbols of a vocabulary whose model obeys marks.
TERM_BEGIN, TERM_END = "<term>", "</term>"
PLACEHOLDERS = tuple(f"<x{number}>" for number in range(1, 9))


class Recipe(Section):
    """One model, from data to bundle."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    version: str = "1"
    task: Task
    directions: tuple[Direction, ...] = Field(min_length=1)
    """What the model does; with several target languages each source begins with a mark that
    names its own (Johnson et al. 2017)."""
    data: DataConfig
    vocabulary: VocabularyConfig
    marks: MarksConfig | None = None
    """None: the model knows no marks."""
    model: ModelConfig = ModelConfig()
    training: TrainingConfig
    distillation: DistillationConfig | None = None
    """None: targets are the corpus's."""
    search: SearchConfig = SearchConfig()
    shortlist: ShortlistConfig = ShortlistConfig()
    limits: LimitsConfig = LimitsConfig()
    card: Card

    @model_validator(mode="after")
    def _directions_fit(self) -> "Recipe":
        for direction in self.directions:
            if any(character.isspace() for character in str(direction).replace(" ", "", 1)):
                raise ValueError(f"direction {direction} has white space in a language code")
            if (self.task is Task.TRANSLATION) != (direction.target is not None):
                raise ValueError("a direction has a target with task = 'translation' only")
        if len(set(self.directions)) < len(self.directions):
            raise ValueError("directions has one of them twice")
        for corpus in (*self.data.train, *self.data.dev, *self.data.test):
            if direction_of(corpus, self.directions) not in self.directions:
                raise ValueError(f"corpus {corpus.name!r} has a direction that the recipe has not")
        return self

    @model_validator(mode="after")
    def _one_cost(self) -> "Recipe":
        if self.model.copies and self.training.r_drop:
            raise ValueError("r_drop compares what is generated; it cannot be had with copy = true")
        return self

    @model_validator(mode="after")
    def _served_defaults_are_allowed(self) -> "Recipe":
        search, limits = self.search, self.limits
        if search.beam_size > limits.max_beam_size:
            raise ValueError(
                f"search.beam_size is {search.beam_size}; limits.max_beam_size is "
                f"{limits.max_beam_size}"
            )
        if not search.min_decoding_length <= search.max_decoding_length <= limits.max_target_tokens:
            raise ValueError(
                f"search.max_decoding_length is {search.max_decoding_length}; it has to be at "
                f"least search.min_decoding_length, {search.min_decoding_length}, and at most "
                f"limits.max_target_tokens, {limits.max_target_tokens}"
            )
        return self

    def with_seed(self, seed: int) -> "Recipe":
        """The same recipe with another seed, at least 0, under a name of its own."""
        training = self.training.model_copy(update={"seed": seed})
        return self.model_copy(update={"name": f"{self.name}-seed-{seed}", "training": training})

    @property
    def target_marks(self) -> dict[str, str]:
        """The control symbol of each target language; {} when there is only one."""
        targets = dict.fromkeys(each.target for each in self.directions if each.target)
        return {target: f"<2{target}>" for target in targets} if len(targets) > 1 else {}

    @property
    def control_symbols(self) -> tuple[str, ...]:
        """Pieces of the vocabulary that no text is encoded to."""
        marks = () if self.marks is None else (TERM_BEGIN, TERM_END, *PLACEHOLDERS)
        return (*self.target_marks.values(), *marks)


def direction_of(corpus: CorpusConfig, directions: Sequence[Direction]) -> Direction:
    """The direction of a corpus's pairs, of a recipe with `directions`.

    Raises:
        ValueError: The corpus says none and the recipe has several.
    """
    if corpus.direction is not None:
        return corpus.direction
    if len(directions) > 1:
        raise ValueError(f"corpus {corpus.name!r} has to say its direction: there are several")
    return directions[0]


def load_recipe(path: Path) -> Recipe:
    """Read a recipe; one that `extends` another says only what it changes and what it adds.

    Raises:
        RecipeError: The file or the one that it extends cannot be read, is not TOML, or a key is
            missing, unknown or out of range; the message names the file and each key.
    """
    try:
        values = _read_toml(path)
        if "extends" in values:
            # What the other extends would be an unknown key: one step is plain, several are a maze.
            base = _read_toml(path.parent / str(values.pop("extends")))
            added = values.pop("add", {})
            values = _added(_changed(base, values), added)
        return parse_recipe(values)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecipeError) as error:
        raise RecipeError(f"recipe {path}: {error}") from error


def parse_recipe(values: dict[str, Any]) -> Recipe:
    """A recipe from the plain values of a TOML document, or `RecipeError`."""
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'recipe'}: {item['msg']}"
            for item in error.errors()
        )
        raise RecipeError(problems) from error


def _read_toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _changed(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with `changes` put over it: tables key by key, all else (lists, too) as a whole."""
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _changed(base[key], value) if both else value
    return merged


def _added(own: Any, more: Any, path: str = "add") -> Any:
    """`own` with the items of `more` behind those of its own: tables key by key, lists joined.

    Raises:
        RecipeError: They are not both tables or both lists; the message has their `path`.
    """
    match own, more:
        case dict(), dict():
            grown = {key: _added(own.get(key), each, f"{path}.{key}") for key, each in more.items()}
            return own | grown
        case list(), list():
            return own + more
    raise RecipeError(f"{path}: there is no such list to add to")
