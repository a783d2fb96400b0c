"""The `spread` command: the same scores of several runs, such as one recipe's seeds.

What one run scores is one draw: another seed moves it, often by more than what two recipes differ
by (Reimers and Gurevych 2017). So a recipe is reported by mean and standard deviation over runs.
"""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean, stdev

from model_export.errors import EvaluationError
from model_export.evaluation import Evaluation
from model_export.markdown import table
from service.bundle.manifest import Score


def spread_table(runs: Sequence[Path]) -> str:
    """Mean and spread of each score over runs, as a Markdown table.

    The spread is the standard deviation of a sample, with n - 1 of n runs in the denominator. It is
    about the runs, not about the choice of test sentences, which are the same for all.

    Args:
        runs: Run directories, at least two, each with the `evaluation.json` of a model of its own.

    Raises:
        EvaluationError: A run has no scores, two have those of the same model, or one was scored
            otherwise than the first: other test sets, other measures, another precision or beam.
    """
    if len(runs) < 2:
        raise EvaluationError(f"a spread needs two runs or more, not {len(runs)}")
    evaluations = [Evaluation.read(run) for run in runs]
    for (run, one), (other, same) in combinations(zip(runs, evaluations, strict=True), 2):
        if one.digest == same.digest:
            raise EvaluationError(f"{run} and {other} have the scores of the same model")
    values = [{_kind(score): score.value for score in each.scores} for each in evaluations]
    for run, own in zip(runs[1:], values[1:], strict=True):
        if different := own.keys() ^ values[0].keys():
            raise EvaluationError(
                f"{runs[0]} and {run} were not scored alike: only one has {min(different)}"
            )
    rows = []
    for score in evaluations[0].scores:
        each = [own[_kind(score)] for own in values]
        rows.append(
            (
                f"{score.corpus} ({score.sentences})",
                score.metric,
                score.better,
                f"{score.precision}, {score.beam_size}",
                len(each),
                f"{fmean(each):.2f}",
                f"{stdev(each):.2f}",
                ", ".join(f"{value:.2f}" for value in each),
            )
        )
    return table("test set | metric | better | precision, beam | n | mean | spread | each", rows)


def _kind(score: Score) -> str:
    """All that has to be the same for two values to be of one kind."""
    return (
        f"{score.corpus}: {score.metric} ({score.signature}, {score.sentences} sentences), "
        f"{score.precision}, beam {score.beam_size}"
    )
