"""Tiny networks with loud weights, and sources for them, for the tests of the training half.

Fresh weights make every beam the same few tokens. These are drawn so large that logits spread
over units, beams differ from source to source, and hypotheses end at different lengths.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from model_export.config import AttentionKind, EncoderKind, ModelConfig
from model_export.model.seq2seq import Seq2Seq
from service.domain import FloatArray, SearchOptions, SpecialIds

PAD, UNKNOWN, START, END = 0, 1, 2, 3
IDS = SpecialIds(pad_id=PAD, unk_id=UNKNOWN, start_id=START, end_id=END)
FIRST_WORD = 4


class Architecture(NamedTuple):
    """What graphs are made for in different ways."""

    encoder: EncoderKind
    attention: AttentionKind
    copies: bool = False

    def __str__(self) -> str:
        return f"{self.encoder}-{self.attention}" + "-copy" * self.copies


COPYING = [
    Architecture(EncoderKind.GRU, AttentionKind.GENERAL, copies=True),
    Architecture(EncoderKind.SELF_ATTENTION, AttentionKind.ADDITIVE, copies=True),
]
ARCHITECTURES = [
    *(Architecture(encoder, attention) for encoder in EncoderKind for attention in AttentionKind),
    *COPYING,
]


def tiny_config(
    encoder: EncoderKind = EncoderKind.GRU,
    attention: AttentionKind = AttentionKind.GENERAL,
    copies: bool = False,
    *,
    size: int = 16,
    heads: int = 2,
    layers: int = 2,
) -> ModelConfig:
    return ModelConfig(
        encoder=encoder,
        encoder_layers=layers,
        encoder_heads=2,
        kernel_size=3,
        attention=attention,
        attention_heads=heads,
        size=size,
        copy=copies,
    )


def loud_network(
    config: ModelConfig | None = None, *, vocabulary_size: int = 40, seed: int = 0
) -> Seq2Seq:
    """A network in evaluation mode with weights drawn anew, by `seed`."""
    network = Seq2Seq(config or tiny_config(), vocabulary_size, pad_id=PAD, unk_id=UNKNOWN)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            for parameter in module.parameters(recurse=False):
                loudness = 2 / math.sqrt(parameter[0].numel()) if parameter.dim() > 1 else 0.5
                parameter.normal_(0, loudness, generator=generator)
                if isinstance(module, nn.LayerNorm):
                    parameter.add_(1)
        network.embedding.weight.mul_(math.sqrt(network.config.size) / 2)
        # Most hypotheses end within a few steps, and some do not.
        network.output_bias[END] += 1
    return network.eval()


def random_sources(
    lengths: Sequence[int], *, vocabulary_size: int = 40, seed: int = 0
) -> list[list[int]]:
    """Sources of these lengths, the end mark included."""
    generator = np.random.default_rng(seed)
    return [
        [*generator.integers(FIRST_WORD, vocabulary_size, length - 1).tolist(), END]
        for length in lengths
    ]


def search_options(
    beam_size: int = 4,
    *,
    num_hypotheses: int | None = None,
    length_penalty: float = 1.0,
    min_decoding_length: int = 0,
    max_decoding_length: int = 12,
) -> SearchOptions:
    """Options of one source; all hypotheses are wanted unless a number says otherwise."""
    return SearchOptions(
        beam_size=beam_size,
        num_hypotheses=beam_size if num_hypotheses is None else num_hypotheses,
        length_penalty=length_penalty,
        min_decoding_length=min_decoding_length,
        max_decoding_length=max_decoding_length,
    )


def padded(sources: Sequence[Sequence[int]], width: int | None = None) -> tuple[Tensor, Tensor]:
    """Ids [B, S] and lengths [B], padded to `width` or to the longest."""
    lengths = torch.tensor([len(source) for source in sources])
    ids = torch.full((len(sources), width or int(lengths.max())), PAD)
    for row, source in enumerate(sources):
        ids[row, : len(source)] = torch.tensor(source)
    return ids, lengths


@torch.inference_mode()
def asking(network: Seq2Seq, source: Sequence[int]) -> Callable[[tuple[int, ...]], FloatArray]:
    """Next-token logits [V] as a function of the prefix, by teacher forcing one source alone.

    Of a model that copies, log-probabilities: what it generates is shared out first among the
    tokens that can be produced.
    """
    ids, lengths = padded([source])
    begun, state = network.decoder.begin(network.encode(ids, lengths), lengths)

    @cache
    @torch.inference_mode()
    def logits(prefix: tuple[int, ...]) -> FloatArray:
        inputs = network.embedding(torch.tensor([[START, *prefix]]))
        taught = network.decoder.teach(begun, state, inputs)
        scores = network.logits(taught.features[0, -1])
        if taught.odds is not None and taught.weights is not None:
            scores[[PAD, UNKNOWN, START]] = -torch.inf
            generate = torch.sigmoid(taught.odds[0, -1])
            probabilities = generate * torch.softmax(scores, dim=0)
            for token, weight in zip(source, taught.weights[0, -1], strict=True):
                probabilities[token] += (1 - generate) * weight
            scores = probabilities.log()
        values: FloatArray = scores.numpy()
        return values

    return logits
