"""Several networks as one, against the plain product of what each finds likely."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from model_export import checkpoint
from model_export.__main__ import main
from model_export.config import AttentionKind, EncoderKind, VocabularyConfig
from model_export.ensemble import EnsembleDecoder, load_ensemble
from model_export.errors import CheckpointError
from model_export.model.search import SteppedDecoder, TorchDecoder
from model_export.model.seq2seq import Seq2Seq
from model_export.vocabulary import load_vocabulary, train_vocabulary
from service.decoding.batch import decode
from service.domain import FloatArray, SearchOptions
from tests.bundle.making import RECIPE, prepare_run
from tests.model.test_search import assert_same, rules
from tests.networks import (
    IDS,
    asking,
    loud_network,
    random_sources,
    search_options,
    tiny_config,
)
from tests.reference_search import Logits, beam_search, exhaustive_search


def together(networks: Sequence[Seq2Seq]) -> EnsembleDecoder:
    return EnsembleDecoder([TorchDecoder(each, IDS, steps=3) for each in networks])


def mean_of(networks: Sequence[Seq2Seq], source: Sequence[int]) -> Logits:
    """The slow twin: the logarithm of the mean of the probabilities."""
    asked = [asking(network, source) for network in networks]

    def logits(prefix: tuple[int, ...]) -> FloatArray:
        probabilities = []
        for ask in asked:
            found = ask(prefix).astype(np.float64)
            odds = np.exp(found - found.max())
            probabilities.append(odds / odds.sum())
        return np.asarray(np.log(np.mean(probabilities, axis=0)), dtype=np.float32)

    return logits


@pytest.mark.parametrize(
    "options",
    [search_options(4), search_options(1), search_options(3, num_hypotheses=1)],
    ids=str,
)
def test_networks_unlike_each_other_are_searched_together(options: SearchOptions) -> None:
    networks = [
        loud_network(config, vocabulary_size=12, seed=seed)
        for seed, config in enumerate(
            [
                tiny_config(),
                tiny_config(attention=AttentionKind.NONE, size=24),
                tiny_config(EncoderKind.SELF_ATTENTION, AttentionKind.DOT),
            ]
        )
    ]
    sources = random_sources([6, 1, 17, 3], vocabulary_size=12, seed=2)
    for source, found in zip(sources, decode(together(networks), sources, options), strict=True):
        expected = beam_search(mean_of(networks, source), rules(options))
        assert_same(found, expected[: options.num_hypotheses], options)


def test_a_wide_beam_is_exhaustive() -> None:
    networks = [loud_network(vocabulary_size=7, seed=seed) for seed in (8, 9)]
    sources = random_sources([4, 9], vocabulary_size=7)
    options = search_options(160, max_decoding_length=3)
    for source, found in zip(sources, decode(together(networks), sources, options), strict=True):
        expected = exhaustive_search(mean_of(networks, source), rules(options))
        assert_same(found[:20], expected[:20], options)


def test_twins_say_what_one_says() -> None:
    network = loud_network(vocabulary_size=12, seed=1)
    sources = random_sources([5, 2], vocabulary_size=12)
    options = search_options(4)
    alone = decode(TorchDecoder(network, IDS), sources, options)
    twins = decode(together([network, network]), sources, options)
    for one, two in zip(alone, twins, strict=True):
        assert [each.token_ids for each in one] == [each.token_ids for each in two]
        for left, right in zip(one, two, strict=True):
            assert left.attention is not None
            assert right.attention is not None
            np.testing.assert_allclose(left.attention, right.attention, atol=1e-6)


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two runs of other networks and one vocabulary."""
    runs = [tmp_path / "first", tmp_path / "second"]
    for seed, run in enumerate(runs):
        prepare_run(run)
        size = load_vocabulary(run).vocabulary_size
        network = loud_network(RECIPE.model, vocabulary_size=size, seed=seed)
        checkpoint.write_model(run, network.config, network.state_dict(), checkpoint.Progress())
    return runs


def test_runs_are_loaded_together(runs: list[Path]) -> None:
    alone: SteppedDecoder
    alone, _ = load_ensemble(runs[:1])
    both, tokenizer = load_ensemble(runs)
    assert isinstance(alone, TorchDecoder)
    assert isinstance(both, EnsembleDecoder)
    source = [*tokenizer.encode("3 1 4"), tokenizer.end_id]
    (found,) = decode(both, [source], search_options(2))
    expected = beam_search(
        mean_of([member.network for member in both.members], source), rules(search_options(2))
    )
    assert_same(found, expected, search_options(2))


def test_runs_that_cannot_go_together_are_refused(runs: list[Path]) -> None:
    spm = runs[1] / "vocabulary.spm"
    content = spm.read_bytes()
    spm.write_bytes(train_vocabulary(VocabularyConfig(size=300), (), ["1 2 3"]))
    with pytest.raises(CheckpointError, match="second has another vocabulary than"):
        load_ensemble(runs)
    spm.write_bytes(content)
    model = checkpoint.load(runs[1] / checkpoint.MODEL_NAME)
    del model["model"]
    checkpoint.save(runs[1] / checkpoint.MODEL_NAME, model)
    with pytest.raises(CheckpointError, match="which network it is of; write it anew with"):
        load_ensemble(runs)


def test_the_command_scores_each_corpus(
    runs: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(
        """
name = "tiny"
task = "translation"
directions = [{ source = "en", target = "de" }]
data.train = [{ generator = "reversed_letters", count = 200, max_letters = 12 }]
data.dev_fraction = 0.2
vocabulary.size = 300
training.max_steps = 1
search = { beam_size = 3, max_decoding_length = 12 }
card = { description = "Knows nothing.", licence = "CC0" }
"""
    )
    arguments = ["ensemble", str(recipe), "--run", str(runs[0]), "--runs", *map(str, runs)]
    with caplog.at_level("INFO"):
        assert main(arguments) == 0
    assert [record.message.split(" (")[0].rsplit(" ", 1)[0] for record in caplog.records] == [
        "reversed-letters: BLEU",
        "reversed-letters: chrF",
    ]
