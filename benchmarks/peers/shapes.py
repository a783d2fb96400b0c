"""The Transformers that published translation models are, as far as speed is concerned."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TransformerShape:
    """Sizes of an encoder-decoder Transformer.

    Attributes:
        name: For tables.
        encoder_layers: Layers of the encoder.
        decoder_layers: Layers of the decoder.
        size: Width of embeddings and hidden states.
        feed_forward: Inner width of the feed-forward layers.
        heads: Attention heads.
    """

    name: str
    encoder_layers: int
    decoder_layers: int
    size: int
    feed_forward: int
    heads: int


# Vaswani et al. 2017, table 3, "base".
BASE = TransformerShape("base", 6, 6, 512, 2048, 8)
# The "tiny" student of the Bergamot project (Bogoychev et al. 2020). Its decoder has SSRU
# cells where a Transformer has self-attention; the peers here know self-attention only.
TINY = TransformerShape("tiny", 6, 2, 256, 1536, 8)

# Published students share one SentencePiece vocabulary of this size.
PUBLISHED_VOCABULARY = 32_000

# Ids of random models: padding, which also starts the decoder, unknown, end mark, words.
PAD, UNKNOWN, END, FIRST_WORD = 0, 1, 3, 4
