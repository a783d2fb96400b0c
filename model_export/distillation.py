"""The `distil` step: training targets in a teacher's words.

Sequence-level distillation (Kim and Rush 2016): the student learns, beside the corpus's targets
or instead of them, what the teacher's beam search says of each source (sec. 3.2), or that
hypothesis of the beam which is most like the corpus's target (sec. 3.3, sequence-level
interpolation). Such targets are more alike than people's, so a smaller model, or a narrower beam,
says them as well.

RUN/distilled.target    a target for each line of data/train.source; a chunk at a time is added
RUN/distilled.json      what they are made of: other settings, another teacher, begin anew
"""

import json
import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from model_export.config import DistillationConfig, DistillationMode
from model_export.corpus import Line, Split, read_report, read_split
from model_export.errors import CorpusError, RecipeError
from model_export.metrics import sentence_bleu
from model_export.recipe import Recipe
from service.domain import SearchOptions

logger = logging.getLogger(__name__)

TARGETS_NAME = "distilled.target"
RECORD_NAME = "distilled.json"

# Lines that are translated, and written, together: a kill loses no more of each worker's.
CHUNK_LINES = 1024

# The teacher's hypotheses of each line, best first; none for a line it does not take.
Translate = Callable[[Sequence[Line], SearchOptions], list[list[str]]]


def distil(
    recipe: Recipe, run: Path, translate: Translate, *, teacher: str, workers: int = 1
) -> None:
    """Write a teacher's target for each training line; goes on where it was killed.

    The same recipe, data and teacher give the same bytes, in however many goes.

    Args:
        recipe: With a `distillation` section.
        run: Prepared run directory.
        translate: Asked for `CHUNK_LINES` lines at a time, from `workers` threads.
        teacher: Digest of who translates: another teacher's targets are not gone on with.
        workers: Chunks translated at the same time.

    Raises:
        RecipeError: The recipe has no such section.
        CorpusError: The run is not prepared.
    """
    config = section_of(recipe)
    record = {**_made_of(recipe, run), "teacher": teacher}
    path, record_path = run / TARGETS_NAME, run / RECORD_NAME
    if _read_record(record_path) != record:
        path.unlink(missing_ok=True)
        record_path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    lines = list(read_split(run, Split.TRAIN))
    done = _cut_to_whole_chunks(path, len(lines))
    chunks = [lines[start : start + CHUNK_LINES] for start in range(done, len(lines), CHUNK_LINES)]
    work = partial(_targets, translate, _search(recipe), config.mode)
    with (
        tqdm(total=len(lines), initial=done, unit="line", desc="distilling") as bar,
        path.open("ab") as file,
        ThreadPoolExecutor(workers) as executor,
    ):
        try:
            for targets in executor.map(work, chunks):
                file.write("".join(f"{target}\n" for target in targets).encode())
                file.flush()
                bar.update(len(targets))
        finally:
            executor.shutdown(cancel_futures=True)  # stopped early, it begins no more chunks
    logger.info("distilled %d lines to %s", len(lines), path)


def section_of(recipe: Recipe) -> DistillationConfig:
    """The recipe's `distillation` section.

    Raises:
        RecipeError: It has none.
    """
    if recipe.distillation is None:
        raise RecipeError(f"recipe {recipe.name} has no [distillation] section")
    return recipe.distillation


def training_lines(recipe: Recipe, run: Path) -> list[Line]:
    """What a run is trained on, marks aside: the corpus, or with a teacher's targets.

    With them, each line stands once with the teacher's target, and `repeat` times with its own.

    Raises:
        CorpusError: The run is not prepared, or the recipe names a teacher and `distil` has
            not been run for these data and settings, or not to its end.
    """
    lines = list(read_split(run, Split.TRAIN))
    if recipe.distillation is None:
        return lines
    record = _read_record(run / RECORD_NAME)
    teacher = record.pop("teacher", None)
    path = run / TARGETS_NAME
    if teacher is None or record != _made_of(recipe, run) or not path.is_file():
        raise CorpusError(f"{path} is not of these data and settings; run `distil` first")
    targets = path.read_text(encoding="utf-8").split("\n")[:-1]
    if len(targets) != len(lines):
        raise CorpusError(
            f"{path} has {len(targets)} of {len(lines)} lines; `distil` goes on with it"
        )
    distilled = [line._replace(target=target) for line, target in zip(lines, targets, strict=True)]
    return lines * recipe.distillation.repeat + distilled


def closest(hypotheses: Sequence[str], reference: str) -> str:
    """The hypothesis of the best sentence BLEU; of equal ones, the one the teacher prefers.

    Args:
        hypotheses: At least one, best first.
        reference: The corpus's target.
    """
    distinct = list(dict.fromkeys(hypotheses))
    scores = sentence_bleu(distinct, [reference] * len(distinct))
    return distinct[scores.index(max(scores))]


def _targets(
    translate: Translate,
    search: SearchOptions,
    mode: DistillationMode,
    lines: Sequence[Line],
) -> list[str]:
    """The new target of each line; its own where the teacher has none, or says nothing."""
    return [
        _choose(mode, [each for each in hypotheses if each], line.target)
        for line, hypotheses in zip(lines, translate(lines, search), strict=True)
    ]


def _choose(mode: DistillationMode, hypotheses: Sequence[str], reference: str) -> str:
    if not hypotheses:
        return reference
    return hypotheses[0] if mode is DistillationMode.BEST else closest(hypotheses, reference)


def _search(recipe: Recipe) -> SearchOptions:
    """How the teacher searches: as the student is to be served, but with a beam of its own."""
    config = section_of(recipe)
    every = config.mode is DistillationMode.CLOSEST
    return SearchOptions(
        beam_size=config.beam_size,
        num_hypotheses=config.beam_size if every else 1,
        length_penalty=recipe.search.length_penalty,
        min_decoding_length=recipe.search.min_decoding_length,
        max_decoding_length=recipe.search.max_decoding_length,
    )


def _made_of(recipe: Recipe, run: Path) -> dict[str, Any]:
    """All that decides the targets, but for the teacher."""
    return {
        "mode": str(section_of(recipe).mode),
        "search": asdict(_search(recipe)),
        "text": read_report(run).training_text,
    }


def _read_record(path: Path) -> dict[str, Any]:
    """What a record says; {} where there is none, or half of one."""
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record


def _cut_to_whole_chunks(path: Path, lines: int) -> int:
    """Cut what a kill left of a chunk from the file of targets; returns the lines it then has.

    Chunks always begin at a multiple of `CHUNK_LINES`, so that their batches are the same
    however often the step was killed.
    """
    if not path.exists():
        return 0
    whole = path.read_bytes().split(b"\n")[:-1]
    if len(whole) < lines:
        del whole[len(whole) // CHUNK_LINES * CHUNK_LINES :]
        os.truncate(path, sum(len(line) + 1 for line in whole))
    return len(whole)
