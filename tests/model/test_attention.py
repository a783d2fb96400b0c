"""Attention against a slow twin that loops over sources, heads, queries and keys."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from model_export.config import AttentionKind
from model_export.model.attention import Attention, split_heads

B, K, S, D = 3, 2, 5, 12
KINDS = [AttentionKind.DOT, AttentionKind.GENERAL, AttentionKind.ADDITIVE]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> AttentionKind:
    return AttentionKind(request.param)


@pytest.fixture(params=[1, 3], ids=["one head", "three heads"])
def attention(kind: AttentionKind, request: pytest.FixtureRequest) -> Attention:
    torch.manual_seed(1)
    attention = Attention(kind, D, request.param)
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return attention


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    """Queries [B, K, D], memory [B, S, D] and lengths [B]."""
    generator = torch.Generator().manual_seed(2)
    return (
        torch.randn(B, K, D, generator=generator),
        torch.randn(B, S, D, generator=generator),
        torch.tensor([5, 3, 1]),
    )


def attend(attention: Attention, query: Tensor, memory: Tensor, lengths: Tensor) -> list[Tensor]:
    bias = torch.where(torch.arange(memory.shape[1]) < lengths[:, None], 0.0, -math.inf)
    keys = attention.split(attention.keys(memory))
    with torch.no_grad():
        return list(attention(query, keys, attention.split(memory), bias[:, None, None]))


def score(attention: Attention, query: Tensor, memory: Tensor, head: int) -> float:
    """The module docstring's formula for one query [D] and one encoder output [D]."""
    size = D // attention.heads
    part = slice(head * size, (head + 1) * size)
    match attention.kind:
        case AttentionKind.DOT:
            return float(query[part] @ memory[part]) / math.sqrt(size)
        case AttentionKind.GENERAL:
            return float(query[part] @ (attention.key.weight @ memory)[part]) / math.sqrt(size)
        case AttentionKind.ADDITIVE:
            key = attention.key.weight @ memory + attention.key.bias
            hidden = torch.tanh((attention.query.weight @ query)[part] + key[part])
            return float(attention.energy[head] @ hidden)
    raise AssertionError(attention.kind)


@torch.no_grad()
def slow_twin(
    attention: Attention, query: Tensor, memory: Tensor, lengths: Tensor
) -> tuple[Tensor, Tensor]:
    size = D // attention.heads
    contexts = torch.zeros(B, K, D)
    weights = torch.zeros(B, attention.heads, K, S)
    for b in range(B):
        for head in range(attention.heads):
            for k in range(K):
                scores = [
                    score(attention, query[b, k], memory[b, j], head) for j in range(lengths[b])
                ]
                powers = np.exp(scores)
                for j, power in enumerate(powers):
                    weight = float(power / powers.sum())
                    weights[b, head, k, j] = weight
                    part = slice(head * size, (head + 1) * size)
                    contexts[b, k, part] += weight * memory[b, j, part]
    return contexts, weights


def test_it_is_the_formula_head_by_head(attention: Attention) -> None:
    contexts, weights = attend(attention, *inputs())
    slow_contexts, slow_weights = slow_twin(attention, *inputs())
    torch.testing.assert_close(weights, slow_weights, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(contexts, slow_contexts, atol=1e-6, rtol=1e-5)


def test_weights_sum_to_one_and_padding_gets_none(attention: Attention) -> None:
    query, memory, lengths = inputs()
    _, weights = attend(attention, query, memory, lengths)
    torch.testing.assert_close(weights.sum(-1), torch.ones(B, attention.heads, K))
    for b, length in enumerate(lengths):
        assert not weights[b, :, :, length:].any()
        assert (weights[b, :, :, :length] > 0).all()


def test_what_stands_in_padding_changes_nothing(attention: Attention) -> None:
    query, memory, lengths = inputs()
    contexts, weights = attend(attention, query, memory, lengths)
    memory[1, 3:] = 100.0
    memory[2, 1:] = -100.0
    other_contexts, other_weights = attend(attention, query, memory, lengths)
    assert torch.equal(contexts, other_contexts)
    assert torch.equal(weights, other_weights)


def test_without_a_scoring_function_there_is_no_attention() -> None:
    with pytest.raises(ValueError, match="none"):
        Attention(AttentionKind.NONE, D, 1)


def test_heads_split_the_vector_in_order() -> None:
    rows = torch.arange(B * K * D).reshape(B, K, D)
    split = split_heads(rows, 3)
    for head in range(3):
        assert torch.equal(split[:, head], rows[:, :, head * 4 : head * 4 + 4])
