"""A request's search options against what the bundle allows."""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol, TypeVar

from service.domain import SearchOptions
from service.errors import RequestError
from service.pipeline.request import SearchOverrides

T = TypeVar("T")

# A default only, so that a search that runs wild ends in good time: no language pair at hand
# needs twice the tokens, and a few words may need more than that.
_TARGET_PER_SOURCE_TOKEN = 2
_TARGET_ALLOWANCE = 16


class ModelLimits(Protocol):
    """The part of a manifest's limits that options are checked against."""

    @property
    def max_source_tokens(self) -> int:
        """Of one sentence, the end mark included."""

    @property
    def max_target_tokens(self) -> int:
        """Largest max_decoding_length."""

    @property
    def max_beam_size(self) -> int:
        """Largest beam_size."""


class SearchDefaults(Protocol):
    """The options a bundle is served with, as in `service.domain.SearchOptions`."""

    @property
    def beam_size(self) -> int: ...
    @property
    def num_hypotheses(self) -> int: ...
    @property
    def length_penalty(self) -> float: ...
    @property
    def min_decoding_length(self) -> int: ...
    @property
    def max_decoding_length(self) -> int: ...


@dataclass(frozen=True, slots=True)
class ResolvedOptions:
    """Search options of a request, all but the bound that depends on the sentence."""

    options: SearchOptions
    max_length_is_asked: bool

    def of(self, source_tokens: int) -> SearchOptions:
        """The options for one sentence.

        Unless the request names a `max_decoding_length`, the default one shrinks with the
        sentence: nobody waits for 256 tokens after a source of three.

        Args:
            source_tokens: Of the sentence, the end mark not counted.
        """
        options = self.options
        bound = _TARGET_PER_SOURCE_TOKEN * source_tokens + _TARGET_ALLOWANCE
        if self.max_length_is_asked or bound >= options.max_decoding_length:
            return options
        return _up_to(max(bound, options.min_decoding_length), options)


# The sentences of most requests have a few lengths, and the same options but for those.
@lru_cache(maxsize=4096)
def _up_to(longest: int, options: SearchOptions) -> SearchOptions:
    return replace(options, max_decoding_length=longest)


def resolve(
    overrides: SearchOverrides, defaults: SearchDefaults, limits: ModelLimits
) -> ResolvedOptions:
    """What a request asks for, completed by the bundle's defaults.

    What a request names stands or is refused; a default gives way to what is named: more
    hypotheses than the default beam widen it, a short maximum lowers the default minimum.

    Raises:
        RequestError: A value is outside the bundle's limits, or two of them disagree; the
            message names limit and value.
    """
    for name, most in (
        ("beam_size", limits.max_beam_size),
        ("num_hypotheses", limits.max_beam_size),
        ("max_decoding_length", limits.max_target_tokens),
        ("min_decoding_length", limits.max_target_tokens),
    ):
        _check(name, getattr(overrides, name), 0 if name.startswith("min") else 1, most)
    penalty = _first(overrides.length_penalty, defaults.length_penalty)
    if not math.isfinite(penalty):
        raise RequestError(f"length_penalty is {penalty}; it has to be a finite number")
    beam_size, num_hypotheses = _beam(overrides, defaults)
    shortest, longest = _lengths(overrides, defaults)
    return ResolvedOptions(
        SearchOptions(
            beam_size=beam_size,
            num_hypotheses=num_hypotheses,
            length_penalty=penalty,
            min_decoding_length=shortest,
            max_decoding_length=longest,
        ),
        max_length_is_asked=overrides.max_decoding_length is not None,
    )


def _check(name: str, value: int | None, least: int, most: int) -> None:
    if value is None:
        return
    if value < least:
        raise RequestError(f"{name} is {value}; the smallest allowed is {least}")
    if value > most:
        raise RequestError(f"{name} is {value}; the limit is {most}")


def _beam(overrides: SearchOverrides, defaults: SearchDefaults) -> tuple[int, int]:
    beam_size, asked = overrides.beam_size, overrides.num_hypotheses
    if beam_size is None:
        num_hypotheses = _first(asked, defaults.num_hypotheses)
        return max(defaults.beam_size, num_hypotheses), num_hypotheses
    if asked is None:
        return beam_size, min(defaults.num_hypotheses, beam_size)
    if asked > beam_size:
        raise RequestError(
            f"num_hypotheses is {asked}; the limit is the beam_size, which is {beam_size}"
        )
    return beam_size, asked


def _lengths(overrides: SearchOverrides, defaults: SearchDefaults) -> tuple[int, int]:
    least, most = overrides.min_decoding_length, overrides.max_decoding_length
    if most is None:
        shortest = _first(least, defaults.min_decoding_length)
        return shortest, max(shortest, defaults.max_decoding_length)
    if least is None:
        return min(defaults.min_decoding_length, most), most
    if least > most:
        raise RequestError(
            f"min_decoding_length is {least}; the limit is max_decoding_length, which is {most}"
        )
    return least, most


def _first(value: T | None, default: T) -> T:
    return default if value is None else value
