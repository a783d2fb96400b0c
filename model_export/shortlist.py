"""Which target tokens go with which source tokens, learned from a run's training pairs.

IBM model 1 says how probable a target token is given a source token. For tokens of one joint
vocabulary that is enough: the lists only have to contain what the model will say, not to rank it.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from model_export.alignment import translation_table
from model_export.config import ShortlistConfig
from model_export.corpus import Split, read_split
from service.decoding.shortlist import NO_CANDIDATE, Shortlist
from service.domain import IntArray
from service.text.tokenizer import Tokenizer

# Pairs of a source and a target token that are looked at; memory is about 40 bytes each. Of a
# larger corpus, evenly spaced sentences stand for the others.
MAX_LINKS = 30_000_000

# What is less probable is noise of words that met once.
LEAST_PROBABILITY = 1e-4


def build_shortlist(config: ShortlistConfig, run: Path, tokenizer: Tokenizer) -> Shortlist | None:
    """Learn a shortlist from a prepared run.

    Returns:
        None when the vocabulary is so small that scoring all of it costs little more.
    """
    vocabulary = tokenizer.vocabulary_size
    if vocabulary < 2 * config.frequent:
        return None
    sources, targets = [], []
    for source, target, _ in read_split(run, Split.TRAIN):
        sources.append(np.unique(tokenizer.encode(source)))
        targets.append(np.array([*tokenizer.encode(target), tokenizer.end_id]))
    frequency = np.bincount(np.concatenate(targets), minlength=vocabulary)
    frequency[tokenizer.end_id] = len(targets) + frequency.max()  # first, whatever is counted
    frequent = np.argsort(-frequency, kind="stable")[: config.frequent]
    sources, targets = _sample(sources, targets)
    given, produced, probability = translation_table(sources, targets, tokenizer.pad_id)
    return Shortlist(
        frequent,
        _best(given, produced, probability, frequent, (vocabulary, config.per_token)),
    )


def lists_sources(shortlist: Shortlist) -> bool:
    """Whether every token of a source can be said again: a model that copies needs that."""
    itself = np.arange(len(shortlist.lexical))
    listed = (shortlist.lexical == itself[:, np.newaxis]).any(axis=1)
    listed[shortlist.frequent] = True
    return bool(listed.all())


def _sample(
    sources: list[IntArray], targets: list[IntArray]
) -> tuple[list[IntArray], list[IntArray]]:
    links = sum((len(e) + 1) * len(f) for e, f in zip(sources, targets, strict=True))
    stride = -(-links // MAX_LINKS)
    return sources[::stride], targets[::stride]


def _best(
    given: IntArray,
    produced: IntArray,
    probability: npt.NDArray[np.float64],
    frequent: IntArray,
    shape: tuple[int, int],
) -> IntArray:
    """The likeliest tokens [V, n] of each source token; first the token itself, for names."""
    vocabulary, per_token = shape
    rare = np.ones(vocabulary, dtype=np.bool_)
    rare[frequent] = False
    lexical = np.full(shape, NO_CANDIDATE, dtype=np.int64)
    lexical[rare, 0] = np.flatnonzero(rare)
    useful = rare[produced] & (probability > LEAST_PROBABILITY) & (produced != given)
    given, produced, probability = given[useful], produced[useful], probability[useful]
    order = np.lexsort((-probability, given))
    starts = np.searchsorted(given[order], np.arange(vocabulary + 1))
    for token in np.unique(given):
        free = int(rare[token])
        likeliest = produced[order[starts[token] : starts[token + 1]]][: per_token - free]
        lexical[token, free : free + len(likeliest)] = likeliest
    return lexical
