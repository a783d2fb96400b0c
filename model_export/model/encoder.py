"""Encoders: source embeddings in, one vector per source token and one per source out.

All three have the same face, `(embedded, lengths) -> Encoded`, and keep D throughout:

- `GruEncoder`            bidirectional GRU (Cho et al. 2014; Bahdanau et al. 2015, sec. 3.2)
- `ConvEncoder`           gated convolutions with residuals (Gehring et al. 2017, sec. 3.1 and 3.2)
- `SelfAttentionEncoder`  Transformer layers, norm first (Vaswani et al. 2017; Xiong et al. 2020)
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from model_export.config import EncoderKind, ModelConfig
from model_export.model.attention import split_heads
from model_export.model.dropout import SequenceDropout


class Encoded(NamedTuple):
    """What the encoder says of a batch.

    Attributes:
        memory: One vector per source token, zero at padding, [B, S, D].
        summary: One vector per source, [B, D]: the fixed context of plain seq2seq.
    """

    memory: Tensor
    summary: Tensor


def source_mask(lengths: Tensor, width: int) -> Tensor:
    """True where a source has a token, [B, S], for `lengths` [B]."""
    return torch.arange(width, device=lengths.device) < lengths.unsqueeze(1)


def padding_bias(lengths: Tensor, width: int) -> Tensor:
    """Added to scores, 0 at a source's tokens and -inf at padding, [B, 1, 1, S], float32."""
    mask = source_mask(lengths, width)
    bias = torch.zeros(mask.shape, device=mask.device).masked_fill_(~mask, -torch.inf)
    return bias[:, None, None]


def sinusoids(width: int, size: int) -> Tensor:
    """Position embeddings of Vaswani et al. 2017, sec. 3.5: [S, D], sines then cosines."""
    rates = torch.exp(torch.arange(size // 2) * (-math.log(10_000.0) / (size // 2)))
    angles = torch.arange(width).unsqueeze(1) * rates
    return torch.cat([torch.sin(angles), torch.cos(angles)], dim=1)


class GruEncoder(nn.Module):
    """Stacked bidirectional GRUs, D/2 a direction; every output lies in [-1, 1].

    The summary joins the last forward and the first backward state (Sutskever et al. 2014).
    """

    def __init__(self, size: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.GRU(size, size // 2, batch_first=True, bidirectional=True) for _ in range(layers)
        )
        self.dropout = SequenceDropout(dropout)

    def forward(self, embedded: Tensor, lengths: Tensor) -> Encoded:
        width = embedded.shape[1]
        hidden, last = embedded, embedded
        for index, layer in enumerate(self.layers):
            packed = pack_padded_sequence(
                self.dropout(hidden) if index else hidden,
                lengths.cpu(),
                batch_first=True,
                enforce_sorted=False,
            )
            output, last = layer(packed)
            hidden, _ = pad_packed_sequence(output, batch_first=True, total_length=width)
        return Encoded(hidden, last.transpose(0, 1).flatten(1))


class ConvEncoder(nn.Module):
    """Convolutions over `kernel_size` tokens with gated linear units.

    ``x <- (x + GLU(conv(x))) * sqrt(0.5)``; padding is zeroed before every convolution, so
    that it is no different from the sentence's edge. The summary is the mean.
    """

    def __init__(self, size: int, layers: int, kernel_size: int, dropout: float) -> None:
        super().__init__()
        self.size = size
        self.convolutions = nn.ModuleList(
            nn.Conv1d(size, 2 * size, kernel_size, padding=kernel_size // 2) for _ in range(layers)
        )
        self.dropout = SequenceDropout(dropout)

    def forward(self, embedded: Tensor, lengths: Tensor) -> Encoded:
        width, size = embedded.shape[1:]
        mask = source_mask(lengths, width).unsqueeze(1)
        positions = sinusoids(width, size).to(embedded)
        hidden = ((embedded + positions) * mask.transpose(1, 2)).transpose(1, 2)  # [B, D, S]
        for convolution in self.convolutions:
            gated = F.glu(convolution(self.dropout(hidden)), dim=1)
            hidden = (hidden + gated) * math.sqrt(0.5) * mask
        memory = torch.tanh(hidden.transpose(1, 2))
        return Encoded(memory, _mean(memory, lengths))


class SelfAttentionEncoder(nn.Module):
    """Transformer encoder layers with a feed-forward layer of 4 D; the summary is the mean."""

    def __init__(self, size: int, layers: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(SelfAttentionLayer(size, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(size)
        self.dropout = SequenceDropout(dropout)

    def forward(self, embedded: Tensor, lengths: Tensor) -> Encoded:
        width, size = embedded.shape[1:]
        bias = padding_bias(lengths, width)
        hidden = self.dropout(embedded * math.sqrt(size) + sinusoids(width, size).to(embedded))
        for layer in self.layers:
            hidden = layer(hidden, bias)
        memory = torch.tanh(self.norm(hidden)) * source_mask(lengths, width).unsqueeze(2)
        return Encoded(memory, _mean(memory, lengths))


class SelfAttentionLayer(nn.Module):
    """One Transformer encoder layer, layer normalisation before each part."""

    def __init__(self, size: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(size)
        self.query_key_value = nn.Linear(size, 3 * size)
        self.output = nn.Linear(size, size)
        self.feed_forward_norm = nn.LayerNorm(size)
        self.expand = nn.Linear(size, 4 * size)
        self.contract = nn.Linear(4 * size, size)
        self.dropout = SequenceDropout(dropout)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        """[B, S, D] -> [B, S, D]; `bias` is -inf at padding, [B, 1, 1, S]."""
        projected = self.query_key_value(self.attention_norm(hidden))
        query, key, value = (split_heads(part, self.heads) for part in projected.chunk(3, 2))
        # The fused operator's backward pass takes 40 % of a training step on a processor.
        scores = (query / math.sqrt(query.shape[-1])) @ key.transpose(2, 3) + bias.to(query.dtype)
        attended = torch.softmax(scores, -1).to(value.dtype) @ value
        hidden = hidden + self.dropout(self.output(attended.transpose(1, 2).flatten(2)))
        expanded = F.relu(self.expand(self.feed_forward_norm(hidden)))
        contracted: Tensor = self.dropout(self.contract(self.dropout(expanded)))
        return hidden + contracted


def build_encoder(config: ModelConfig, dropout: float) -> nn.Module:
    """The encoder that `config` names."""
    match config.encoder:
        case EncoderKind.GRU:
            return GruEncoder(config.size, config.encoder_layers, dropout)
        case EncoderKind.CONV:
            return ConvEncoder(config.size, config.encoder_layers, config.kernel_size, dropout)
        case EncoderKind.SELF_ATTENTION:
            return SelfAttentionEncoder(
                config.size, config.encoder_layers, config.encoder_heads, dropout
            )


def _mean(memory: Tensor, lengths: Tensor) -> Tensor:
    """Mean over the source's tokens; padding is zero already."""
    return memory.sum(1) / lengths.unsqueeze(1)
