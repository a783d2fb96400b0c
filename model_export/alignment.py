"""IBM model 1: which target tokens come from which source tokens.

Brown et al. 1993, sec. 4.1: every target token comes from one source token or from none,
whatever their positions; expectation maximisation finds t(f | e), the probability of target
token f given source token e.
"""

import numpy as np
import numpy.typing as npt

from service.domain import IntArray

ITERATIONS = 5


def translation_table(
    sources: list[IntArray], targets: list[IntArray], null_id: int
) -> tuple[IntArray, IntArray, npt.NDArray[np.float64]]:
    """t(f | e) of all pairs of tokens that share a sentence pair.

    Args:
        sources: Tokens of each source sentence, each once.
        targets: Tokens of each target sentence.
        null_id: Stands for "no source token" in every source sentence.

    Returns:
        e, f and t(f | e), [P] each; the t(f | e) of an e sum to 1.
    """
    pairs = list(zip(sources, targets, strict=True))
    given = np.concatenate([np.tile([null_id, *e], len(f)) for e, f in pairs])
    produced = np.concatenate([np.repeat(f, len(e) + 1) for e, f in pairs])
    # Number of the target token that each link explains.
    widths = np.concatenate([np.full(len(f), len(e) + 1) for e, f in pairs])
    explained = np.repeat(np.arange(len(widths)), widths)
    tokens = int(max(given.max(), produced.max())) + 1
    keys, link = np.unique(given * tokens + produced, return_inverse=True)
    given, produced = keys // tokens, keys % tokens
    probability = np.ones(len(keys))
    for _ in range(ITERATIONS):
        share = probability[link]
        share /= np.bincount(explained, share)[explained]
        count = np.bincount(link, share)
        probability = count / np.bincount(given, count)[given]
    return given, produced, probability
