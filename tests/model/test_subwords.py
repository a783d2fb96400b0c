"""BPE-dropout: the same text in other pieces, a function of seed, epoch and text alone."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model_export import checkpoint
from model_export.config import VocabularyConfig
from model_export.dataset import Pairs, load_pairs
from model_export.model.seq2seq import Seq2Seq
from model_export.preparation import prepare
from model_export.recipe import Recipe, parse_recipe
from model_export.subwords import SubwordSampler
from model_export.training import Trainer
from model_export.vocabulary import load_vocabulary, train_vocabulary
from service.text.normalise import normalise
from service.text.tokenizer import Tokenizer
from tests.model.toy_training import ALONE, toy_recipe

TEXT = ["The old man rides an old horse.", "Der alte Mann reitet ein altes Pferd."] * 20


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("subwords") / "vocabulary.spm"
    path.write_bytes(train_vocabulary(VocabularyConfig(size=340), (), TEXT))
    return path


@given(
    texts=st.lists(st.text() | st.sampled_from(TEXT), max_size=5),
    dropout=st.sampled_from([0.0, 0.1, 0.5, 0.99]),
    epoch=st.integers(0, 1000),
)
def test_other_pieces_are_the_same_text(
    vocabulary: Path, texts: list[str], dropout: float, epoch: int
) -> None:
    texts = [normalise(text) for text in texts]
    tokenizer = Tokenizer.load(vocabulary)
    sampled = SubwordSampler(vocabulary, dropout, seed=1).encode(texts, epoch)
    assert [tokenizer.decode(ids) for ids in sampled] == texts
    if dropout == 0.0:
        assert sampled == [tokenizer.encode(text) for text in texts]


def test_pieces_are_a_function_of_seed_and_epoch(vocabulary: Path) -> None:
    def sample(seed: int, epoch: int) -> str:
        return str(SubwordSampler(vocabulary, 0.1, seed).encode(TEXT, epoch))

    places = [(seed, epoch) for seed in range(3) for epoch in range(3)]
    there = [sample(*place) for place in places]
    assert len(set(there)) == len(places)
    # Whatever was sampled before.
    assert [sample(*place) for place in reversed(places)] == there[::-1]


def test_more_dropout_gives_more_pieces(vocabulary: Path) -> None:
    counts = [
        sum(map(len, SubwordSampler(vocabulary, dropout, 1).encode(TEXT, 0)))
        for dropout in (0.0, 0.1, 0.3, 0.9)
    ]
    assert counts == sorted(set(counts))


def recipe(corpus: Path, bpe_dropout: float) -> Recipe:
    toy = toy_recipe(bpe_dropout=bpe_dropout, r_drop=1.0, evaluate_every=4, batch_tokens=60)
    files = {"name": "words", "tsv": str(corpus), "licence": "none", "origin": "this test"}
    return parse_recipe(
        {**toy.model_dump(mode="json"), "data": {"train": [files], "dev_fraction": 0}}
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared run of 60 pairs, with the corpus in it."""
    run = tmp_path_factory.mktemp("run")
    words = ["horse", "horses", "rider", "riders", "saddle", "saddles", "ridden"]
    lines = [f"{words[i % 7]} {words[i // 7]}\t{words[i // 7]} {words[i % 7]}" for i in range(49)]
    (run / "words.tsv").write_text("\n".join(lines))
    prepare(recipe(run / "words.tsv", 0.0), run)
    return run


def test_an_epoch_of_training_has_its_own_pieces(run: Path) -> None:
    tokenizer = load_vocabulary(run)
    plain = load_pairs(recipe(run / "words.tsv", 0.0), run, tokenizer)
    sampled = load_pairs(recipe(run / "words.tsv", 0.3), run, tokenizer)
    assert len(sampled) == len(plain) == 49
    epochs = [sampled.epoch(number) for number in (0, 1, 0)]

    def ids(pairs: Pairs) -> list[list[int]]:
        return [side.tolist() for side in pairs.sources + pairs.targets]

    def text(pairs: Pairs) -> list[str]:
        return [tokenizer.decode(side) for side in ids(pairs)]

    assert ids(epochs[0]) == ids(epochs[2]) != ids(epochs[1])
    assert text(epochs[0]) == text(epochs[1]) == text(plain.epoch(0))


def test_a_pair_too_long_in_an_epochs_pieces_is_left_out_of_it(run: Path) -> None:
    whole = recipe(run / "words.tsv", 0.5)
    unlimited = load_pairs(whole, run, load_vocabulary(run)).epoch(0)
    longest = int(np.median([len(ids) for ids in unlimited.sources]))
    limits = whole.limits.model_copy(update={"max_source_tokens": longest + 1})
    pairs = load_pairs(whole.model_copy(update={"limits": limits}), run, load_vocabulary(run))
    kept = [len(pairs.epoch(number)) for number in range(4)]
    assert all(0 < count < len(pairs) for count in kept)
    assert len(set(kept)) > 1
    assert max(len(ids) for number in range(4) for ids in pairs.epoch(number).targets) <= longest


def test_a_run_killed_between_epochs_or_in_one_ends_as_an_uninterrupted_one(
    run: Path, tmp_path: Path
) -> None:
    words = recipe(run / "words.tsv", 0.3)
    tokenizer = load_vocabulary(run)

    def go(directory: Path, kill_at_look: int = 0) -> None:
        looks = iter(range(1, 100))

        def score_dev(_: Seq2Seq) -> float:
            look = next(looks)
            if look == kill_at_look:
                raise KeyboardInterrupt
            return 0.0

        directory.mkdir(exist_ok=True)
        pairs = load_pairs(words, run, tokenizer)
        Trainer(words, directory, pairs, tokenizer, process=ALONE, score_dev=score_dev).run()

    go(tmp_path / "whole")
    for look in (2, 3):
        with pytest.raises(KeyboardInterrupt):
            go(tmp_path / str(look), look)
        go(tmp_path / str(look))
        whole, resumed = (
            checkpoint.load(tmp_path / name / "last.pt") for name in ("whole", str(look))
        )
        assert whole["progress"]["epoch"] > 0
        assert whole["network"].keys() == resumed["network"].keys()
        for name, weights in whole["network"].items():
            assert torch.equal(weights, resumed["network"][name]), name
