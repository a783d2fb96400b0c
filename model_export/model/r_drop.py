"""R-Drop: the cost of two passes, and of what sets their predictions apart (Liang et al. 2021).

Every target is predicted twice, by passes that differ in what dropout left of the network, and
the two predictions p and q are drawn to each other::

    cost = (CE(p) + CE(q)) / 2  +  a/2 (KL(p || q) + KL(q || p)) / 2

which is half of the paper's eq. 4, so that a = 0 is the plain cost and a is the paper's. CE is
label-smoothed as in `model_export.model.loss`.
"""

from functools import partial

import torch
from torch import Tensor

from model_export.model.chunked import ChunkedOutput, chunks, differentiable


def r_drop_cross_entropy(  # noqa: PLR0917  # as `smoothed_cross_entropy`
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    smoothing: float,
    alpha: float,
) -> Tensor:
    """The module's cost, summed over N targets.

    Args:
        features: What tokens are predicted from, of both passes, [2, N, D].
        weight: Of the output layer, [V, D].
        bias: Of the output layer, [V].
        targets: [N].
        smoothing: Probability spread over the vocabulary.
        alpha: a, the weight of the divergences.

    Returns:
        Natural logarithm, down is better, [], float32.
    """
    return differentiable(partial(_cost, targets, smoothing, alpha), features, weight, bias)


def _cost(  # noqa: PLR0917  # settings, then what the gradients are on
    targets: Tensor, smoothing: float, alpha: float, features: Tensor, weight: Tensor, bias: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """The cost, and its gradients on features, weight and bias.

    With d = log p - log q, the divergences' gradients on the logits of p are
    p (d - KL(p || q)) and p - q; on those of q the same with p and q exchanged.
    """
    layer = ChunkedOutput(features, weight, bias)
    vocabulary = len(weight)
    loss = torch.zeros((), device=features.device)
    for part in chunks(len(targets)):
        target = targets[part].unsqueeze(1)
        log_probs = [layer.log_probs((one, part)) for one in (0, 1)]
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
            layer.add_gradient((own, part), grad)
    return loss, layer.gradients
