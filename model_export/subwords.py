"""BPE-dropout: other pieces for the same sentence in every epoch.

Provilkov et al. 2020 ("BPE-Dropout", sec. 3): while a word is put together from its characters,
each merge is left out with probability p. A model that sees one sentence in many segmentations
learns what the pieces are made of, which is worth most where there is little text.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import sentencepiece


class _Processor(Protocol):
    """The part of SentencePieceProcessor that is used; the package has no types."""

    def encode(
        self,
        sentences: list[str],
        *,
        enable_sampling: bool,
        alpha: float,
        nbest_size: int,
        num_threads: int,
    ) -> list[list[int]]: ...


class SubwordSampler:
    """Samples segmentations as a function of seed, epoch and text alone."""

    def __init__(self, vocabulary: Path, dropout: float, seed: int) -> None:
        """Read a vocabulary.

        Args:
            vocabulary: SentencePiece model of type BPE.
            dropout: p, the chance that a merge is left out; 0 is the plain encoding.
            seed: Of the recipe.
        """
        self._processor: _Processor = sentencepiece.SentencePieceProcessor(
            model_file=str(vocabulary)
        )
        self._dropout = dropout
        self._seed = seed

    def encode(self, sentences: Sequence[str], epoch: int) -> list[list[int]]:
        """Token ids of normalised sentences, without start or end marks."""
        seed = np.random.SeedSequence((self._seed, epoch)).generate_state(1)[0]
        # SentencePiece has one generator per thread, seeded when the thread begins, and encodes a
        # list in threads that begin and end with the call: with one of them, nothing that was
        # sampled before and no scheduler has a say.
        sentencepiece.set_random_generator_seed(int(seed))
        return self._processor.encode(
            list(sentences), enable_sampling=True, alpha=self._dropout, nbest_size=-1, num_threads=1
        )
