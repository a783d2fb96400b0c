"""Token ids in memory, and the order in which training sees them.

Batches are cut from sentences sorted by length within large random pools (bucketing), so
that little is padding, and every epoch has its own order, a function of seed and epoch alone:
that is what makes a resumed run see exactly what an uninterrupted one would.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from model_export.corpus import Line, Split, read_dev_sample, read_split
from model_export.distillation import training_lines
from model_export.errors import TrainingError
from model_export.marks import Marked, marked_pairs
from model_export.recipe import Recipe
from model_export.subwords import SubwordSampler
from model_export.vocabulary import MODEL_NAME
from service.domain import Direction, IntArray
from service.text.tokenizer import Tokenizer

# Sentences sorted together; large against a batch, small against a corpus.
_POOL_SENTENCES = 40_000


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded ids of B pairs.

    Attributes:
        source: Source ids with the end mark, [B, S].
        lengths: Tokens per source, [B].
        inputs: Start mark, then the target, [B, T].
        targets: The target, then the end mark, [B, T].
        target_tokens: Real tokens in `targets`.
    """

    source: Tensor
    lengths: Tensor
    inputs: Tensor
    targets: Tensor
    target_tokens: int


@dataclass(frozen=True, slots=True)
class Pairs:
    """An encoded corpus; ids without start and end marks."""

    sources: list[IntArray]
    targets: list[IntArray]

    def __len__(self) -> int:
        return len(self.sources)

    def epoch(self, _number: int, /) -> "Pairs":
        """These, in every epoch."""
        return self


class TrainingPairs(Protocol):
    """What training learns from."""

    def __len__(self) -> int:
        """Pairs, those included that an epoch may leave out for their length."""
        ...

    def epoch(self, number: int, /) -> Pairs:
        """The pairs of an epoch, counted from 0; the same whenever they are asked for."""
        ...


@dataclass(frozen=True, slots=True)
class SampledPairs:
    """A corpus whose lines are cut into other pieces in every epoch; marked ones are not."""

    text: "_Text"
    sampler: SubwordSampler

    def __len__(self) -> int:
        return len(self.text.lines) + len(self.text.marked)

    def epoch(self, number: int, /) -> Pairs:
        """The pairs as epoch `number` cuts them."""
        return self.text.encoded(partial(self.sampler.encode, epoch=number))


def load_pairs(recipe: Recipe, run: Path, tokenizer: Tokenizer) -> TrainingPairs:
    """Encode the training split, with marks in repeated lines where the recipe says so.

    Marks stand in the corpus's own pairs, also where a teacher's targets are learned: what they
    mark has to be aligned, and half of it is exchanged on both sides.

    Pairs with a side of `max_source_tokens` or more are left out, with `bpe_dropout` of the
    epochs in which they are as long.
    """
    marked: Iterator[Marked] = iter(())
    if recipe.marks is not None:
        lines = list(read_split(run, Split.TRAIN))
        marked = marked_pairs(lines, recipe.marks, tokenizer, recipe.training.seed)
    text = _Text(
        training_lines(recipe, run),
        list(marked),
        source_prefixes(recipe, tokenizer),
        max_tokens=recipe.limits.max_source_tokens,
    )
    if dropout := recipe.training.bpe_dropout:
        sampler = SubwordSampler(run / MODEL_NAME, dropout, recipe.training.seed)
        return SampledPairs(text, sampler)
    return text.encoded(lambda sentences: [tokenizer.encode(each) for each in sentences])


@dataclass(frozen=True, slots=True)
class _Text:
    """Training lines before they are encoded.

    Attributes:
        lines: To be encoded.
        marked: Encoded already.
        prefixes: From `source_prefixes`.
        max_tokens: A pair with a side as long as this, end mark not counted, is left out.
    """

    lines: list[Line]
    marked: list[Marked]
    prefixes: dict[Direction, tuple[int, ...]]
    max_tokens: int

    def encoded(self, encode: Callable[[list[str]], list[list[int]]]) -> Pairs:
        """The pairs, all lines cut into pieces by one call of `encode`."""
        ids = encode([line.source for line in self.lines] + [line.target for line in self.lines])
        count = len(self.lines)
        pairs = Pairs([], [])
        for source, target, line in (
            *zip(ids[:count], ids[count:], self.lines, strict=True),
            *self.marked,
        ):
            sides = [*self.prefixes[line.direction], *source], target
            if max(map(len, sides)) < self.max_tokens:
                pairs.sources.append(np.array(sides[0], dtype=np.int64))
                pairs.targets.append(np.array(sides[1], dtype=np.int64))
        return pairs


def source_prefixes(recipe: Recipe, tokenizer: Tokenizer) -> dict[Direction, tuple[int, ...]]:
    """Token ids that a source of each direction begins with."""
    ids = {target: tokenizer.control_id(symbol) for target, symbol in recipe.target_marks.items()}
    return {
        direction: (ids[direction.target],) if direction.target in ids else ()
        for direction in recipe.directions
    }


def source_ids(
    line: Line, tokenizer: Tokenizer, prefixes: Mapping[Direction, Sequence[int]]
) -> list[int]:
    """A line's source as a model reads it: prefix, text, end mark."""
    return [*prefixes[line.direction], *tokenizer.encode(line.source), tokenizer.end_id]


def dev_sources(recipe: Recipe, run: Path, tokenizer: Tokenizer, count: int) -> list[list[int]]:
    """Dev sources from all of the split, each once, and one as long as the model takes.

    Returns:
        Up to `count` of them and the long one, each with prefix and end mark; none when the
        run has no dev lines.
    """
    limit = recipe.limits.max_source_tokens
    prefixes = source_prefixes(recipe, tokenizer)
    # Without the end mark, which stands behind what is cut, too.
    sample = [
        source_ids(line, tokenizer, prefixes)[:-1][: limit - 1]
        for line in read_dev_sample(run, count)
    ]
    if not sample:
        return []
    distinct = [list(source) for source in dict.fromkeys(map(tuple, sample))]
    joined = [token for source in distinct for token in source]
    return [[*source, tokenizer.end_id] for source in (*distinct, joined[: limit - 1])]


def batch_plan(pairs: Pairs, batch_tokens: int, seed: int, epoch: int) -> list[IntArray]:
    """Positions of one epoch's batches: every pair once, in random order.

    A batch's size times its longest side, end mark included, is at most `batch_tokens`,
    unless one pair alone is longer.
    """
    generator = np.random.default_rng((seed, epoch))
    order = generator.permutation(len(pairs))
    source_lengths = np.array([len(source) for source in pairs.sources]) + 1
    target_lengths = np.array([len(target) for target in pairs.targets]) + 1
    longer = np.maximum(source_lengths, target_lengths)
    batches: list[IntArray] = []
    for start in range(0, len(order), _POOL_SENTENCES):
        pool = order[start : start + _POOL_SENTENCES]
        pool = pool[np.lexsort((source_lengths[pool], target_lengths[pool], longer[pool]))]
        first = 0
        for end in range(1, len(pool) + 1):
            # The pool is sorted, so the next pair is the longest of its batch.
            if end == len(pool) or longer[pool[end]] * (end + 1 - first) > batch_tokens:
                batches.append(pool[first:end])
                first = end
    return [batches[position] for position in generator.permutation(len(batches))]


def collate(pairs: Pairs, positions: IntArray, tokenizer: Tokenizer) -> Batch:
    """Pad the pairs at `positions` into one batch."""
    end = [tokenizer.end_id]
    start = [tokenizer.start_id]
    targets = [pairs.targets[position] for position in positions]
    sources = [np.concatenate([pairs.sources[position], end]) for position in positions]
    return Batch(
        source=_padded(sources, tokenizer.pad_id),
        lengths=torch.tensor([len(source) for source in sources]),
        inputs=_padded([np.concatenate([start, ids]) for ids in targets], tokenizer.pad_id),
        targets=_padded([np.concatenate([ids, end]) for ids in targets], tokenizer.pad_id),
        target_tokens=sum(len(ids) + 1 for ids in targets),
    )


class Place(NamedTuple):
    """A place in the data: this many updates into an epoch."""

    epoch: int = 0
    updates: int = 0


def training_batches(
    pairs: TrainingPairs,
    tokenizer: Tokenizer,
    *,
    batch_tokens: int,
    seed: int,
    place: Place,
    rank: int,
    world_size: int,
) -> Iterator[tuple[Batch, Place]]:
    """Batches of one process without end, from `place` on, each with the place after it.

    Each update takes `world_size` consecutive batches of the plan, one per process; what does
    not fill an update at the end of an epoch is left out of it.

    Raises:
        TrainingError: An epoch has fewer batches than there are processes.
    """
    epoch, first = place
    while True:
        encoded = pairs.epoch(epoch)
        plan = batch_plan(encoded, batch_tokens, seed, epoch)
        updates = len(plan) // world_size
        if updates == 0:
            raise TrainingError(
                f"an epoch has {len(plan)} batches; {world_size} processes need as many at least"
            )
        for update in range(first, updates):
            batch = collate(encoded, plan[update * world_size + rank], tokenizer)
            yield batch, Place(epoch, update + 1)
        epoch, first = epoch + 1, 0


def _padded(rows: Sequence[IntArray], pad_id: int) -> Tensor:
    padded = torch.full((len(rows), max(len(row) for row in rows)), pad_id)
    for index, row in enumerate(rows):
        padded[index, : len(row)] = torch.from_numpy(row)
    return padded
