"""Which tokens go together: expectation maximisation against a twin in plain loops."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export import alignment, shortlist
from model_export.alignment import translation_table
from model_export.config import ShortlistConfig
from model_export.shortlist import build_shortlist
from service.decoding.shortlist import NO_CANDIDATE
from service.text.tokenizer import Tokenizer

NULL = 0
TOKENS = st.integers(1, 6)
SENTENCES = st.lists(
    st.tuples(
        st.lists(TOKENS, min_size=1, max_size=4, unique=True),
        st.lists(TOKENS, min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=6,
)


def slow_table(pairs: list[tuple[list[int], list[int]]]) -> dict[tuple[int, int], float]:
    """IBM model 1 as the paper writes it down."""
    probability: dict[tuple[int, int], float] = defaultdict(lambda: 1.0)
    for _ in range(alignment.ITERATIONS):
        count: dict[tuple[int, int], float] = defaultdict(float)
        total: dict[int, float] = defaultdict(float)
        for source, target in pairs:
            for f in target:
                norm = sum(probability[e, f] for e in [NULL, *source])
                for e in [NULL, *source]:
                    share = probability[e, f] / norm
                    count[e, f] += share
                    total[e] += share
        probability = defaultdict(float, {(e, f): n / total[e] for (e, f), n in count.items()})
    return dict(probability)


@given(SENTENCES)
def test_the_table_is_the_slow_twins(pairs: list[tuple[list[int], list[int]]]) -> None:
    given_, produced, probability = translation_table(
        [np.array(source) for source, _ in pairs],
        [np.array(target) for _, target in pairs],
        NULL,
    )
    keys = zip(given_.tolist(), produced.tolist(), strict=True)
    found = dict(zip(keys, probability.tolist(), strict=True))
    assert found == pytest.approx(slow_table(pairs))


def run_of(directory: Path, pairs: list[tuple[str, str]]) -> Path:
    (directory / "data").mkdir()
    for side, lines in zip(("source", "target"), zip(*pairs, strict=True), strict=True):
        text = "".join(f"{line}\n" for line in lines)
        (directory / "data" / f"train.{side}").write_text(text, encoding="utf-8")
    (directory / "data" / "train.direction").write_text("en de\n" * len(pairs), encoding="utf-8")
    return directory


def test_words_that_meet_find_each_other(tmp_path: Path, tokenizer: Tokenizer) -> None:
    words = ["one two", "two", "one", "two one one"]
    translated = ["eins zwei", "zwei", "eins", "zwei eins eins"]
    run = run_of(tmp_path, list(zip(words, translated, strict=True)))
    config = ShortlistConfig(frequent=64, per_token=4)
    learned = build_shortlist(config, run, tokenizer)
    assert learned is not None
    frequent = set(learned.frequent.tolist())
    assert learned.frequent[0] == tokenizer.end_id
    assert len(frequent) == 64
    lists = learned.lexical
    assert lists.shape == (tokenizer.vocabulary_size, 4)
    assert shortlist.lists_sources(learned)
    for token, row in enumerate(lists.tolist()):
        real = [each for each in row if each != NO_CANDIDATE]
        assert row == real + [NO_CANDIDATE] * (4 - len(real)), "holes"
        assert len(set(real)) == len(real)
        assert not frequent & set(real)
        assert (token in real) == (token not in frequent), "a rare token brings itself"


def test_a_small_vocabulary_is_scored_whole(tmp_path: Path, tokenizer: Tokenizer) -> None:
    run = run_of(tmp_path, [("one", "eins")])
    config = ShortlistConfig(frequent=tokenizer.vocabulary_size // 64 * 64, per_token=4)
    assert build_shortlist(config, run, tokenizer) is None


def test_a_large_corpus_is_thinned_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortlist, "MAX_LINKS", 10)
    sources = [np.array([n]) for n in range(20)]
    targets = [np.array([n]) for n in range(20)]  # two links each
    kept, also = shortlist._sample(sources, targets)
    assert [row.tolist() for row in kept] == [[0], [4], [8], [12], [16]]
    assert [row.tolist() for row in also] == [[0], [4], [8], [12], [16]]
