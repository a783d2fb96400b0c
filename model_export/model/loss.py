"""Label-smoothed cross-entropy of a tied output layer, without the logits ever in one piece."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

# Rows of logits worked on at a time: 1024 x 8k float32 is 32 MiB, about a cache.
CHUNK_ROWS = 384


class Copying(NamedTuple):
    """What a model that copies predicts a target with, besides the output layer.

    Attributes:
        odds: Log-odds of generating, [N], float32.
        mass: Attention on the target's occurrences in the source, within 0..1, [N], float32.
    """

    odds: Tensor
    mass: Tensor


class SmoothedCrossEntropy(torch.autograd.Function):
    """Sum over rows of the cross-entropy against smoothed one-hot targets.

    The target distribution is (1 - e) one-hot + e / V (Szegedy et al. 2016, sec. 7). Loss and
    gradients are made in one pass over chunks of rows, since the gradient of a row's logits,
    softmax - target, needs nothing from outside the row.

    A model that copies pays -log p(y) of the mixture p = g p_vocab + (1 - g) m. With
    r = g p_vocab(y) / p(y), what the output layer has of it, the gradients are r (softmax -
    one-hot) for the logits, g - r for the odds and -(1 - g) / p(y) for m. Only the generated
    part is smoothed, in that proportion: r (softmax - smoothed target). A smoothed mixture
    would charge every copied token for the words that it is not, and so tax the gate. Of a
    gate that is always open (g = 1) this is the plain cost.
    """

    @staticmethod
    def forward(  # noqa: PLR0917  # autograd passes its arguments by position
        ctx: Any,
        features: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        smoothing: float,
        odds: Tensor | None,
        mass: Tensor | None,
    ) -> Tensor:
        """Loss [] (float32) of features [N, D], weight [V, D], bias [V], targets [N]."""
        dtype = features.dtype
        weight_cast = weight.to(dtype)
        bias_cast = bias.to(dtype)
        vocabulary = weight.shape[0]
        grad_features = torch.empty_like(features)
        grad_weight = torch.zeros_like(weight, dtype=torch.float32)
        grad_bias = torch.zeros_like(bias, dtype=torch.float32)
        grad_copying: list[tuple[Tensor, Tensor]] = []
        loss = torch.zeros((), device=features.device)
        for start in range(0, features.shape[0], CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            rows = features[part]
            target = targets[part].unsqueeze(1)
            logits = torch.addmm(bias_cast, rows, weight_cast.T)
            log_probs = F.log_softmax(logits, dim=1, dtype=torch.float32)
            generated = log_probs.gather(1, target)
            excess = smoothing * (generated - log_probs.mean(1, keepdim=True))
            grad = log_probs.exp_().sub_(smoothing / vocabulary)
            grad.scatter_add_(1, target, torch.full_like(grad[:, :1], smoothing - 1))
            grad_cast = grad.to(dtype)
            grad_features[part] = grad_cast @ weight_cast
            if odds is None or mass is None:
                loss += (excess - generated).sum()
                grad_bias += grad.sum(0)
                grad_weight += grad_cast.T @ rows
            else:
                mixed = _mixed(generated.squeeze(1), Copying(odds[part], mass[part]))
                share = mixed.share.unsqueeze(1)
                loss += (share * excess).sum() - mixed.log_probs.sum()
                grad_bias += grad.T @ mixed.share
                grad_features[part] *= share.to(dtype)
                grad_weight += grad_cast.T @ (rows * share.to(dtype))
                grad_copying.append((mixed.grad_odds, mixed.grad_mass))
        copied = [torch.cat(each) for each in zip(*grad_copying, strict=True)]
        ctx.save_for_backward(grad_features, grad_weight, grad_bias, *copied)
        return loss

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (scale,) = grads
        features, weight, bias, *copied = (each * scale for each in ctx.saved_tensors)
        return features, weight, bias, None, None, *(copied or (None, None))


class _Mixed(NamedTuple):
    """Of N targets: log p(y), r, and what -log p(y) grows by with the odds and with m."""

    log_probs: Tensor
    share: Tensor
    grad_odds: Tensor
    grad_mass: Tensor


def _mixed(generated: Tensor, copying: Copying) -> _Mixed:
    """The mixture for log p_vocab(y), [N]; in logarithms, so that neither part is lost."""
    log_gate, log_copy = F.logsigmoid(copying.odds), F.logsigmoid(-copying.odds)
    log_probs = torch.logaddexp(log_gate + generated, log_copy + copying.mass.log())
    share = (log_gate + generated - log_probs).exp()
    # -(1 - g) / p(y) is at most 1 / m, so it is finite where m is; elsewhere nothing is copied.
    grad_mass = -(log_copy - log_probs).exp()
    grad_mass = torch.where(copying.mass < torch.finfo(torch.float32).tiny, 0.0, grad_mass)
    return _Mixed(log_probs, share, log_gate.exp() - share, grad_mass)


def smoothed_cross_entropy(  # noqa: PLR0917  # as autograd has them
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    smoothing: float,
    copying: Copying | None = None,
) -> Tensor:
    """See `SmoothedCrossEntropy`; typed."""
    loss: Tensor = SmoothedCrossEntropy.apply(  # type: ignore[no-untyped-call]  # torch has no types for it
        features, weight, bias, targets, smoothing, *(copying or (None, None))
    )
    return loss
