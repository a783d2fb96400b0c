"""R-Drop: the cost of two passes, and of what sets their predictions apart (Liang et al. 2021).

Every target is predicted twice, by passes that differ in what dropout left of the network, and
the two predictions p and q are drawn to each other::

    cost = (CE(p) + CE(q)) / 2  +  a/2 (KL(p || q) + KL(q || p)) / 2

which is half of the paper's eq. 4, so that a = 0 is the plain cost and a is the paper's. CE is
label-smoothed as in `model_export.model.loss`, and as there the logits are never in one piece.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from model_export.model.loss import CHUNK_ROWS


class RDropCrossEntropy(torch.autograd.Function):
    """The module's cost summed over N targets, its gradients made chunk by chunk.

    With d = log p - log q, the divergences' gradients on the logits of p are
    p (d - KL(p || q)) and p - q; on those of q the same with p and q exchanged.
    """

    @staticmethod
    def forward(  # noqa: PLR0917  # autograd passes its arguments by position
        ctx: Any,
        features: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        smoothing: float,
        alpha: float,
    ) -> Tensor:
        """Loss [] (float32) of features [2, N, D], weight [V, D], bias [V], targets [N]."""
        dtype = features.dtype
        weight_cast = weight.to(dtype)
        bias_cast = bias.to(dtype)
        vocabulary = weight.shape[0]
        grad_features = torch.empty_like(features)
        grad_weight = torch.zeros_like(weight, dtype=torch.float32)
        grad_bias = torch.zeros_like(bias, dtype=torch.float32)
        loss = torch.zeros((), device=features.device)
        for start in range(0, features.shape[1], CHUNK_ROWS):
            rows = features[:, start : start + CHUNK_ROWS]
            target = targets[start : start + CHUNK_ROWS].unsqueeze(1)
            logits = [torch.addmm(bias_cast, each, weight_cast.T) for each in rows]
            log_probs = [F.log_softmax(each, dim=1, dtype=torch.float32) for each in logits]
            probs = [each.exp() for each in log_probs]
            for own, other in ((0, 1), (1, 0)):
                picked = log_probs[own].gather(1, target).sum()
                cost = (1 - smoothing) * picked + smoothing / vocabulary * log_probs[own].sum()
                apart = log_probs[own] - log_probs[other]
                divergence = (probs[own] * apart).sum(1, keepdim=True)
                loss += alpha / 4 * divergence.sum() - cost / 2
                grad = apart.sub_(divergence).mul_(probs[own]).add_(probs[own]).sub_(probs[other])
                grad.mul_(alpha / 4).add_(probs[own], alpha=0.5).sub_(smoothing / vocabulary / 2)
                grad.scatter_add_(1, target, torch.full_like(grad[:, :1], (smoothing - 1) / 2))
                grad_bias += grad.sum(0)
                grad_cast = grad.to(dtype)
                grad_features[own, start : start + CHUNK_ROWS] = grad_cast @ weight_cast
                grad_weight += grad_cast.T @ rows[own]
        ctx.save_for_backward(grad_features, grad_weight, grad_bias)
        return loss

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (scale,) = grads
        features, weight, bias = ctx.saved_tensors
        return features * scale, weight * scale, bias * scale, None, None, None


def r_drop_cross_entropy(  # noqa: PLR0917  # as `smoothed_cross_entropy`
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    smoothing: float,
    alpha: float,
) -> Tensor:
    """See `RDropCrossEntropy`; typed."""
    loss: Tensor = RDropCrossEntropy.apply(  # type: ignore[no-untyped-call]  # torch has no types for it
        features, weight, bias, targets, smoothing, alpha
    )
    return loss
