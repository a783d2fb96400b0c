"""More searches for a sentence in whose answer the guard sees something."""

from dataclasses import replace
from typing import NamedTuple

from service.domain import DecodedSource
from service.pipeline.options import ModelLimits
from service.pipeline.plan import Again, Part
from service.pipeline.request import TextRequest

# So many times the beam of the first search, as far as the model allows.
WIDENING = 4


class Searched(NamedTuple):
    """One more search that is done."""

    again: Again
    decoded: DecodedSource


class Found(NamedTuple):
    """All that was found for a sentence.

    Attributes:
        first: By the first search; perhaps a `SecondAnswer`.
        later: By further ones, in the order they were made.
    """

    first: DecodedSource
    later: tuple[Searched, ...] = ()

    @property
    def together(self) -> DecodedSource:
        """The first answer, with the steps and the times of all searches."""
        if not self.later:  # nearly always
            return self.first
        others = [each.decoded for each in self.later]
        return replace(
            self.first,
            decode_steps=self.first.decode_steps + sum(each.decode_steps for each in others),
            queue_s=self.first.queue_s + sum(each.queue_s for each in others),
            encode_s=self.first.encode_s + sum(each.encode_s for each in others),
            decode_s=self.first.decode_s + sum(each.decode_s for each in others),
        )

    def and_by(self, again: Again, decoded: DecodedSource) -> "Found":
        """The same and what one more search found."""
        return self._replace(later=(*self.later, Searched(again, decoded)))


def wider(request: TextRequest, part: Part, limits: ModelLimits) -> Again | None:
    """The same in a wider beam; None when the request or the model wants none.

    Greedy search stays what it is: who serves a model so wants it fast. What lacked a term was
    asked again for that.

    Args:
        request: Of the text; a beam that it names stands.
        part: The sentence.
        limits: Of the model.
    """
    assert part.decode is not None, "the model was asked"
    options = part.decode.options
    beam_size = min(WIDENING * options.beam_size, limits.max_beam_size)
    if (
        part.second is not None
        or request.options.beam_size is not None
        or not 1 < options.beam_size < beam_size
    ):
        return None
    wide = replace(part.decode, options=replace(options, beam_size=beam_size))
    return Again(part, wide, terms_are_hidden=False)
