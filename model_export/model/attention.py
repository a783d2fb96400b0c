"""Attention: let each decoder step look at all encoder outputs.

A query (the decoder state) scores every key, a softmax over the real source tokens turns
scores into weights, and the weighted sum of the encoder outputs is the context::

    alpha_tj = softmax_j(score(s_t, h_j))        c_t = sum_j alpha_tj h_j

Scores, per head (several heads split D evenly; one head is the papers' form):

- dot       s . h / sqrt(d)            Luong et al. 2015, eq. 8, scaled as in Vaswani et al. 2017
- general   s . (W h) / sqrt(d)        Luong et al. 2015, eq. 8
- additive  v . tanh(W s + U h + b)    Bahdanau et al. 2015, appendix A.1.2

What depends on the source alone (W h, U h + b) is the *keys*, computed once per sentence.
Values are the encoder outputs themselves, so a context stays within their bounds.
"""

import math

import torch
from torch import Tensor, nn

from model_export.config import AttentionKind


class Attention(nn.Module):
    """One of the scoring functions above, with `heads` heads of D / heads each."""

    def __init__(self, kind: AttentionKind, size: int, heads: int) -> None:
        super().__init__()
        if kind is AttentionKind.NONE:
            raise ValueError("attention 'none' has nothing to score")
        self.kind = kind
        self.heads = heads
        self.scale = 1.0 / math.sqrt(size // heads)
        if kind is AttentionKind.GENERAL:
            self.key = nn.Linear(size, size, bias=False)
        elif kind is AttentionKind.ADDITIVE:
            self.key = nn.Linear(size, size)
            self.query = nn.Linear(size, size, bias=False)
            self.energy = nn.Parameter(torch.empty(heads, size // heads).uniform_(-0.1, 0.1))

    def keys(self, memory: Tensor) -> Tensor:
        """What a query is compared with: [B, S, D] of the encoder outputs [B, S, D]."""
        if self.kind is AttentionKind.DOT:
            return memory
        keys: Tensor = self.key(memory)
        return keys

    def forward(
        self, query: Tensor, keys: Tensor, values: Tensor, bias: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Attend once.

        Args:
            query: Decoder states, [B, K, D]; K rows look at the same source.
            keys: From `keys`, split into heads by `split`, [B, N, S, D/N].
            values: Encoder outputs, split alike.
            bias: 0 for source tokens and -inf for padding, [B, 1, 1, S].

        Returns:
            Contexts [B, K, D], and weights [B, N, K, S] that sum to 1 over S.
        """
        if self.kind is AttentionKind.ADDITIVE:
            projected = self.split(self.query(query))
            hidden = torch.tanh(projected.unsqueeze(3) + keys.unsqueeze(2))  # [B, N, K, S, D/N]
            scores = torch.einsum("bnksd,nd->bnks", hidden, self.energy.to(hidden.dtype))
        else:
            scores = self.split(query) @ keys.transpose(2, 3) * self.scale
        weights = torch.softmax(scores.float() + bias, dim=-1)
        context = weights.to(values.dtype) @ values
        return context.transpose(1, 2).flatten(2), weights

    def split(self, tensor: Tensor) -> Tensor:
        """[B, X, D] -> [B, N, X, D/N]."""
        return split_heads(tensor, self.heads)


def split_heads(tensor: Tensor, heads: int) -> Tensor:
    """[B, X, D] -> [B, N, X, D/N] with N = `heads`."""
    sources, width, size = tensor.shape
    return tensor.view(sources, width, heads, size // heads).transpose(1, 2)
