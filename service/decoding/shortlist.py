"""Which tokens a source can be answered with.

Scoring the whole vocabulary at every step costs more than everything else, and nearly all of
it can be ruled out by looking at the source: what a source is answered with are tokens that
are frequent anyhow, and tokens that go with one of its own (Jean et al. 2015, sec. 3.2;
L'Hostis et al. 2016). The list of a source depends on that source alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from service.domain import IntArray
from service.errors import BundleDamaged

# What stands in a row of candidates after the last one.
NO_CANDIDATE = -1

# Rows of candidates are padded to a multiple of this, so that a sum over a row has its terms
# in the same vector lanes whatever is appended for a neighbour's sake.
CANDIDATE_MULTIPLE = 64


@dataclass(frozen=True, slots=True)
class Shortlist:
    """The tokens to score, by what is in the source.

    Attributes:
        frequent: Tokens that every source can be answered with, the end mark first, [F].
        lexical: Tokens that go with each source token, none of them frequent, [V, n];
            `NO_CANDIDATE` where there are fewer.
    """

    frequent: IntArray
    lexical: IntArray

    @classmethod
    def load(cls, path: Path) -> "Shortlist":
        """Read what `save` wrote.

        Raises:
            BundleDamaged: It cannot be read.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return cls(arrays["frequent"].astype(np.int64), arrays["lexical"].astype(np.int64))
        except (OSError, EOFError, ValueError, KeyError) as error:
            raise BundleDamaged(f"{path.name} cannot be read: {error}") from error

    def save(self, path: Path) -> None:
        """Write both arrays, small."""
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                frequent=self.frequent.astype(np.int32),
                lexical=self.lexical.astype(np.int32),
            )

    def candidates(self, source: Sequence[int]) -> IntArray:
        """What a source may be answered with besides the frequent tokens; ascending, [C]."""
        found = np.unique(self.lexical[np.asarray(source)])
        return found[1:] if len(found) and found[0] == NO_CANDIDATE else found

    def rows(self, sources: Sequence[Sequence[int]]) -> IntArray:
        """`candidates` of B sources as one array, `NO_CANDIDATE` after each one's last, [B, C].

        All at once: one source after the other took a tenth of the time of encoding them.
        """
        B = len(sources)
        tokens = np.array(list(chain.from_iterable(sources)), dtype=np.int64)
        owners = np.repeat(np.arange(B), [len(source) for source in sources])
        # A candidate t of source b is the number b * (V + 1) + t + 1, so that sorting brings
        # together what is the same; t + 1 = 0 is none.
        span = len(self.lexical) + 1
        numbers = np.sort((owners[:, np.newaxis] * span + self.lexical[tokens] + 1).ravel())
        owners, tokens = np.divmod(numbers[np.diff(numbers, prepend=-1) > 0], span)
        owners, tokens = owners[tokens > 0], tokens[tokens > 0] - 1
        counts = np.bincount(owners, minlength=B)
        places = np.arange(len(owners)) - (np.cumsum(counts) - counts)[owners]
        padded = np.full((B, candidate_width(counts)), NO_CANDIDATE, dtype=np.int64)
        padded[owners, places] = tokens
        return padded


def candidate_width(counts: IntArray) -> int:
    """C for sources with so many candidates each: the most, rounded up; at least one multiple.

    Worked case: 0 -> 64, 64 -> 64, 65 -> 128.
    """
    return max(1, -(-int(counts.max()) // CANDIDATE_MULTIPLE)) * CANDIDATE_MULTIPLE
