"""A second, wider search for a sentence in whose answer the guard sees something."""

from dataclasses import replace

from service.domain import DecodedSource, DecodeRequest
from service.pipeline.options import ModelLimits
from service.pipeline.request import TextRequest

# So many times the beam of the first search, as far as the model allows.
WIDENING = 4


def wider(request: TextRequest, decode: DecodeRequest, limits: ModelLimits) -> DecodeRequest | None:
    """What to ask the second time; None when the request or the model wants no wider beam.

    Greedy search stays what it is: who serves a model so wants it fast.

    Args:
        request: Of the text; a beam that it names stands.
        decode: What was asked the first time.
        limits: Of the model.
    """
    options = decode.options
    beam_size = min(WIDENING * options.beam_size, limits.max_beam_size)
    if request.options.beam_size is not None or not 1 < options.beam_size < beam_size:
        return None
    return replace(decode, options=replace(options, beam_size=beam_size))


def joined(first: DecodedSource, second: DecodedSource) -> DecodedSource:
    """Both searches as one: the first's answer, and what else was found, the first's first."""
    return replace(
        first,
        decode_steps=first.decode_steps + second.decode_steps,
        queue_s=first.queue_s + second.queue_s,
        encode_s=first.encode_s + second.encode_s,
        decode_s=first.decode_s + second.decode_s,
        others=lambda: (*first.others(), *second.hypotheses, *second.others()),
    )
