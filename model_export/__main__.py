"""`python -m model_export COMMAND ...`: from corpora to a bundle that the service serves."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from model_export.errors import ExportError
from model_export.recipe import load_recipe
from service.bundle.manifest import Precision
from service.errors import ServiceError

# The steps of a recipe in their order; `all` leaves out `distil` where nobody teaches.
STEPS = {
    "prepare": "corpora and vocabulary",
    "distil": "the targets of a teacher; resumes where it was killed",
    "train": "resumes where it was killed",
    "export": "ONNX graphs and manifest",
    "verify": "compare with PyTorch",
    "calibrate": "what confidence comes to on dev data",
    "evaluate": "score what is served",
}

logger = logging.getLogger("model_export")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and options.command != "train":
        parser.error(f"several processes can only train; run {options.command} without torchrun")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        if options.command == "spread":
            from model_export.spread import spread_table

            sys.stdout.write(spread_table(options.runs) + "\n")
        else:
            _follow_recipe(options)
    except (ExportError, ServiceError) as error:
        # Some libraries' messages, which ours quote, have many lines.
        logger.error("error: %s", " ".join(str(error).split()))
        return 1
    return 0


def _follow_recipe(options: argparse.Namespace) -> None:
    """Run a command on a recipe."""
    recipe = load_recipe(options.recipe)
    if options.seed is not None:
        recipe = recipe.with_seed(options.seed)
    run = options.run or Path("runs") / recipe.name
    bundle = options.bundle or Path("models") / recipe.name
    run.mkdir(parents=True, exist_ok=True)
    # PyTorch takes seconds to import; --help and a broken recipe need not wait for it.
    from model_export import steps

    match options.command:
        case "average":
            steps.average_step(recipe, run, options.last, options.steps)
        case "ensemble":
            steps.ensemble_step(recipe, run, options.runs)
        case "all":
            for step in STEPS:
                if step != "distil" or recipe.distillation is not None:
                    steps.run_step(step, recipe, run, bundle, options.precision)
        case step:
            steps.run_step(step, recipe, run, bundle, options.precision)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model_export", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for step, does in STEPS.items():
        _add_command(commands, step, does)
    _add_command(commands, "all", "all of these, in this order")
    average = _add_command(
        commands, "average", "model.pt anew, of the kept checkpoints that score best together"
    )
    choice = average.add_mutually_exclusive_group()
    choice.add_argument("--last", type=int, metavar="N", help="of the latest N that are kept")
    choice.add_argument("--steps", type=int, nargs="+", default=(), help="of these updates")
    ensemble = _add_command(commands, "ensemble", "score several runs as one model, in PyTorch")
    ensemble.add_argument(
        "--runs", type=Path, nargs="+", required=True, help="run directories of one vocabulary"
    )
    does = "mean and standard deviation of the scores of several runs, such as seeds"
    spread = commands.add_parser("spread", help=does, description=does)
    spread.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="an evaluated run")
    return parser


def _add_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, does: str
) -> argparse.ArgumentParser:
    """A command on a recipe, with what all of them take."""
    command = commands.add_parser(name, help=does, description=does)
    command.add_argument("recipe", type=Path, help="a TOML file; see model_export/recipes")
    command.add_argument(
        "--seed",
        type=_seed,
        help="instead of the recipe's; the model is then called NAME-seed-SEED, and so are its "
        "directories",
    )
    command.add_argument(
        "--run", type=Path, help="working directory (default: runs/NAME); kept between steps"
    )
    command.add_argument("--bundle", type=Path, help="bundle directory (default: models/NAME)")
    command.add_argument(
        "--precision",
        type=Precision,
        choices=list(Precision),
        default=Precision.INT8,
        help="graphs that `distil`, `calibrate` and `evaluate` ask; what int8 gives, which the CPU "
        "is served with, goes into the manifest",
    )
    return command


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no seed; it is a whole number from 0 on")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
