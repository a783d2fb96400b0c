"""A verified bundle of a network with loud random weights, made without training."""

from pathlib import Path

from model_export import checkpoint
from model_export.bundle import export_bundle
from model_export.preparation import prepare
from model_export.recipe import Recipe, parse_recipe
from model_export.verification import verify_bundle
from model_export.vocabulary import load_vocabulary
from tests.networks import loud_network, tiny_config

RECIPE: Recipe = parse_recipe(
    {
        "name": "tiny",
        "task": "translation",
        "directions": [{"source": "en", "target": "de"}],
        "data": {
            "train": [{"generator": "reversed_letters", "count": 200, "max_letters": 12}],
            "dev_fraction": 0.2,
        },
        "vocabulary": {"size": 300},
        "model": tiny_config(size=32).model_dump(mode="json"),
        "training": {"max_steps": 1},
        "search": {"beam_size": 3, "max_decoding_length": 12},
        "limits": {"max_source_tokens": 40, "max_target_tokens": 16, "max_beam_size": 8},
        "card": {"description": "Knows nothing.", "licence": "CC0", "attribution": ["nobody"]},
    }
)


def prepare_run(run: Path) -> None:
    """Data, vocabulary and a `model.pt` as training leaves them."""
    run.mkdir(exist_ok=True)
    prepare(RECIPE, run, {})
    vocabulary = load_vocabulary(run)
    network = loud_network(RECIPE.model, vocabulary_size=vocabulary.vocabulary_size, seed=5)
    checkpoint.write_model(run, network.config, network.state_dict(), checkpoint.Progress())


def make_bundle(run: Path, bundle: Path) -> None:
    """Export and verify what `prepare_run` left."""
    export_bundle(RECIPE, run, bundle)
    verify_bundle(RECIPE, run, bundle)
