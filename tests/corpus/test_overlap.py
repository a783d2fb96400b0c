"""BLEU, chrF and ROUGE: known values, slow twins, what the signatures say."""

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export import metrics
from model_export.metrics.overlap import LENGTH_BUCKETS, multi30k_tokens
from tests.corpus.multi_bleu import multi_bleu

WORDS = ["a", "man", "in", "blue", "shirt", "rides", "the", "old", "horse", "."]

sentences = st.lists(st.sampled_from(WORDS), min_size=1, max_size=14).map(" ".join)
pairs = st.lists(st.tuples(sentences, sentences), min_size=1, max_size=8)


def test_bleu_of_a_worked_case() -> None:
    # "one" is missed and the first "a" is one too many; 7 words against 7, so no brevity penalty.
    hypothesis = ["a man in a blue shirt runs"]
    reference = ["one man in a blue shirt runs"]
    assert multi_bleu([hypothesis[0].split()], [reference[0].split()]) == pytest.approx(
        100 * (6 / 7 * 5 / 6 * 4 / 5 * 3 / 4) ** 0.25
    )
    assert metrics.bleu(hypothesis, reference).value == pytest.approx(
        100 * (6 / 7 * 5 / 6 * 4 / 5 * 3 / 4) ** 0.25
    )


def test_bleu_punishes_brevity_over_the_corpus() -> None:
    reference = ["the man in the blue shirt rides the old horse ."]
    hypothesis = ["the man in the blue shirt rides"]
    expected = 100 * math.exp(1 - 11 / 7)
    assert metrics.bleu(hypothesis, reference).value == pytest.approx(expected)


def test_bleu_is_cased_and_says_how_it_was_computed() -> None:
    score = metrics.bleu(["Der Hund schläft heute nicht."], ["der hund schläft heute nicht."])
    assert score.value < 100
    assert score.signature.startswith("BLEU|nrefs:1|case:mixed|")
    assert "tok:13a" in score.signature
    assert score.better is metrics.Better.HIGHER
    assert score.sentences == 1


@given(pairs)
def test_multi30k_bleu_equals_its_slow_twin(drawn: list[tuple[str, str]]) -> None:
    hypotheses, references = ([pair[side] for pair in drawn] for side in (0, 1))
    tokens = multi30k_tokens("en")
    expected = multi_bleu(
        [tokens(text).split() for text in hypotheses], [tokens(text).split() for text in references]
    )
    assert metrics.multi30k_bleu(hypotheses, references, "en").value == pytest.approx(expected)


def test_multi30k_bleu_ignores_case_but_not_words() -> None:
    reference = ["Ein Mann in einem blauen Hemd steht da."]
    assert metrics.multi30k_bleu([reference[0].upper()], reference, "de").value == pytest.approx(
        100
    )
    assert metrics.multi30k_bleu(["Eine Frau singt."], reference, "de").value == 0


@pytest.mark.parametrize(
    ("language", "text", "tokens"),
    [
        ("en", "A man's T-shirt, it's blue.", "a man &apos;s t-shirt , it &apos;s blue ."),
        ("en", "“Hi” – he said…", "&quot; hi &quot; - he said ..."),
        ("de", 'Z.B. ein "altes" Haus (groß).', "z.b. ein &quot; altes &quot; haus ( groß ) ."),
        ("fr", "L'homme joue d'un violon.", "l&apos; homme joue d&apos; un violon ."),
    ],
)
def test_multi30k_tokens_are_moses_with_whole_hyphens(
    language: str, text: str, tokens: str
) -> None:
    assert multi30k_tokens(language)(text) == tokens


def test_chrf_is_in_percent() -> None:
    score = metrics.chrf(["Das ist ein Haus."], ["Das ist ein Haus."])
    assert score.value == 100
    assert score.signature.startswith("chrF2|")


def test_rouge_of_a_worked_case() -> None:
    # Unigrams: 3 of 4 and 3 of 5; bigrams: 1 of 3 and 1 of 4; subsequence "police the gunman".
    scores = metrics.rouge(["police killed the gunman"], ["The gunman, police the gunman"])
    assert scores.rouge1.value == pytest.approx(100 * f1(3 / 4, 3 / 5))
    assert scores.rouge2.value == pytest.approx(100 * f1(1 / 3, 1 / 4))
    assert scores.rouge_l.value == pytest.approx(100 * f1(3 / 4, 3 / 5))
    assert [score.name for score in scores] == ["ROUGE-1", "ROUGE-2", "ROUGE-L"]


def test_rouge_does_not_stem() -> None:
    assert metrics.rouge(["shares rise"], ["share rises"]).rouge1.value == 0


def test_rouge_is_the_mean_of_sentences() -> None:
    long = " ".join(f"w{number}" for number in range(50))
    assert metrics.rouge([long, "nothing"], [long, "common"]).rouge1.value == 50


@given(pairs)
def test_rouge_equals_its_slow_twin(drawn: list[tuple[str, str]]) -> None:
    hypotheses, references = ([pair[side].replace(".", "x") for pair in drawn] for side in (0, 1))
    expected = sum(
        slow_rouge_l(hypothesis.split(), reference.split())
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    ) / len(drawn)
    assert metrics.rouge(hypotheses, references).rouge_l.value == pytest.approx(100 * expected)


def test_length_buckets_lose_and_repeat_no_sentence() -> None:
    random_numbers = random.Random(7)
    sources = [" ".join(["w"] * random_numbers.randint(1, 60)) for _ in range(200)]
    references = [f"a b c d e {position}" for position in range(200)]
    buckets = metrics.bleu_by_source_length(sources, references, references)
    assert sum(bucket.bleu.sentences for bucket in buckets) == 200
    for bucket in buckets:
        inside = [
            source
            for source in sources
            if bucket.at_least <= len(source.split()) <= (bucket.at_most or 10**9)
        ]
        assert bucket.bleu.sentences == len(inside)


def test_length_buckets_join_without_gap_and_overlap() -> None:
    assert LENGTH_BUCKETS[0][0] == 0
    assert LENGTH_BUCKETS[-1][1] is None
    for (_, at_most), (at_least, _) in pairwise(LENGTH_BUCKETS):
        assert at_most is not None
        assert at_least == at_most + 1


def test_empty_buckets_are_left_out() -> None:
    (bucket,) = metrics.bleu_by_source_length(["one two"], ["ja"], ["nein"])
    assert (bucket.at_least, bucket.at_most) == (0, 5)


def test_sides_of_different_length_are_refused_with_both_counts() -> None:
    with pytest.raises(ValueError, match="2 hypotheses, 1 references"):
        metrics.bleu(["a", "b"], ["a"])
    with pytest.raises(ValueError, match="nothing to score"):
        metrics.rouge([], [])


def f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall)


def slow_rouge_l(hypothesis: list[str], reference: list[str]) -> float:
    """F1 over the longest common subsequence, found by plain recursion on a table."""
    table: dict[tuple[int, int], int] = {}

    def common(i: int, j: int) -> int:
        if i == len(hypothesis) or j == len(reference):
            return 0
        if (i, j) not in table:
            if hypothesis[i] == reference[j]:
                table[i, j] = 1 + common(i + 1, j + 1)
            else:
                table[i, j] = max(common(i + 1, j), common(i, j + 1))
        return table[i, j]

    longest = common(0, 0)
    return 2 * longest / (len(hypothesis) + len(reference))
