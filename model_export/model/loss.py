"""Label-smoothed cross-entropy of a tied output layer, alone or mixed with copying."""

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from model_export.model.chunked import ChunkedOutput, chunks, differentiable


class Copying(NamedTuple):
    """What a model that copies predicts a target with, besides the output layer.

    Attributes:
        odds: Log-odds of generating, [N], float32.
        mass: Attention on the target's occurrences in the source, within 0..1, [N], float32.
    """

    odds: Tensor
    mass: Tensor


def smoothed_cross_entropy(  # noqa: PLR0917  # as PyTorch has them
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    smoothing: float,
    copying: Copying | None = None,
) -> Tensor:
    """Sum over rows of the cross-entropy against smoothed one-hot targets.

    The target distribution is (1 - e) one-hot + e / V (Szegedy et al. 2016, sec. 7); the gradient
    of a row's logits is softmax - target.

    A model that copies pays -log p(y) of the mixture p = g p_vocab + (1 - g) m. With
    r = g p_vocab(y) / p(y), what the output layer has of it, the gradients are r (softmax -
    one-hot) for the logits, g - r for the odds and -(1 - g) / p(y) for m. Only the generated
    part is smoothed, in that proportion: r (softmax - smoothed target). A smoothed mixture
    would charge every copied token for the words that it is not, and so tax the gate. Of a
    gate that is always open (g = 1) this is the plain cost.

    Args:
        features: What tokens are predicted from, [N, D].
        weight: Of the output layer, [V, D].
        bias: Of the output layer, [V].
        targets: y, [N].
        smoothing: e.
        copying: None of a model that only generates.

    Returns:
        Natural logarithm, down is better, [], float32.
    """
    cost = partial(_cost, targets, smoothing)
    return differentiable(cost, features, weight, bias, *(copying or ()))


def _cost(
    targets: Tensor,
    smoothing: float,
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    *copying: Tensor,
) -> tuple[Tensor, list[Tensor]]:
    """The cost, and its gradients on features, weight, bias and `Copying`'s two, if given."""
    layer = ChunkedOutput(features, weight, bias)
    grad_copying = [torch.empty_like(each) for each in copying]
    loss = torch.zeros((), device=features.device)
    for part in chunks(len(targets)):
        target = targets[part].unsqueeze(1)
        log_probs = layer.log_probs(part)
        generated = log_probs.gather(1, target)
        excess = smoothing * (generated - log_probs.mean(1, keepdim=True))
        grad = log_probs.exp_().sub_(smoothing / len(weight))
        grad.scatter_add_(1, target, torch.full_like(grad[:, :1], smoothing - 1))
        if copying:
            mixed = _mixed(generated.squeeze(1), Copying(*(each[part] for each in copying)))
            loss += (mixed.share.unsqueeze(1) * excess).sum() - mixed.log_probs.sum()
            layer.add_gradient(part, grad, mixed.share)
            for grads, found in zip(grad_copying, mixed.gradients, strict=True):
                grads[part] = found
        else:
            loss += (excess - generated).sum()
            layer.add_gradient(part, grad)
    return loss, layer.gradients + grad_copying


class _Mixed(NamedTuple):
    """Of N targets: log p(y), r, and what -log p(y) grows by with the odds and with m, all [N]."""

    log_probs: Tensor
    share: Tensor
    gradients: tuple[Tensor, Tensor]


def _mixed(generated: Tensor, copying: Copying) -> _Mixed:
    """The mixture for log p_vocab(y), [N]; in logarithms, so that neither part is lost."""
    log_gate, log_copy = F.logsigmoid(copying.odds), F.logsigmoid(-copying.odds)
    log_probs = torch.logaddexp(log_gate + generated, log_copy + copying.mass.log())
    share = (log_gate + generated - log_probs).exp()
    # -(1 - g) / p(y) is at most 1 / m, so it is finite where m is; elsewhere nothing is copied.
    grad_mass = -(log_copy - log_probs).exp()
    grad_mass = torch.where(copying.mass < torch.finfo(torch.float32).tiny, 0.0, grad_mass)
    return _Mixed(log_probs, share, (log_gate.exp() - share, grad_mass))
