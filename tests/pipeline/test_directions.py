"""A model of several directions: prefixes, and confidence."""

import asyncio

from service.domain import Direction
from service.pipeline import Sentence, TextRequest
from service.text.tokenizer import Tokenizer
from service.trust.confidence import Calibration
from tests.pipeline.scenes import EN_DE, FakeEngine, Limits, Manifest, ask, echo_without, pipeline


def test_confidence_is_that_of_the_direction(tokenizer: Tokenizer) -> None:
    german = Calibration(0.0, 0.0, 1.0, 0.0, ((0.0, 0.25), (1.0, 0.75)))
    manifest = Manifest(
        prefixes={EN_DE: (), Direction("en", "fr"): ()},
        calibrations={EN_DE: german},
    )

    def asked(direction: Direction, *, want: bool = True) -> Sentence:
        request = TextRequest("Tom.", direction, want_confidence=want)
        return ask(tokenizer, request, manifest)[0].sentences[0]

    first = asked(EN_DE)
    assert first.signs is not None
    assert first.confidence == round(german.confidence(first.signs), 4)
    assert asked(Direction("en", "fr")).confidence is None
    assert asked(EN_DE, want=False).signs is None


def test_a_direction_s_prefix_is_read_by_the_model_alone(tokenizer: Tokenizer) -> None:
    prefixes = {EN_DE: (7,), Direction("en", "fr"): (8, 9)}
    engine = FakeEngine(lambda request: echo_without(request, {7, 8, 9}))
    asked = pipeline(tokenizer, engine, Manifest(prefixes=prefixes))
    for direction, prefix in prefixes.items():
        request = TextRequest("Tom sees.", direction, want_alignment=True)
        response = asyncio.run(asked.run(request))
        ids = (*prefix, *tokenizer.encode("Tom sees."), tokenizer.end_id)
        assert engine.submitted[-1][0].source_ids == ids
        [hypothesis] = response.sentences[0].hypotheses
        assert [word.sources[0].span for word in hypothesis.alignment or ()] == [
            word.span for word in hypothesis.alignment or ()
        ]


def test_the_longest_prefix_leaves_less_room(tokenizer: Tokenizer) -> None:
    prefixes = {EN_DE: (), Direction("en", "fr"): (8, 9)}
    manifest = Manifest(prefixes=prefixes, limits=Limits(max_source_tokens=16))
    engine = FakeEngine(lambda request: echo_without(request, {8, 9}))
    request = TextRequest("the dog sees Tom " * 20, Direction("en", "fr"))
    asyncio.run(pipeline(tokenizer, engine, manifest).run(request))
    longest = max(len(decode.source_ids) for decode in engine.submitted[0])
    assert 12 < longest <= 16
