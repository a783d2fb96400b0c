"""The steps of a recipe, each from the run directory's files to its files.

prepare   corpora            -> data/, vocabulary.spm
distil    data/, teachers    -> distilled.target; of recipes that name a teacher
train     data/              -> model.pt
export    model.pt           -> bundle/ (not yet verified)
verify    bundle/, model.pt  -> bundle/ (verified), or an error with the first difference
calibrate bundle/, data/     -> reliability.svg, and `confidence` in the bundle's manifest
evaluate  bundle/, data/     -> evaluation.json, and the scores in the bundle's manifest

And two commands that are no steps of every recipe:

average   step-N.pt, data/   -> model.pt, of other checkpoints than training chose
ensemble  model.pt of runs   -> the scores of all of them as one model
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from model_export.averaging import average_run
from model_export.bundle import export_bundle
from model_export.calibration import calibrate_bundle, record_confidence
from model_export.card import write_card
from model_export.dataset import load_pairs
from model_export.distillation import distil
from model_export.ensemble import load_ensemble
from model_export.evaluation import evaluate_bundle, record_scores
from model_export.model.seq2seq import Seq2Seq
from model_export.preparation import prepare
from model_export.processes import join_processes
from model_export.recipe import Recipe
from model_export.scoring import dev_scorer, score_corpora
from model_export.teacher import Teacher
from model_export.training import Trainer
from model_export.verification import verify_bundle
from model_export.vocabulary import load_vocabulary
from service.bundle.loader import load_verified
from service.bundle.manifest import Manifest, Precision
from service.decoding.runtime import Device

logger = logging.getLogger(__name__)


def run_step(step: str, recipe: Recipe, run: Path, bundle: Path, precision: Precision) -> None:
    """Run one step by its name.

    Args:
        step: One of the names above.
        recipe: What is made.
        run: Working directory; exists.
        bundle: Bundle directory.
        precision: Graphs that `distil`, `calibrate` and `evaluate` ask.
    """
    match step:
        case "prepare":
            report = prepare(recipe, run)
            for split, totals in report.totals.items():
                logger.info("%s: %d pairs", split, totals.pairs)
        case "distil":
            _distil_step(recipe, run, precision)
        case "train":
            train_step(recipe, run)
        case "export":
            manifest = export_bundle(recipe, run, bundle)
            logger.info("exported %s to %s", manifest.name, bundle)
        case "verify":
            verify_bundle(recipe, run, bundle)
            write_card(Manifest.read(bundle), bundle)
        case "calibrate":
            _calibrate_step(run, bundle, precision)
        case "evaluate":
            _evaluate_step(run, bundle, precision)
        case _:
            raise ValueError(f"no step is called {step!r}")


def _distil_step(recipe: Recipe, run: Path, precision: Precision) -> None:
    teacher = Teacher.load(recipe, precision)
    distil(recipe, run, teacher.translate, teacher=teacher.digest, workers=teacher.workers)


def _calibrate_step(run: Path, bundle: Path, precision: Precision) -> None:
    loaded = load_verified(bundle, Device.CPU, precision, threads=1)
    confidence = calibrate_bundle(run, loaded)
    if precision is Precision.INT8:
        write_card(record_confidence(loaded.manifest, confidence, bundle), bundle)


def _evaluate_step(run: Path, bundle: Path, precision: Precision) -> None:
    loaded = load_verified(bundle, Device.CPU, precision, threads=1)
    scores = evaluate_bundle(run, loaded)
    if precision is Precision.INT8:
        write_card(record_scores(loaded.manifest, scores, bundle), bundle)


def train_step(recipe: Recipe, run: Path) -> None:
    """Train on the prepared data; resumes."""
    tokenizer = load_vocabulary(run)
    with join_processes() as process:
        pairs = load_pairs(recipe, run, tokenizer)
        if process.leads:
            logger.info("training on %d pairs in %s", len(pairs), run)
        progress = Trainer(
            recipe,
            run,
            pairs,
            tokenizer,
            process=process,
            score_dev=dev_scorer(recipe, run, tokenizer),
        ).run()
        if process.leads:
            logger.info(
                "trained %d steps in %.0f s; best dev score %.2f",
                progress.step,
                progress.seconds,
                progress.best_score,
            )


def average_step(recipe: Recipe, run: Path, last: int | None, steps: Sequence[int]) -> None:
    """Average kept checkpoints into `model.pt`; see `average_run`."""
    tokenizer = load_vocabulary(run)
    network = Seq2Seq.of_vocabulary(recipe.model, tokenizer)
    average_run(run, network, dev_scorer(recipe, run, tokenizer), last=last, steps=steps)


def ensemble_step(recipe: Recipe, run: Path, members: Sequence[Path]) -> None:
    """Score runs of one vocabulary as one model on the dev and test corpora of `run`."""
    model, tokenizer = load_ensemble(members)
    for corpus, scores in score_corpora(recipe, run, model, tokenizer):
        for score in scores:
            logger.info("%s: %s", corpus, score)
