"""The steps of a recipe, each from the run directory's files to its files.

prepare   corpora            -> data/, vocabulary.spm
train     data/              -> model.pt
export    model.pt           -> bundle/ (not yet verified)
verify    bundle/, model.pt  -> bundle/ (verified), or an error with the first difference
calibrate bundle/, data/     -> reliability.svg, and `confidence` in the bundle's manifest
evaluate  bundle/, data/     -> evaluation.json, and the scores in the bundle's manifest
"""

import logging
from collections.abc import Callable
from pathlib import Path

from model_export.bundle import export_bundle
from model_export.calibration import calibrate_bundle, record_confidence
from model_export.card import write_card
from model_export.config import Recipe
from model_export.corpus import Split, read_split
from model_export.dataset import load_pairs, source_prefixes
from model_export.evaluation import evaluate_bundle, record_scores
from model_export.metrics import bleu, rouge
from model_export.model.search import TorchDecoder
from model_export.model.seq2seq import Seq2Seq
from model_export.preparation import prepare
from model_export.training import Process, join_processes, train
from model_export.verification import verify_bundle
from model_export.vocabulary import load_vocabulary
from service.bundle.loader import load_verified
from service.bundle.manifest import Manifest, Precision
from service.decoding.batch import decode
from service.decoding.runtime import Device
from service.domain import SearchOptions, Task
from service.text.tokenizer import Tokenizer

logger = logging.getLogger(__name__)


def run_step(step: str, recipe: Recipe, run: Path, bundle: Path, precision: Precision) -> None:
    """Run one step by its name.

    Args:
        step: One of the names above.
        recipe: What is made.
        run: Working directory; exists.
        bundle: Bundle directory.
        precision: Graphs that `calibrate` and `evaluate` ask.
    """
    match step:
        case "prepare":
            report = prepare(recipe, run)
            for split, totals in report.totals.items():
                logger.info("%s: %d pairs", split, totals.pairs)
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
        progress = train(
            recipe,
            run,
            pairs,
            tokenizer,
            process=process,
            score_dev=_dev_scorer(recipe, run, tokenizer, process),
        )
        if process.leads:
            logger.info(
                "trained %d steps in %.0f s; best dev score %.2f",
                progress.step,
                progress.seconds,
                progress.best_score,
            )


def _dev_scorer(
    recipe: Recipe, run: Path, tokenizer: Tokenizer, process: Process
) -> Callable[[Seq2Seq], float]:
    """Greedy decoding of evenly spaced dev sentences: BLEU, or the mean of ROUGE-1, 2 and L."""
    count = recipe.training.evaluate_sentences if process.leads else 0
    lines = list(read_split(run, Split.DEV))
    dev = lines[:: max(1, len(lines) // count)][:count] if count else []
    prefixes = source_prefixes(recipe, tokenizer)
    sources = [
        [*prefixes[line.direction], *tokenizer.encode(line.source), tokenizer.end_id]
        for line in dev
    ]
    references = [line.target for line in dev]
    longest = max((len(tokenizer.encode(target)) for target in references), default=0)
    greedy = SearchOptions(
        beam_size=1,
        num_hypotheses=1,
        length_penalty=recipe.search.length_penalty,
        min_decoding_length=1,
        max_decoding_length=longest + 10,
    )

    def score(network: Seq2Seq) -> float:
        model = TorchDecoder(network, start_id=tokenizer.start_id, end_id=tokenizer.end_id)
        outputs = [
            tokenizer.decode(hypotheses[0].token_ids)
            for hypotheses in decode(model, sources, greedy)
        ]
        if recipe.task is Task.TRANSLATION:
            return bleu(outputs, references).value
        scores = rouge(outputs, references)
        return (scores.rouge1.value + scores.rouge2.value + scores.rouge_l.value) / 3

    return score
