"""A slow, obvious twin of Moses' multi-bleu.perl for one reference."""

import math
from collections import Counter
from collections.abc import Sequence


def multi_bleu(hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[str]]) -> float:
    """BLEU of token lists, 0 to 100, straight from the definition, without smoothing."""
    precisions = []
    for order in range(1, 5):
        found = possible = 0
        for hypothesis, reference in zip(hypotheses, references, strict=True):
            ours, theirs = n_grams(hypothesis, order), n_grams(reference, order)
            possible += len(ours)
            available = Counter(theirs)
            for n_gram in ours:
                if available[n_gram] > 0:
                    available[n_gram] -= 1
                    found += 1
        precisions.append(found / possible if possible else 0.0)
    if min(precisions) == 0.0:
        return 0.0
    ours_length, theirs_length = sum(map(len, hypotheses)), sum(map(len, references))
    brevity = min(1.0, math.exp(1 - theirs_length / ours_length))
    return 100 * brevity * math.prod(precisions) ** 0.25


def n_grams(tokens: Sequence[str], order: int) -> list[tuple[str, ...]]:
    return [tuple(tokens[i : i + order]) for i in range(len(tokens) - order + 1)]
