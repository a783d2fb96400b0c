"""Sentence pairs of one of our own runs, as a Transformer is trained on them."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.peers.shapes import END, PAD

# Starts the decoder. Toolkits use the padding id for it, whose embedding is never trained.
START = 2

# What the cost leaves out.
IGNORED = -100

_MAX_TOKENS = 128  # longer pairs are left out, as in our own training
_POOL_PAIRS = 40_000  # sorted by length together

Pair = tuple[list[int], list[int]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded ids of B pairs.

    Attributes:
        source: Source ids with the end mark, [B, S].
        inputs: Start mark, then the target, [B, T].
        targets: The target, then the end mark, then `IGNORED`, [B, T].
    """

    source: Tensor
    inputs: Tensor
    targets: Tensor

    @property
    def target_tokens(self) -> int:
        """Real tokens in `targets`."""
        return int((self.targets != IGNORED).sum())


def read_lines(path: Path) -> list[str]:
    """Lines of a text file; only a line feed ends one."""
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")


def read_pairs(run: Path, split: str, processor: Any) -> list[Pair]:
    """Ids of a prepared split, without marks; pairs that are too long are left out.

    Args:
        run: A run directory of ours, after `model_export prepare`.
        split: "train" or "dev".
        processor: Its SentencePiece model.
    """
    sides = (read_lines(run / "data" / f"{split}.{side}") for side in ("source", "target"))
    encoded = zip(*(processor.encode(lines) for lines in sides), strict=True)
    return [pair for pair in encoded if max(map(len, pair)) < _MAX_TOKENS]


def batch_plan(pairs: Sequence[Pair], batch_tokens: int, epoch: int) -> list[list[int]]:
    """Positions of one epoch's batches: every pair once, similar lengths together.

    Args:
        pairs: What is trained on.
        batch_tokens: Bound on a batch's size times its longest side, mark included; a pair
            that is longer is a batch of its own.
        epoch: Decides the order.
    """
    lengths = [max(map(len, pair)) + 1 for pair in pairs]
    draw = random.Random(epoch)
    order = list(range(len(pairs)))
    draw.shuffle(order)
    batches: list[list[int]] = []
    for first in range(0, len(order), _POOL_PAIRS):
        pool = sorted(order[first : first + _POOL_PAIRS], key=lengths.__getitem__)
        batch: list[int] = []
        for position in pool:
            # Sorted, so the one that comes is the longest of its batch.
            if batch and lengths[position] * (len(batch) + 1) > batch_tokens:
                batches.append(batch)
                batch = []
            batch.append(position)
        batches.append(batch)
    draw.shuffle(batches)
    return batches


def training_batches(pairs: Sequence[Pair], batch_tokens: int, first_step: int) -> Iterator[Batch]:
    """Batches of one epoch after the other without end, from update `first_step` on."""
    step = epoch = 0
    while True:
        for positions in batch_plan(pairs, batch_tokens, epoch):
            if step >= first_step:
                yield collate([pairs[position] for position in positions])
            step += 1
        epoch += 1


def collate(pairs: Sequence[Pair]) -> Batch:
    """Pad pairs into one batch."""
    return Batch(
        source=padded([[*source, END] for source, _ in pairs], PAD),
        inputs=padded([[START, *target] for _, target in pairs], PAD),
        targets=padded([[*target, END] for _, target in pairs], IGNORED),
    )


def padded(rows: Sequence[Sequence[int]], filler: int) -> Tensor:
    """Rows of ids as one array, [B, longest]."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[filler] * (longest - len(row))] for row in rows])
