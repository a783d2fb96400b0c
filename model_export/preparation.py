"""The `prepare` step: a recipe's corpora and vocabulary, in its run directory."""

import os
from collections.abc import Mapping
from pathlib import Path

from model_export.corpus import CorpusReport, prepare_corpus
from model_export.recipe import Recipe
from model_export.vocabulary import copy_vocabulary, prepare_vocabulary


def prepare(recipe: Recipe, run: Path, environment: Mapping[str, str] = os.environ) -> CorpusReport:
    """Make `data/`, corpus.json and vocabulary.spm; what is already there and true stays.

    Raises:
        RecipeError: A path or the vocabulary's size cannot be met, or the run to start from has
            another vocabulary.
        CorpusError: A corpus is missing or broken; the message names file and line. Or the run
            to start from is not prepared.
    """
    report = prepare_corpus(recipe.data, recipe.directions, run, environment)
    start = recipe.training.start_from
    if start is None:
        prepare_vocabulary(recipe.vocabulary, recipe.control_symbols, run)
    else:
        copy_vocabulary(Path(start), recipe.vocabulary, recipe.control_symbols, run)
    return report
