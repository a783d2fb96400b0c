"""Who translates for `distil`: a bundle, or one run or several whose probabilities are averaged."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from model_export import checkpoint
from model_export.corpus import Line
from model_export.dataset import source_ids, source_prefixes
from model_export.distillation import section_of
from model_export.ensemble import load_ensemble
from model_export.errors import RecipeError
from model_export.recipe import Recipe
from service.bundle.loader import load_verified
from service.bundle.manifest import MANIFEST_NAME, Precision, sha256
from service.cores import usable_cores
from service.decoding.batch import decode
from service.decoding.contract import DecoderModel
from service.decoding.runtime import Device
from service.domain import Direction, SearchOptions
from service.text.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Teacher:
    """A model that translates lines of a corpus, and what it has to be asked in.

    Attributes:
        model: The decoder contract.
        tokenizer: The model's own, which need not be the student's.
        prefixes: Token ids that a source of each direction begins with.
        max_source_tokens: Longest source that it takes, the end mark included.
        digest: Of what it is made of: equal ones say the same.
        workers: Threads that may ask it at the same time, to use all cores.
    """

    model: DecoderModel
    tokenizer: Tokenizer
    prefixes: dict[Direction, tuple[int, ...]]
    max_source_tokens: int
    digest: str
    workers: int

    @classmethod
    def load(cls, recipe: Recipe, precision: Precision) -> Self:
        """The teacher of a recipe with a `distillation` section.

        Args:
            recipe: The student's.
            precision: Graphs that are asked, of a bundle.

        Raises:
            RecipeError: There is no such section, a bundle is not the only teacher, or does not
                translate what the recipe does.
            ExportError, ServiceError: A run or a bundle cannot be loaded; the message says why.
        """
        directories = [Path(each) for each in section_of(recipe).teachers]
        bundles = [each for each in directories if (each / MANIFEST_NAME).is_file()]
        if not bundles:
            return cls._of_runs(recipe, directories)
        if len(directories) > 1:
            raise RecipeError(
                f"distillation.teachers: {bundles[0]} is a bundle, whose probabilities cannot be "
                "averaged with others; name the runs"
            )
        return cls._of_bundle(recipe, directories[0], precision)

    @classmethod
    def _of_bundle(cls, recipe: Recipe, directory: Path, precision: Precision) -> Self:
        bundle = load_verified(directory, Device.CPU, precision, threads=1)
        prefixes = bundle.manifest.prefixes
        for direction in recipe.directions:
            if direction not in prefixes:
                raise RecipeError(f"the teacher {directory} has no direction {direction}")
        return cls(
            model=bundle.model,
            tokenizer=bundle.tokenizer,
            prefixes=prefixes,
            max_source_tokens=bundle.manifest.limits.max_source_tokens,
            digest=f"{bundle.manifest.digest} {precision}",
            workers=usable_cores(),
        )

    @classmethod
    def _of_runs(cls, recipe: Recipe, runs: Sequence[Path]) -> Self:
        model, tokenizer = load_ensemble(runs)
        try:
            prefixes = source_prefixes(recipe, tokenizer)
        except KeyError as error:
            raise RecipeError(f"the vocabulary of {runs[0]} has no {error.args[0]}") from error
        digests = [sha256(run / checkpoint.MODEL_NAME) for run in runs]
        return cls(
            model=model,
            tokenizer=tokenizer,
            prefixes=prefixes,
            max_source_tokens=recipe.limits.max_source_tokens,
            digest=hashlib.sha256("".join(digests).encode()).hexdigest(),
            workers=1,  # PyTorch uses all cores, or a GPU, by itself
        )

    def translate(self, lines: Sequence[Line], search: SearchOptions) -> list[list[str]]:
        """The hypotheses of each line, best first; none for a source that is too long."""
        asked: dict[tuple[int, ...], list[str]] = {}
        keys = [tuple(source_ids(line, self.tokenizer, self.prefixes)) for line in lines]
        for source in keys:
            if len(source) <= self.max_source_tokens:
                asked[source] = []
        # A source that stands there twice, with two targets, is translated once.
        for source, found in zip(asked, decode(self.model, list(asked), search), strict=True):
            asked[source] = [self.tokenizer.decode(each.token_ids) for each in found]
        return [asked.get(source, []) for source in keys]
