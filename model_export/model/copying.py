"""Copying: a token of the source as the next target token, by the attention it gets.

The pointer-generator (See et al. 2017, eq. 8 and 9; Gu et al. 2016, "CopyNet") mixes what the
output layer generates with what attention points at::

    g_t    = sigmoid(w . [s_t; c_t; E y_{t-1}] + b)
    p(y_t) = g_t p_vocab(y_t) + (1 - g_t) sum_j alpha_tj [x_j = y_t]

Source and target share one vocabulary of pieces, so a copied word needs no id of its own and
what was copied is fed back like any other token. alpha is the mean over the heads: the weights
that answers are explained by are then the ones that they were copied with.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CopyGate(nn.Module):
    """The log-odds of generating, w . [s; c; E y] + b; its sigmoid is g."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(3 * size, 1)

    def forward(self, joined: Tensor) -> Tensor:
        """Log-odds [...] of [s; c; E y], [..., 3D]; float32."""
        odds: Tensor = self.linear(joined)
        return odds.squeeze(-1).float()


def copied_mass(weights: Tensor, source: Tensor, targets: Tensor) -> Tensor:
    """sum_j alpha_tj [x_j = y_t]: the attention on a target's own occurrences in the source.

    Args:
        weights: alpha, 0 at padding, [B, T, S].
        source: Source ids, [B, S].
        targets: y, [B, T].

    Returns:
        [B, T], within 0..1.
    """
    same = source.unsqueeze(1) == targets.unsqueeze(2)
    return (weights * same).sum(-1)


def mixture(generated: Tensor, odds: Tensor, weights: Tensor, source: Tensor) -> Tensor:
    """Log-probabilities log p(y) of every token.

    Args:
        generated: log p_vocab, [B, K, V].
        odds: From `CopyGate`, [B, K].
        weights: alpha, 0 at padding, [B, K, S].
        source: Source ids, [B, S].

    Returns:
        [B, K, V], float32.
    """
    odds = odds.unsqueeze(2)
    places = source.unsqueeze(1).expand_as(weights)
    copied = torch.zeros_like(generated).scatter_add_(2, places, weights)
    return torch.logaddexp(F.logsigmoid(odds) + generated, F.logsigmoid(-odds) + copied.log())
