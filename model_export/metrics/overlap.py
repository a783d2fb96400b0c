"""Overlap with a reference: BLEU, chrF and ROUGE, through the libraries the field quotes.

Papers: BLEU, Papineni et al. 2002; chrF, Popovic 2015; ROUGE, Lin 2004; why a signature is
printed beside every BLEU, Post 2018.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from statistics import fmean
from typing import NamedTuple

# rouge-score and sacremoses ship no types; nothing else in this project imports them.
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacremoses import MosesPunctNormalizer, MosesTokenizer

from model_export.metrics.score import Better, Score, check_aligned

# (fewest, most) words of the source: Tatoeba is mostly 4-9, captions 10-15, news 20-40.
LENGTH_BUCKETS = ((0, 5), (6, 10), (11, 15), (16, 20), (21, 30), (31, 40), (41, None))


def bleu(hypotheses: Sequence[str], references: Sequence[str]) -> Score:
    """Corpus BLEU of plain text: cased, sacreBLEU's own tokenisation (13a)."""
    return _corpus_score("BLEU", BLEU(), hypotheses, references)


def chrf(hypotheses: Sequence[str], references: Sequence[str]) -> Score:
    """Corpus chrF2, 0 to 100 (tables that print .655 divide by 100)."""
    return _corpus_score("chrF", CHRF(), hypotheses, references)


def sentence_chrf(hypotheses: Sequence[str], references: Sequence[str]) -> list[float]:
    """chrF2 of each sentence by itself, 0 to 100."""
    return _sentence_scores(CHRF(), hypotheses, references)


def sentence_bleu(hypotheses: Sequence[str], references: Sequence[str]) -> list[float]:
    """Cased BLEU (13a) of each sentence by itself, 0 to 100.

    Orders without a match are smoothed exponentially (Chen and Cherry 2014, method 3), and
    those that a sentence is too short for are left out.
    """
    return _sentence_scores(BLEU(effective_order=True), hypotheses, references)


def _corpus_score(
    name: str, metric: BLEU | CHRF, hypotheses: Sequence[str], references: Sequence[str]
) -> Score:
    sentences = check_aligned(hypotheses=hypotheses, references=references)
    found = metric.corpus_score(hypotheses, [references])
    signature = f"{found.name}|{metric.get_signature()}"
    return Score(name, found.score, signature, Better.HIGHER, sentences)


def _sentence_scores(
    metric: BLEU | CHRF, hypotheses: Sequence[str], references: Sequence[str]
) -> list[float]:
    check_aligned(hypotheses=hypotheses, references=references)
    return [
        metric.sentence_score(hypothesis, [reference]).score
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    ]


def multi30k_bleu(hypotheses: Sequence[str], references: Sequence[str], language: str) -> Score:
    """multi-bleu.perl over lower-cased Moses tokens, as Multi30k's published tables have it.

    Both sides are prepared the way the data set's own `task1-tokenize.sh` prepares them:
    lowercase.perl, normalize-punctuation.perl, tokenizer.perl without aggressive hyphen
    splitting. Figures of papers that split hyphens (`-a`) are not comparable.

    Args:
        hypotheses: Detokenised outputs, any casing.
        references: The raw reference side, one per output.
        language: Two-letter code of the target, for the tokenizer's abbreviations.
    """
    sentences = check_aligned(hypotheses=hypotheses, references=references)
    prepare = multi30k_tokens(language)
    # force: sacreBLEU warns about tokenised input, which is the point here.
    metric = BLEU(tokenize="none", smooth_method="none", force=True)
    value = metric.corpus_score(
        [prepare(text) for text in hypotheses], [[prepare(text) for text in references]]
    ).score
    signature = (
        f"multi-bleu.perl|lc|normalize-punctuation|tokenizer.perl -l {language}"
        f"|smooth:none|sacremoses:{version('sacremoses')}|sacrebleu:{version('sacrebleu')}"
    )
    return Score("multi-bleu", value, signature, Better.HIGHER, sentences)


@lru_cache(maxsize=8)
def multi30k_tokens(language: str) -> Callable[[str], str]:
    """The text preparation of `multi30k_bleu`: text in, tokens joined by spaces out."""
    normalizer = MosesPunctNormalizer(language)
    tokenizer = MosesTokenizer(language)

    def prepare(text: str) -> str:
        plain = normalizer.normalize(text.lower())
        return str(tokenizer.tokenize(plain, aggressive_dash_splits=False, return_str=True))

    return prepare


@dataclass(frozen=True, slots=True)
class LengthBucket:
    """BLEU over the sentences whose source has a certain length.

    Attributes:
        at_least: Fewest source words (whitespace-separated) in the bucket.
        at_most: Most source words in the bucket; None in the last, open one.
        bleu: Corpus BLEU over the bucket's sentences.
    """

    at_least: int
    at_most: int | None
    bleu: Score


def bleu_by_source_length(
    sources: Sequence[str], hypotheses: Sequence[str], references: Sequence[str]
) -> tuple[LengthBucket, ...]:
    """BLEU apart for short and long sources, shortest first; empty buckets are left out.

    This is how the fixed context vector and attention are told apart: without attention the
    score falls with length (Cho et al. 2014, Bahdanau et al. 2015, figure 2).
    """
    check_aligned(sources=sources, hypotheses=hypotheses, references=references)
    return tuple(
        LengthBucket(
            *bucket, bleu([hypotheses[i] for i in inside], [references[i] for i in inside])
        )
        for bucket, inside in positions_by_length(sources).items()
    )


def positions_by_length(sources: Sequence[str]) -> dict[tuple[int, int | None], list[int]]:
    """Which sources are in each of `LENGTH_BUCKETS`; empty buckets are left out."""
    lengths = [len(source.split()) for source in sources]
    found = {
        (at_least, at_most): [
            position
            for position, length in enumerate(lengths)
            if length >= at_least and (at_most is None or length <= at_most)
        ]
        for at_least, at_most in LENGTH_BUCKETS
    }
    return {bucket: inside for bucket, inside in found.items() if inside}


class RougeScores(NamedTuple):
    """ROUGE F1, 0 to 100: unigrams, bigrams, longest common subsequence."""

    rouge1: Score
    rouge2: Score
    rouge_l: Score


def rouge(hypotheses: Sequence[str], references: Sequence[str]) -> RougeScores:
    """ROUGE-1, ROUGE-2 and ROUGE-L: unstemmed F1 per sentence, then the mean.

    rouge-score's tokenizer lower-cases and keeps only a-z and 0-9, so this measures English.
    """
    sentences = check_aligned(hypotheses=hypotheses, references=references)
    kinds = ("rouge1", "rouge2", "rougeL")
    found = list(_rouge(kinds, hypotheses, references))
    signature = f"F1|mean of sentences|unstemmed|rouge-score:{version('rouge-score')}"
    scores = [
        Score(
            f"ROUGE-{kind.removeprefix('rouge')}",
            fmean(sentence[kind] for sentence in found),
            signature,
            Better.HIGHER,
            sentences,
        )
        for kind in kinds
    ]
    return RougeScores(*scores)


def sentence_rouge_l(hypotheses: Sequence[str], references: Sequence[str]) -> list[float]:
    """ROUGE-L of each sentence by itself: unstemmed F1, 0 to 100."""
    check_aligned(hypotheses=hypotheses, references=references)
    return [found["rougeL"] for found in _rouge(("rougeL",), hypotheses, references)]


def _rouge(
    kinds: Sequence[str], hypotheses: Sequence[str], references: Sequence[str]
) -> Iterator[dict[str, float]]:
    """F1 of each kind, 0 to 100, for each sentence."""
    scorer = RougeScorer(list(kinds), use_stemmer=False)
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        found = scorer.score(target=reference, prediction=hypothesis)
        yield {kind: 100.0 * found[kind].fmeasure for kind in kinds}
