"""Search options: what a request names, what the bundle says, what the limits are."""

from dataclasses import replace

import pytest

from service.domain import SearchOptions
from service.errors import RequestError
from service.pipeline import SearchOverrides, TextRequest
from service.text.tokenizer import Tokenizer
from tests.pipeline.scenes import DEFAULTS, EN_DE, Limits, Manifest, ask


def resolved(tokenizer: Tokenizer, text: str, overrides: SearchOverrides) -> SearchOptions:
    manifest = Manifest(limits=Limits(max_beam_size=8))
    _, engine = ask(tokenizer, TextRequest(text, EN_DE, overrides), manifest)
    [[request]] = engine.submitted
    return request.options


def test_defaults_are_the_bundle_s_and_the_maximum_shrinks_with_the_source(
    tokenizer: Tokenizer,
) -> None:
    tokens = len(tokenizer.encode("Tom Mary."))
    assert resolved(tokenizer, "Tom Mary.", SearchOverrides()) == replace(
        DEFAULTS, max_decoding_length=2 * tokens + 16
    )
    assert (
        resolved(
            tokenizer, "Tom Mary.", SearchOverrides(min_decoding_length=200)
        ).max_decoding_length
        == 200
    )


def test_what_a_request_names_stands(tokenizer: Tokenizer) -> None:
    named = SearchOptions(
        beam_size=3,
        num_hypotheses=2,
        length_penalty=0.6,
        min_decoding_length=0,
        max_decoding_length=300,
    )
    overrides = SearchOverrides(3, 2, 0.6, 0, 300)
    assert resolved(tokenizer, "Tom.", overrides) == named


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (SearchOverrides(num_hypotheses=6), {"beam_size": 6, "num_hypotheses": 6}),
        (SearchOverrides(num_hypotheses=2), {"beam_size": 4, "num_hypotheses": 2}),
        (SearchOverrides(beam_size=1), {"beam_size": 1, "num_hypotheses": 1}),
        (SearchOverrides(min_decoding_length=300), {"max_decoding_length": 300}),
    ],
)
def test_a_default_gives_way_to_what_is_named(
    tokenizer: Tokenizer, overrides: SearchOverrides, expected: dict[str, int]
) -> None:
    options = resolved(tokenizer, "Tom.", overrides)
    assert {name: getattr(options, name) for name in expected} == expected


def test_a_short_maximum_lowers_the_default_minimum(tokenizer: Tokenizer) -> None:
    manifest = Manifest(search=replace(DEFAULTS, min_decoding_length=5))
    request = TextRequest("Tom.", EN_DE, SearchOverrides(max_decoding_length=3))
    _, engine = ask(tokenizer, request, manifest)
    assert engine.submitted[0][0].options.min_decoding_length == 3


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (SearchOverrides(beam_size=9), "beam_size is 9; the limit is 4"),
        (SearchOverrides(beam_size=0), "beam_size is 0; the smallest allowed is 1"),
        (SearchOverrides(num_hypotheses=9), "num_hypotheses is 9; the limit is 4"),
        (
            SearchOverrides(beam_size=2, num_hypotheses=3),
            "num_hypotheses is 3; the limit is the beam_size, which is 2",
        ),
        (SearchOverrides(length_penalty=float("nan")), "length_penalty is nan"),
        (SearchOverrides(min_decoding_length=-1), "min_decoding_length is -1"),
        (
            SearchOverrides(max_decoding_length=513),
            "max_decoding_length is 513; the limit is 512",
        ),
        (
            SearchOverrides(min_decoding_length=9, max_decoding_length=8),
            "min_decoding_length is 9; the limit is max_decoding_length, which is 8",
        ),
    ],
)
def test_limit_and_value_are_named(
    tokenizer: Tokenizer, overrides: SearchOverrides, message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        ask(tokenizer, TextRequest("Tom.", EN_DE, overrides))
