"""A trained model of the ablation: what its run left behind, and its speed in CPU time."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.interleave import Contestant
from benchmarks.peers.engine_peer import forced_length
from model_export import checkpoint
from model_export.checkpoint import MODEL_NAME
from model_export.corpus import Split, read_report, read_split
from model_export.dataset import Batch
from model_export.model.seq2seq import Seq2Seq
from model_export.recipe import Recipe, parse_recipe
from model_export.vocabulary import MODEL_NAME as VOCABULARY
from service.bundle.loader import Bundle, load_verified
from service.bundle.manifest import Precision
from service.decoding.batch import decode
from service.decoding.runtime import Device
from service.domain import SearchOptions


@dataclass(frozen=True, slots=True)
class Trained:
    """One row.

    Attributes:
        name: Of the recipe.
        run: Its run directory.
        recipe: What it was made by.
        bundle: Its int8 graphs.
        prepared: Digests of its data and vocabulary.
        training_pairs: Pairs it was trained on.
        sources, references, outputs: Of the test set, aligned; outputs as `evaluate` wrote them.
        seconds: Wall time of its training.
        parameters: Trained numbers.
    """

    name: str
    run: Path
    recipe: Recipe
    bundle: Bundle
    prepared: tuple[str, ...]
    training_pairs: int
    sources: list[str]
    references: list[str]
    outputs: list[str]
    seconds: float
    parameters: int

    @property
    def search(self) -> SearchOptions:
        """The search that it is served with."""
        search = self.bundle.manifest.search
        return SearchOptions(
            beam_size=search.beam_size,
            num_hypotheses=1,
            length_penalty=search.length_penalty,
            min_decoding_length=search.min_decoding_length,
            max_decoding_length=search.max_decoding_length,
        )


def load_row(runs: Path, name: str) -> Trained:
    """The row that was trained in RUNS/NAME, with its bundle in RUNS/NAME/bundle.

    Raises:
        ExportError: The run is not finished.
        ServiceError: The bundle cannot be loaded.
    """
    run = runs / name
    bundle = load_verified(run / "bundle", Device.CPU, Precision.INT8, threads=1)
    recipe = parse_recipe(bundle.manifest.recipe)
    report = read_report(run)
    test = list(read_split(run, Split.TEST))
    written = run / "outputs" / f"{recipe.data.test[0].name}.{Precision.INT8}.txt"
    trained = checkpoint.load(run / MODEL_NAME)
    return Trained(
        name=name,
        run=run,
        recipe=recipe,
        bundle=bundle,
        prepared=(*report.outputs.values(), bundle.manifest.files[VOCABULARY]),
        training_pairs=report.totals[Split.TRAIN].pairs,
        sources=[line.source for line in test],
        references=[line.target for line in test],
        outputs=written.read_text("utf-8").split("\n")[:-1],
        seconds=trained["progress"]["seconds"],
        parameters=sum(tensor.numel() for tensor in trained["network"].values()),
    )


def learner(row: Trained, batches: Sequence[Batch]) -> Contestant:
    """Trains on `batches`, again and again; its figure is target tokens a CPU second."""
    recipe, tokenizer = row.recipe, row.bundle.tokenizer
    config = recipe.training
    network = Seq2Seq.of_vocabulary(
        recipe.model, tokenizer, dropout=config.dropout, word_dropout=config.word_dropout
    ).train()
    forcing = config.teacher_forcing.ratio(config.max_steps // 2)

    def run() -> float:
        began_s = time.process_time()
        for batch in batches:
            with torch.autocast("cpu", torch.bfloat16, enabled=config.precision == "bf16"):
                cost = network(
                    batch.source,
                    batch.lengths,
                    batch.inputs,
                    batch.targets,
                    label_smoothing=config.label_smoothing,
                    teacher_forcing=forcing,
                )
            cost.backward()
        tokens = sum(batch.target_tokens for batch in batches)
        return tokens / (time.process_time() - began_s)

    return Contestant(row.name, run)


def decoder(row: Trained, sources: Sequence[Sequence[int]], tokens: int) -> Contestant:
    """Decodes `sources`, `tokens` steps each; its figure is sentences a CPU second."""
    options = forced_length(row.search.beam_size, tokens)

    def run() -> float:
        began_s = time.process_time()
        decode(row.bundle.model, sources, options)
        return len(sources) / (time.process_time() - began_s)

    return Contestant(row.name, run)
