"""`python -m model_export STEP RECIPE`: from corpora to a bundle that the service serves."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from model_export.config import load_recipe
from model_export.errors import ExportError
from service.bundle.manifest import Precision
from service.errors import ServiceError

STEPS = ("prepare", "train", "export", "verify", "calibrate", "evaluate")

logger = logging.getLogger("model_export")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step or all; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and options.step != "train":
        parser.error(f"several processes can only train; run {options.step} without torchrun")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        recipe = load_recipe(options.recipe)
        if options.seed is not None:
            recipe = recipe.with_seed(options.seed)
        run = options.run or Path("runs") / recipe.name
        bundle = options.bundle or Path("models") / recipe.name
        run.mkdir(parents=True, exist_ok=True)
        # PyTorch takes seconds to import; --help and a broken recipe need not wait for it.
        from model_export.steps import run_step

        for step in STEPS if options.step == "all" else (options.step,):
            run_step(step, recipe, run, bundle, options.precision)
    except (ExportError, ServiceError) as error:
        # Some libraries' messages, which ours quote, have many lines.
        logger.error("error: %s", " ".join(str(error).split()))
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model_export", description=__doc__)
    parser.add_argument(
        "step",
        choices=(*STEPS, "all"),
        help="prepare: corpora and vocabulary; train: resumes where it was killed; export: ONNX "
        "graphs and manifest; verify: compare with PyTorch; calibrate: what confidence comes to on "
        "dev data; evaluate: score what is served",
    )
    parser.add_argument("recipe", type=Path, help="a TOML file; see model_export/recipes")
    parser.add_argument(
        "--seed",
        type=int,
        help="instead of the recipe's; the model is then called NAME-seed-SEED, and so are its "
        "directories",
    )
    parser.add_argument(
        "--run", type=Path, help="working directory (default: runs/NAME); kept between steps"
    )
    parser.add_argument("--bundle", type=Path, help="bundle directory (default: models/NAME)")
    parser.add_argument(
        "--precision",
        type=Precision,
        choices=list(Precision),
        default=Precision.INT8,
        help="graphs that `calibrate` and `evaluate` ask; what int8 gives, which the CPU is "
        "served with, goes into the manifest",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
