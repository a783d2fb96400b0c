"""Sentence compression: what is kept of a source, compared with what should be kept.

Protocol of Filippova et al. 2015 (Sentence Compression by Deletion with LSTMs): F1 over the
tokens kept, the share of outputs reproduced exactly, and the compression rate in characters.
A generating model returns text and no positions, so tokens are matched as a multiset.
"""

import string
from collections import Counter
from collections.abc import Sequence
from statistics import fmean

from model_export.metrics.score import Better, Score, check_aligned, share

_TOKENS = "whitespace tokens without punctuation at their ends|case ignored"


def token_f1(hypotheses: Sequence[str], references: Sequence[str]) -> Score:
    """F1 of the tokens kept, per sentence, then the mean, 0 to 100 (tables print .82)."""
    sentences = check_aligned(hypotheses=hypotheses, references=references)
    value = 100.0 * fmean(
        _f1(_tokens(hypothesis), _tokens(reference))
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    )
    return Score("token F1", value, f"mean of sentences|{_TOKENS}", Better.HIGHER, sentences)


def exact_matches(hypotheses: Sequence[str], references: Sequence[str]) -> Score:
    """Percentage of outputs with exactly the reference's tokens, in order."""
    sentences = check_aligned(hypotheses=hypotheses, references=references)
    count = sum(
        _tokens(hypothesis) == _tokens(reference)
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    )
    value = share(count, sentences)
    return Score("exact matches", value, f"% of outputs|{_TOKENS}", Better.HIGHER, sentences)


def characters_kept(sources: Sequence[str], hypotheses: Sequence[str]) -> Score:
    """Compression rate: output characters in percent of source characters, over the corpus.

    Smaller is a stronger compression, which is not by itself better: compare it with the
    reference's own rate, and compare F1 only at similar rates (Napoles et al. 2011).
    """
    sentences = check_aligned(sources=sources, hypotheses=hypotheses)
    value = share(sum(map(len, hypotheses)), sum(map(len, sources)))
    return Score("characters kept", value, "% of corpus characters", Better.NEITHER, sentences)


def deletion_only(sources: Sequence[str], hypotheses: Sequence[str]) -> Score:
    """Percentage of outputs that only leave tokens of the source out: none new, none moved."""
    sentences = check_aligned(sources=sources, hypotheses=hypotheses)
    count = sum(
        _is_subsequence(_tokens(hypothesis), _tokens(source))
        for source, hypothesis in zip(sources, hypotheses, strict=True)
    )
    value = share(count, sentences)
    return Score("deletion only", value, f"% of outputs|{_TOKENS}", Better.HIGHER, sentences)


def _tokens(text: str) -> list[str]:
    stripped = (token.strip(string.punctuation) for token in text.casefold().split())
    return [token for token in stripped if token]


def _f1(output: list[str], reference: list[str]) -> float:
    """Harmonic mean of precision and recall; two empty sides agree completely."""
    if not output and not reference:
        return 1.0
    common = (Counter(output) & Counter(reference)).total()
    return 2.0 * common / (len(output) + len(reference))


def _is_subsequence(part: list[str], whole: list[str]) -> bool:
    rest = iter(whole)
    return all(token in rest for token in part)
