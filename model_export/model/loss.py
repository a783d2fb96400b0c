"""Label-smoothed cross-entropy of a tied output layer, without the logits ever in one piece."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

# Rows of logits worked on at a time: 1024 x 8k float32 is 32 MiB, about a cache.
CHUNK_ROWS = 384


class SmoothedCrossEntropy(torch.autograd.Function):
    """Sum over rows of the cross-entropy against smoothed one-hot targets.

    The target distribution is (1 - e) one-hot + e / V (Szegedy et al. 2016, sec. 7). Loss and
    gradients are made in one pass over chunks of rows, since the gradient of a row's logits,
    softmax - target, needs nothing from outside the row.
    """

    @staticmethod
    def forward(  # noqa: PLR0917  # autograd passes its arguments by position
        ctx: Any, features: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, smoothing: float
    ) -> Tensor:
        """Loss [] (float32) of features [N, D], weight [V, D], bias [V], targets [N]."""
        dtype = features.dtype
        weight_cast = weight.to(dtype)
        bias_cast = bias.to(dtype)
        vocabulary = weight.shape[0]
        grad_features = torch.empty_like(features)
        grad_weight = torch.zeros_like(weight, dtype=torch.float32)
        grad_bias = torch.zeros_like(bias, dtype=torch.float32)
        loss = torch.zeros((), device=features.device)
        for start in range(0, features.shape[0], CHUNK_ROWS):
            rows = features[start : start + CHUNK_ROWS]
            target = targets[start : start + CHUNK_ROWS].unsqueeze(1)
            logits = torch.addmm(bias_cast, rows, weight_cast.T)
            log_probs = F.log_softmax(logits, dim=1, dtype=torch.float32)
            picked = log_probs.gather(1, target).sum()
            loss -= (1 - smoothing) * picked + smoothing / vocabulary * log_probs.sum()
            grad = log_probs.exp_().sub_(smoothing / vocabulary)
            grad.scatter_add_(1, target, torch.full_like(grad[:, :1], smoothing - 1))
            grad_bias += grad.sum(0)
            grad_cast = grad.to(dtype)
            grad_features[start : start + CHUNK_ROWS] = grad_cast @ weight_cast
            grad_weight += grad_cast.T @ rows
        ctx.save_for_backward(grad_features, grad_weight, grad_bias)
        return loss

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (scale,) = grads
        features, weight, bias = ctx.saved_tensors
        return features * scale, weight * scale, bias * scale, None, None


def smoothed_cross_entropy(
    features: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, smoothing: float
) -> Tensor:
    """See `SmoothedCrossEntropy`; typed."""
    loss: Tensor = SmoothedCrossEntropy.apply(  # type: ignore[no-untyped-call]  # torch has no types for it
        features, weight, bias, targets, smoothing
    )
    return loss
