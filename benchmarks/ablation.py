"""What attention is worth, and the other choices: `python -m benchmarks.ablation`.

Compares the models that the recipes in `model_export/recipes/results/` make; each is trained,
exported and scored by `python -m model_export all` with its run in RUNS/NAME and its bundle in
RUNS/NAME/bundle. Quality is read from what `evaluate` left there. Speed is measured here, in CPU
time, all models in turn, so that a busy machine wrongs nobody; compare its ratios. Draws
results-length.svg and results-attention.svg.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

import torch

from benchmarks.heat_map import heat_map
from benchmarks.interleave import Spread, interleave, ratio
from benchmarks.length_plot import Curve, Point, length_plot
from benchmarks.report import Report, Row
from benchmarks.resampling import Interval, intervals
from benchmarks.rows import Trained, decoder, learner, load_row
from model_export.config import TeacherForcing
from model_export.dataset import batch_plan, collate, load_pairs
from model_export.metrics import multi30k_bleu, positions_by_length
from model_export.recipe import Recipe
from service.decoding.batch import decode
from service.domain import DecodedHypothesis

BASE = "results-general"
ROWS = (
    "results-none",
    "results-dot",
    BASE,
    "results-additive",
    "results-conv",
    "results-self-attention",
    "results-scheduled",
    "results-free-running",
)

# BLEU of fewer sentences says nothing.
LEAST_SENTENCES = 30
# Of each model, in each round.
_TRAINING_BATCHES = 4
_DECODED_SENTENCES = 64

# Of nobody's corpus.
SENTENCE = "A man in a blue shirt is trying to catch a ball."


def main() -> int:
    """Compare, print three tables, write their files, draw two pictures."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ablation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="holds a run for each row")
    parser.add_argument("--rows", nargs="+", default=ROWS, metavar="NAME", help="else all of them")
    parser.add_argument("--rounds", type=int, default=5, help="turns of everybody at speed")
    parser.add_argument("--pictures", type=Path, default=Path("docs"))
    arguments = parser.parse_args()
    if BASE not in arguments.rows:
        parser.error(f"the others are compared with {BASE}; name it, too")
    torch.set_num_threads(1)
    rows = {name: load_row(arguments.runs, name) for name in arguments.rows}
    base = rows[BASE]
    if any(row.prepared != base.prepared for row in rows.values()):
        parser.error("the runs differ in data or vocabulary")
    outputs = {name: row.outputs for name, row in rows.items()}
    found = intervals(outputs, base.references, BASE)
    by_length = {
        bucket: intervals(
            {name: [texts[i] for i in inside] for name, texts in outputs.items()},
            [base.references[i] for i in inside],
            BASE,
        )
        for bucket, inside in positions_by_length(base.sources).items()
        if len(inside) >= LEAST_SENTENCES
    }
    quality(rows, found, by_length).publish()
    cost(rows, *speeds(rows, arguments.rounds)).publish()
    answers(rows, SENTENCE).publish()
    words = {
        bucket: fmean(len(base.sources[i].split()) for i in inside)
        for bucket, inside in positions_by_length(base.sources).items()
    }
    points = {
        name: [
            Point(words[bucket], each[name].bleu, *each[name].ends)
            for bucket, each in by_length.items()
        ]
        for name in rows
    }
    (arguments.pictures / "results-length.svg").write_text(
        length_plot(panels(rows, points)), encoding="utf-8"
    )
    (arguments.pictures / "results-attention.svg").write_text(
        attention_picture(base, SENTENCE), encoding="utf-8"
    )
    return 0


def fed(forcing: TeacherForcing) -> str:
    """How often the decoder is fed the reference, in training."""
    ends = dict.fromkeys(f"{share:.0%}" for share in (forcing.start, forcing.end))
    return " to ".join(ends).replace("%", " %")


def panels(
    rows: Mapping[str, Trained], points: Mapping[str, Sequence[Point]]
) -> list[tuple[str, list[Curve]]]:
    """A panel for each kind of difference that there is; the base is in all, and nowhere alone."""
    names: dict[Callable[[Recipe], str], tuple[str, list[str]]] = {
        _attention: ("Attention", [BASE]),
        _encoder: ("Encoder", [BASE]),
        _feeding: ("Fed the reference", [BASE]),
    }
    base = rows[BASE].recipe
    for name, row in rows.items():
        if name != BASE:
            [(_, kind)] = [of for said, of in names.items() if said(row.recipe) != said(base)]
            kind.append(name)
    return [
        (title, [Curve(said(rows[name].recipe), points[name]) for name in drawn])
        for said, (title, drawn) in names.items()
        if len(drawn) > 1
    ]


def _attention(recipe: Recipe) -> str:
    return str(recipe.model.attention)


def _encoder(recipe: Recipe) -> str:
    return recipe.model.encoder.replace("_", "-")


def _feeding(recipe: Recipe) -> str:
    return fed(recipe.training.teacher_forcing)


def answers(rows: Mapping[str, Trained], sentence: str) -> Report:
    """What each model makes of one sentence."""
    found: list[Row] = [
        {"row": name, "answer": row.bundle.tokenizer.decode(_best(row, sentence).token_ids)}
        for name, row in rows.items()
    ]
    return Report("ablation-answers", sentence, {}, found)


def _best(row: Trained, sentence: str) -> DecodedHypothesis:
    source = [*row.bundle.tokenizer.encode(sentence), row.bundle.tokenizer.end_id]
    ((best, *_),) = decode(row.bundle.model, [source], row.search)
    return best


def attention_picture(row: Trained, sentence: str) -> str:
    """The heat map of a model's best answer."""
    best = _best(row, sentence)
    assert best.attention is not None, f"{row.name} has no attention"
    tokenizer = row.bundle.tokenizer
    pieces = [*tokenizer.pieces(tokenizer.encode(sentence)), "(end)"]
    return heat_map(best.attention, _shown(pieces), _shown(tokenizer.pieces(best.token_ids)))


def _shown(pieces: Sequence[str]) -> list[str]:
    """Pieces with a hyphen where they go on with a word."""
    return [
        piece[1:] if piece.startswith("\u2581") else f"-{piece}" if piece[0].isalpha() else piece
        for piece in pieces
    ]


Bucket = tuple[int, int | None]


def quality(
    rows: Mapping[str, Trained],
    found: Mapping[str, Interval],
    by_length: Mapping[Bucket, Mapping[str, Interval]],
) -> Report:
    """The table of what the models are worth.

    Args:
        rows: The models.
        found: Their BLEU on the whole test set.
        by_length: The same on the sentences of each length.
    """
    base = rows[BASE]
    target = base.recipe.directions[0].target
    assert target is not None, "they translate"
    return Report(
        "ablation",
        "BLEU, and BLEU by words of the source",
        _settings(base),
        [
            {
                **_columns(row),
                "BLEU": round(found[name].bleu, 1),
                "+-": round(found[name].reach, 1),
                "p": found[name].p_value,
                "multi-bleu": round(multi30k_bleu(row.outputs, row.references, target).value, 1),
                **{
                    f"{at_least}-{at_most or ''}": round(each[name].bleu, 1)
                    for (at_least, at_most), each in by_length.items()
                },
            }
            for name, row in rows.items()
        ],
        [
            "+-: 95 % of 1,000 resamplings of the test sentences",
            f"p: of a difference from {BASE} as large by chance, paired bootstrap",
            f"test sentences by length: {_counts(base)}",
        ],
    )


def _counts(base: Trained) -> str:
    buckets = positions_by_length(base.sources)
    return ", ".join(f"{first}-{last or ''}: {len(at)}" for (first, last), at in buckets.items())


def speeds(rows: Mapping[str, Trained], rounds: int) -> tuple[dict[str, Spread], dict[str, Spread]]:
    """Target tokens a CPU second in training, and sentences a CPU second in decoding."""
    base = rows[BASE]
    tokenizer, config = base.bundle.tokenizer, base.recipe.training
    pairs = load_pairs(base.recipe, base.run, tokenizer).epoch(0)
    plan = batch_plan(pairs, config.batch_tokens, config.seed, epoch=0)
    batches = [collate(pairs, positions, tokenizer) for positions in plan[:_TRAINING_BATCHES]]
    sources = [
        [*tokenizer.encode(line), tokenizer.end_id] for line in base.sources[:_DECODED_SENTENCES]
    ]
    tokens = 1 + round(fmean(len(tokenizer.encode(line)) for line in base.references))
    learners = [learner(row, batches) for row in rows.values()]
    decoders = [decoder(row, sources, tokens) for row in rows.values()]
    for each in (*learners, *decoders):
        each.run()  # pays for memory and caches
    return interleave(learners, rounds), interleave(decoders, rounds)


def cost(
    rows: Mapping[str, Trained], training: Mapping[str, Spread], decoding: Mapping[str, Spread]
) -> Report:
    """The table of what they take, of figures from `speeds`."""
    return Report(
        "ablation-cost",
        "What it costs to train and to decode with",
        _settings(rows[BASE]),
        [
            {
                **_columns(row),
                "parameters": row.parameters,
                "trained s": round(row.seconds),
                "training x": ratio(training, name, BASE),
                "decoding x": ratio(decoding, name, BASE),
            }
            for name, row in rows.items()
        ],
        [
            "trained s: wall time of the training run, with whatever else the machine did",
            f"x: speed in CPU time as a multiple of {BASE}'s",
            "training: forward and backward passes over the same batches",
            "decoding: int8 graphs, one batch, equally many steps for all",
        ],
        [
            {"row": name, "round": number, "measure": measure, "per CPU s": sample}
            for measure, spreads in (("tokens trained", training), ("sentences decoded", decoding))
            for name, spread in spreads.items()
            for number, sample in enumerate(spread.samples, 1)
        ],
    )


def _columns(row: Trained) -> Row:
    model = row.recipe.model
    return {
        "row": row.name,
        "encoder": str(model.encoder),
        "attention": str(model.attention),
        "fed the reference": fed(row.recipe.training.teacher_forcing),
    }


def _settings(base: Trained) -> Row:
    recipe = base.recipe
    return {
        "test set": recipe.data.test[0].name,
        "training pairs": base.training_pairs,
        "updates": recipe.training.max_steps,
        "tokens of a batch": recipe.training.batch_tokens,
        "seed": recipe.training.seed,
        "beam": base.search.beam_size,
    }


if __name__ == "__main__":
    sys.exit(main())
