"""Copying in PyTorch: what it adds up to, and what it learns that generating cannot."""

import numpy as np
import pytest
import torch
from torch import Tensor

from model_export.config import ModelConfig
from model_export.errors import RecipeError
from model_export.model.copying import copied_mass, mixture
from model_export.model.search import TorchDecoder
from model_export.model.seq2seq import Seq2Seq
from model_export.recipe import parse_recipe
from service.decoding.batch import decode
from tests.model.toy_training import toy_recipe
from tests.networks import (
    COPYING,
    END,
    FIRST_WORD,
    IDS,
    PAD,
    START,
    UNKNOWN,
    search_options,
    tiny_config,
)

VOCABULARY = 60
# Words that training shows, and words that it never does.
SEEN, UNSEEN = (FIRST_WORD + 1, 40), (40, VOCABULARY)
ASKED_FOR = FIRST_WORD


def test_the_mixture_by_hand() -> None:
    """V = 4; token 2 stands twice in the source, token 3 only where nothing is looked at."""
    generated = torch.tensor([[[0.1, 0.2, 0.3, 0.4]]]).log()
    weights = torch.tensor([[[0.5, 0.25, 0.25, 0.0]]])
    source = torch.tensor([[2, 1, 2, 3]])
    found = mixture(generated, torch.logit(torch.tensor([[0.6]])), weights, source).exp()
    expected = [0.06, 0.12 + 0.1, 0.18 + 0.3, 0.24]
    torch.testing.assert_close(found[0, 0], torch.tensor(expected))
    mass = copied_mass(weights, source, torch.tensor([[2]]))
    torch.testing.assert_close(mass, torch.tensor([[0.75]]))


def test_the_cost_is_that_of_the_mixture() -> None:
    """What training charges a target is -log p(y), of the p that is searched."""
    torch.manual_seed(0)
    network = Seq2Seq(tiny_config(*COPYING[0]), VOCABULARY, pad_id=PAD, unk_id=UNKNOWN)
    source = torch.tensor([[9, 7, 9, 5, END], [30, 31, END, PAD, PAD]])
    lengths = torch.tensor([5, 3])
    targets = torch.tensor([[9, 33, END], [31, END, PAD]])
    inputs = torch.tensor([[START, 9, 33], [START, 31, END]])
    with torch.no_grad():
        cost = network(source, lengths, inputs, targets)
        begun, state = network.decoder.begin(network.encode(source, lengths), lengths)
        taught = network.decoder.teach(begun, state, network.embedding(inputs))
        assert taught.odds is not None
        assert taught.weights is not None
        generated = torch.log_softmax(network.logits(taught.features), dim=-1)
        log_probs = mixture(generated, taught.odds, taught.weights, source)
    picked = log_probs.gather(2, targets.unsqueeze(2)).squeeze(2)
    torch.testing.assert_close(cost, -picked[targets != PAD].sum())


def after_the_mark(words: tuple[int, int], count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Sources [count, 7] of five words, one of them asked for by a mark, and those words."""
    random = np.random.default_rng(seed)
    drawn = random.integers(*words, (count, 5))
    place = random.integers(0, 5, count)
    sources = [
        [*row[:at], ASKED_FOR, *row[at:], END]
        for row, at in zip(drawn.tolist(), place, strict=True)
    ]
    return torch.tensor(sources), torch.from_numpy(drawn[np.arange(count), place])


def answered(config: ModelConfig, words: tuple[int, int]) -> float:
    """Share of the words asked for that a network says after some seconds of training."""
    torch.manual_seed(1)
    network = Seq2Seq(config, VOCABULARY, pad_id=PAD, unk_id=UNKNOWN)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    for step in range(150):
        source, words_asked = after_the_mark(SEEN, 64, step)
        end = torch.full_like(words_asked, END)
        cost = network(
            source,
            torch.full((64,), 7),
            torch.stack([torch.full_like(end, START), words_asked], dim=1),
            torch.stack([words_asked, end], dim=1),
            label_smoothing=0.1,
        )
        optimizer.zero_grad()
        (cost / 128).backward()
        optimizer.step()
    model = TorchDecoder(network.eval(), IDS)
    sources, asked = after_the_mark(words, 50, 1000)
    answers = decode(model, sources.tolist(), search_options(1))
    right = [
        each.token_ids == (word,) for [each], word in zip(answers, asked.tolist(), strict=True)
    ]
    return sum(right) / len(right)


def test_words_that_were_never_seen_are_copied() -> None:
    config = tiny_config(*COPYING[0], size=32, layers=1)
    assert answered(config, UNSEEN) > 0.9


def test_without_copying_they_cannot_be_said() -> None:
    config = tiny_config(size=32, layers=1)
    assert answered(config, UNSEEN) < 0.1


def test_the_recipes_key_is_copy() -> None:
    recipe = toy_recipe().model_dump(mode="json")
    assert recipe["model"]["copy"] is False
    recipe["model"]["copy"] = True
    assert parse_recipe(recipe).model.copies
    recipe["training"]["r_drop"] = 1.0
    with pytest.raises(RecipeError, match="r_drop compares what is generated"):
        parse_recipe(recipe)
    recipe["training"]["r_drop"] = 0.0
    recipe["model"]["attention"] = "none"
    with pytest.raises(RecipeError, match="copy = true needs an attention"):
        parse_recipe(recipe)
