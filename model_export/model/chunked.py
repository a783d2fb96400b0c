"""Costs of a tied output layer, computed without the logits ever in one piece.

A batch of 4,096 targets and 8,000 tokens would have 125 MiB of logits, and as much again of their
gradients. But the gradient of a row's logits needs nothing from outside the row: so a cost and
its gradients are made together, chunk of rows by chunk, and what is kept for the backward pass is
as large as the layer's inputs.

N targets, D features, V tokens.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

# Rows of logits worked on at a time: 384 x 8k float32 is 12 MiB, about a cache.
CHUNK_ROWS = 384

# Rows of the features: of [N, D] a slice, of several passes [P, N, D] a pass and a slice of it.
Rows = slice | tuple[int, slice]

# A cost [] of some tensors, and its gradients on them.
Cost = Callable[..., tuple[Tensor, list[Tensor]]]


def chunks(rows: int) -> Iterator[slice]:
    """All of `rows` rows, so many at a time."""
    for start in range(0, rows, CHUNK_ROWS):
        yield slice(start, start + CHUNK_ROWS)


class ChunkedOutput:
    """The output layer while a cost of it is computed: it gathers what its inputs' gradients are.

    Products are made in the type of the features, sums over rows in float32.
    """

    def __init__(self, features: Tensor, weight: Tensor, bias: Tensor) -> None:
        """Of features [N, D] or [P, N, D], with weight [V, D] and bias [V]."""
        self._features = features
        self._weight = weight.to(features.dtype)
        self._bias = bias.to(features.dtype)
        self._grad_features = torch.empty_like(features)
        self._grad_weight = torch.zeros_like(weight, dtype=torch.float32)
        self._grad_bias = torch.zeros_like(bias, dtype=torch.float32)

    def log_probs(self, rows: Rows) -> Tensor:
        """Natural log-probability of every token in each row, [n, V], float32."""
        logits = torch.addmm(self._bias, self._features[rows], self._weight.T)
        return F.log_softmax(logits, dim=1, dtype=torch.float32)

    def add_gradient(self, rows: Rows, grad: Tensor, share: Tensor | None = None) -> None:
        """Take in the gradient of the cost on the logits of `rows`, each row once.

        Args:
            rows: Which.
            grad: [n, V], float32.
            share: Factor of each row of `grad`, [n], float32; None is 1.
        """
        features = self._features[rows]
        grad_cast = grad.to(features.dtype)
        grad_features = grad_cast @ self._weight
        if share is None:
            self._grad_bias += grad.sum(0)
        else:
            self._grad_bias += grad.T @ share
            share_cast = share.unsqueeze(1).to(features.dtype)
            grad_features *= share_cast
            features = features * share_cast
        self._grad_features[rows] = grad_features
        self._grad_weight += grad_cast.T @ features

    @property
    def gradients(self) -> list[Tensor]:
        """On features, weight and bias, when every row has been taken in."""
        return [self._grad_features, self._grad_weight, self._grad_bias]


def differentiable(cost: Cost, *inputs: Tensor) -> Tensor:
    """The cost of `inputs`, [], whose backward pass only scales the gradients made with it."""
    result: Tensor = _WithGradients.apply(cost, *inputs)  # type: ignore[no-untyped-call]  # torch has no types for it
    return result


class _WithGradients(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, cost: Cost, *inputs: Tensor) -> Tensor:
        result, gradients = cost(*inputs)
        ctx.save_for_backward(*gradients)
        return result

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (scale,) = grads
        return None, *(gradient * scale for gradient in ctx.saved_tensors)
