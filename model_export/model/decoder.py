"""The recurrent decoder: one target token at a time from a state of fixed size.

The conditional GRU (Sennrich et al. 2017, "Nematus", sec. 3; Firat and Cho's dl4mt) has the
attention between two GRU transitions::

    s'_t = GRU1(E y_{t-1}, s_{t-1})
    c_t  = attention(s'_t, memory)                 or, without attention, the fixed context c
    s_t  = GRU2(c_t, s'_t)
    o_t  = tanh(W_s s_t + W_c c_t + W_y E y_{t-1} + b)
    p(y_t | y_<t, x) = softmax(E o_t + b)          E is the embedding (Press and Wolf 2017)

A model that copies mixes p with its attention; see `model_export.model.copying`.

Each GRU is Cho et al. 2014 with the reset gate applied after the recurrent product, as
PyTorch and ONNX (linear_before_reset = 1) compute it::

    r = sigmoid(W_r x + U_r h + b)    z = sigmoid(W_z x + U_z h + b)
    n = tanh(W_n x + b + r * (U_n h + b'))         h <- n + z * (h - n)

Every state, context and o_t lies in [-1, 1] when the encoder's outputs do.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model_export.config import AttentionKind, ModelConfig
from model_export.model.attention import Attention
from model_export.model.copying import CopyGate, mixture
from model_export.model.dropout import SequenceDropout
from model_export.model.encoder import Encoded, padding_bias


class Source(NamedTuple):
    """What the decoder needs of the source; B sources.

    Attributes:
        keys, values: For attention, split into N heads, [B, N, S, D/N]; None without.
        bias: 0 at source tokens, -inf at padding, [B, 1, 1, S]; None without attention.
        context: The fixed context of plain seq2seq, [B, 1, D]; None with attention.
    """

    keys: Tensor | None
    values: Tensor | None
    bias: Tensor | None
    context: Tensor | None


class Step(NamedTuple):
    """One decoder step for K rows of each source.

    Attributes:
        state: s_t, [B, K, D].
        context: c_t, [B, K, D].
        weights: Attention weights, [B, N, K, S]; None without attention.
    """

    state: Tensor
    context: Tensor
    weights: Tensor | None


class Taught(NamedTuple):
    """What tokens are predicted from, after T steps; the last two only of a model that copies.

    Attributes:
        features: o_1 .. o_T, [B, T, D].
        odds: Log-odds of generating, from the gate, [B, T].
        weights: Mean attention weights, [B, T, S].
    """

    features: Tensor
    odds: Tensor | None
    weights: Tensor | None


class GruCell(nn.Module):
    """A GRU transition with its input projection apart, so that it can be done in bulk."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.input = nn.Linear(size, 3 * size)
        self.recurrent = nn.Linear(size, 3 * size)
        for part in self.recurrent.weight.data.chunk(3):
            nn.init.orthogonal_(part)

    def forward(self, projected: Tensor, state: Tensor) -> Tensor:
        """h_t from ``input(x_t)`` [..., 3D] and h_{t-1} [..., D]; gates in the order r, z, n."""
        reset_x, update_x, new_x = projected.chunk(3, -1)
        reset_h, update_h, new_h = self.recurrent(state).chunk(3, -1)
        reset = torch.sigmoid(reset_x + reset_h)
        update = torch.sigmoid(update_x + update_h)
        new = torch.tanh(new_x + reset * new_h)
        return torch.lerp(new, state.to(new.dtype), update)


class Decoder(nn.Module):
    """The conditional GRU; see the module's equations."""

    def __init__(self, config: ModelConfig, dropout: float) -> None:
        super().__init__()
        size = config.size
        self.initial = nn.Linear(size, size)
        self.first = GruCell(size)
        self.second = GruCell(size)
        self.attention = (
            None
            if config.attention is AttentionKind.NONE
            else Attention(config.attention, size, config.attention_heads)
        )
        self.output = nn.Linear(3 * size, size)
        self.copy_gate = CopyGate(size) if config.copies else None
        self.dropout = SequenceDropout(dropout)

    def begin(self, encoded: Encoded, lengths: Tensor) -> tuple[Source, Tensor]:
        """The source as the steps need it, and s_0 = tanh(W summary + b), [B, 1, D]."""
        state = torch.tanh(self.initial(encoded.summary)).unsqueeze(1)
        if self.attention is None:
            return Source(None, None, None, encoded.summary.unsqueeze(1)), state
        keys = self.attention.keys(encoded.memory)
        return self.source(keys, encoded.memory.to(keys.dtype), lengths), state

    def source(self, keys: Tensor, values: Tensor, lengths: Tensor) -> Source:
        """The source that steps attend to: keys and encoder outputs [B, S, D], lengths [B]."""
        assert self.attention is not None
        bias = padding_bias(lengths, values.shape[1])
        return Source(self.attention.split(keys), self.attention.split(values), bias, None)

    def step(self, source: Source, projected: Tensor, state: Tensor) -> Step:
        """One step from ``first.input(E y_{t-1})`` [B, K, 3D] and s_{t-1} [B, K, D]."""
        middle = self.first(projected, state)
        if self.attention is None:
            assert source.context is not None
            context, weights = source.context.expand_as(middle), None
        else:
            assert source.keys is not None
            assert source.values is not None
            assert source.bias is not None
            context, weights = self.attention(middle, source.keys, source.values, source.bias)
        return Step(self.second(self.second.input(context), middle), context, weights)

    def outputs(self, steps: Sequence[Step], embedded: Tensor) -> Taught:
        """What T steps of one row a source, or one step of K, come to; E y_{t-1} [B, T, D]."""
        states = torch.cat([step.state for step in steps], 1)
        contexts = torch.cat([step.context for step in steps], 1)
        joined = torch.cat([states, contexts.to(states.dtype), embedded.to(states.dtype)], dim=-1)
        joined = self.dropout(joined)
        features = torch.tanh(self.output(joined))
        if self.copy_gate is None:
            return Taught(features, None, None)
        weights = [step.weights for step in steps if step.weights is not None]
        return Taught(features, self.copy_gate(joined), torch.cat(weights, 2).mean(1))

    def teach(self, source: Source, state: Tensor, embedded: Tensor) -> Taught:
        """Outputs for a whole target, each step fed the reference (teacher forcing).

        What does not depend on the recurrence is done for all steps at once.

        Args:
            source: From `begin`.
            state: From `begin`, [B, 1, D].
            embedded: Reference inputs, [B, T, D].
        """
        projected = self.first.input(embedded)
        steps = []
        for time in range(embedded.shape[1]):
            step = self.step(source, projected[:, time : time + 1], state)
            state = step.state
            steps.append(step)
        return self.outputs(steps, embedded)

    def sample(
        self,
        source: Source,
        state: Tensor,
        references: Tensor,
        *,
        source_ids: Tensor,
        embedding: nn.Embedding,
        output_bias: Tensor,
        ratio: float,
    ) -> Taught:
        """As `teach`, but an input is the reference only with probability `ratio`.

        Otherwise it is the token the model itself found likeliest (Bengio et al. 2015,
        scheduled sampling; ratio 0 is free running). The choice is not differentiated.

        Args:
            source: From `begin`.
            state: From `begin`, [B, 1, D].
            references: Reference inputs, [B, T]; the first is the start mark and always kept.
            source_ids: What can be copied, [B, S].
            embedding: E.
            output_bias: b of the output layer, [V].
            ratio: Chance that an input is the reference.
        """
        taught: list[Taught] = []
        for time in range(references.shape[1]):
            token = references[:, time : time + 1]
            if time:
                with torch.no_grad():
                    own = _likeliest(taught[-1], source_ids, embedding.weight, output_bias)
                keep = torch.rand(token.shape, device=token.device) < ratio
                token = torch.where(keep, token, own)
            embedded = self.dropout(embedding(token))
            step = self.step(source, self.first.input(embedded), state)
            state = step.state
            taught.append(self.outputs([step], embedded))
        features, odds, weights = zip(*taught, strict=True)
        if self.copy_gate is None:
            return Taught(torch.cat(features, 1), None, None)
        return Taught(torch.cat(features, 1), torch.cat(odds, 1), torch.cat(weights, 1))


def _likeliest(last: Taught, source: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The likeliest next tokens [B, 1] after one step, of an output layer [V, D] and [V]."""
    logits = F.linear(last.features, weight, bias)
    if last.odds is None or last.weights is None:
        return logits.argmax(-1)
    generated = F.log_softmax(logits, dim=-1, dtype=torch.float32)
    return mixture(generated, last.odds, last.weights, source).argmax(-1)
