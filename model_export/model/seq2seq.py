"""The whole network: embedding, encoder, decoder, tied output layer."""

import math
from typing import Self

import torch
from torch import Tensor, nn

from model_export.config import ModelConfig
from model_export.model.copying import copied_mass
from model_export.model.decoder import Decoder
from model_export.model.dropout import SequenceDropout
from model_export.model.encoder import Encoded, build_encoder
from model_export.model.loss import Copying, smoothed_cross_entropy
from model_export.model.r_drop import r_drop_cross_entropy
from service.text.tokenizer import Tokenizer


class Seq2Seq(nn.Module):
    """Encoder-decoder with one embedding for source, target and output.

    Keeps nothing between calls: what a step needs is passed in, what it makes is returned.
    """

    def __init__(
        self,
        config: ModelConfig,
        vocabulary_size: int,
        *,
        pad_id: int,
        unk_id: int,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.config = config
        self.pad_id = pad_id
        self.unk_id = unk_id
        self.word_dropout = word_dropout
        self.embedding = nn.Embedding(vocabulary_size, config.size)
        nn.init.normal_(self.embedding.weight, std=1 / math.sqrt(config.size))
        self.encoder = build_encoder(config, dropout)
        self.decoder = Decoder(config, dropout)
        self.output_bias = nn.Parameter(torch.zeros(vocabulary_size))
        self.dropout = SequenceDropout(dropout)

    @classmethod
    def of_vocabulary(
        cls,
        config: ModelConfig,
        tokenizer: Tokenizer,
        *,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
    ) -> Self:
        """A network that reads and writes the tokens of `tokenizer`, its weights drawn anew."""
        return cls(
            config,
            tokenizer.vocabulary_size,
            pad_id=tokenizer.pad_id,
            unk_id=tokenizer.unk_id,
            dropout=dropout,
            word_dropout=word_dropout,
        )

    def encode(self, source: Tensor, lengths: Tensor) -> Encoded:
        """Encoder outputs of source ids [B, S] with `lengths` [B]."""
        embedded = self.dropout(self.embedding(self._drop_words(source)))
        encoded: Encoded = self.encoder(embedded, lengths)
        return Encoded(self.dropout(encoded.memory), encoded.summary)

    def logits(self, features: Tensor) -> Tensor:
        """Unnormalised log-probabilities [..., V] of features [..., D]."""
        return nn.functional.linear(features, self.embedding.weight, self.output_bias)

    def forward(
        self,
        source: Tensor,
        lengths: Tensor,
        inputs: Tensor,
        targets: Tensor,
        *,
        label_smoothing: float = 0.0,
        teacher_forcing: float = 1.0,
        r_drop: float = 0.0,
    ) -> Tensor:
        """Training cost, to be minimised.

        Args:
            source: Source ids, [B, S].
            lengths: Tokens per source, [B].
            inputs: Start mark, then the reference, [B, T].
            targets: The reference, then the end mark, [B, T]; padding is not counted.
            label_smoothing: Probability spread over the vocabulary.
            teacher_forcing: Chance that a step is fed the reference.
            r_drop: Weight of the distance between two passes (Liang et al. 2021, eq. 4), done
                as one of twice the batch; 0 is one pass. See `model_export.model.r_drop`.

        Returns:
            Cross-entropy summed over target tokens (natural log), [], float32.
        """
        if r_drop:
            source, lengths, inputs = (torch.cat([each] * 2) for each in (source, lengths, inputs))
        begun, state = self.decoder.begin(self.encode(source, lengths), lengths)
        if teacher_forcing >= 1.0:
            embedded = self.dropout(self.embedding(self._drop_words(inputs)))
            taught = self.decoder.teach(begun, state, embedded)
        else:
            taught = self.decoder.sample(
                begun,
                state,
                inputs,
                source_ids=source,
                embedding=self.embedding,
                output_bias=self.output_bias,
                ratio=teacher_forcing,
            )
        real = targets != self.pad_id
        if r_drop:
            return r_drop_cross_entropy(
                taught.features.view(2, *targets.shape, -1)[:, real],
                self.embedding.weight,
                self.output_bias,
                targets[real],
                label_smoothing,
                r_drop,
            )
        copying = None
        if taught.odds is not None and taught.weights is not None:
            mass = copied_mass(taught.weights, source, targets)
            copying = Copying(taught.odds[real], mass[real])
        return smoothed_cross_entropy(
            taught.features[real],
            self.embedding.weight,
            self.output_bias,
            targets[real],
            label_smoothing,
            copying,
        )

    def _drop_words(self, ids: Tensor) -> Tensor:
        """Replace each token by the unknown one with probability `word_dropout`."""
        if not self.training or self.word_dropout == 0.0:
            return ids
        dropped = torch.rand(ids.shape, device=ids.device) < self.word_dropout
        return ids.masked_fill(dropped & (ids != self.pad_id), self.unk_id)
