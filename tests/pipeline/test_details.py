"""What an answer says besides its text: hypotheses, tokens, alignment, counts, times."""

import asyncio
from dataclasses import replace

from hypothesis import given

from service.domain import DecodedSource, DecodeRequest, FinishReason
from service.pipeline import SearchOverrides, TextRequest
from service.text.tokenizer import Tokenizer
from tests.pipeline.scenes import ANY_TEXT, EN_DE, FakeEngine, ask, echo, is_inside, pipeline


@given(text=ANY_TEXT)
def test_every_span_points_at_its_text(tokenizer: Tokenizer, text: str) -> None:
    request = TextRequest(
        text, EN_DE, SearchOverrides(num_hypotheses=2), want_tokens=True, want_alignment=True
    )
    response, _ = ask(tokenizer, request)
    texts = (response.text, *response.alternatives)
    for sentence in response.sentences:
        assert 0 <= sentence.source_span[0] < sentence.source_span[1] <= len(text)
        for rank, hypothesis in enumerate(sentence.hypotheses):
            assert texts[rank][slice(*hypothesis.span)] == hypothesis.text
            assert hypothesis.tokens is not None
            for token in hypothesis.tokens:
                assert is_inside(token.span, hypothesis.span)
            assert hypothesis.alignment is not None
            for word in hypothesis.alignment:
                assert is_inside(word.span, hypothesis.span)
                for source in word.sources:
                    assert is_inside(source.span, sentence.source_span)


def test_alignment_speaks_of_the_texts_of_request_and_answer(tokenizer: Tokenizer) -> None:
    text = "\n  Tom\u2019s  dog.\n the cafe\u0301?"
    response, _ = ask(tokenizer, TextRequest(text, EN_DE, want_alignment=True))
    assert response.text == "\n  Tom's dog.\n the caf\xe9?"
    pairs = [
        (response.text[slice(*word.span)], text[slice(*word.sources[0].span)])
        for sentence in response.sentences
        for word in sentence.hypotheses[0].alignment or ()
    ]
    assert pairs == [
        ("Tom's", "Tom\u2019s"),
        ("dog", "dog"),
        (".", "."),
        ("the", "the"),
        ("caf\xe9", "cafe\u0301"),
        ("?", "?"),
    ]


def test_details_that_nobody_wants_are_left_out(tokenizer: Tokenizer) -> None:
    response, _ = ask(tokenizer, "Tom sees.")
    [hypothesis] = response.sentences[0].hypotheses
    assert (hypothesis.tokens, hypothesis.alignment) == (None, None)
    assert (hypothesis.log_prob, hypothesis.score) == (-1.0, -0.5)


def test_a_model_without_attention_has_no_alignment(tokenizer: Tokenizer) -> None:
    def blind(request: DecodeRequest) -> DecodedSource:
        decoded = echo(request)
        return replace(decoded, hypotheses=(replace(decoded.hypotheses[0], attention=None),))

    request = TextRequest("Tom sees.", EN_DE, want_alignment=True)
    response = asyncio.run(pipeline(tokenizer, FakeEngine(blind)).run(request))
    assert response.sentences[0].hypotheses[0].alignment is None


def test_a_cut_target_says_so(tokenizer: Tokenizer) -> None:
    def cut(request: DecodeRequest) -> DecodedSource:
        decoded = echo(request)
        hypothesis = replace(decoded.hypotheses[0], finish_reason=FinishReason.LENGTH)
        return replace(decoded, hypotheses=(hypothesis,))

    response = asyncio.run(
        pipeline(tokenizer, FakeEngine(cut)).run(TextRequest("Tom sees.", EN_DE))
    )
    assert response.sentences[0].hypotheses[0].finish_reason is FinishReason.LENGTH


def test_counts_and_times(tokenizer: Tokenizer) -> None:
    text = "Tom. the dog sees Mary."
    ticks = iter([10.0, 10.5, 20.0, 22.0])
    engine = FakeEngine()
    asked = pipeline(tokenizer, engine, clock=lambda: next(ticks)).run(TextRequest(text, EN_DE))
    response = asyncio.run(asked)
    lengths = [len(tokenizer.encode(each)) for each in ("Tom.", "the dog sees Mary.")]
    assert response.source_tokens == sum(lengths) + 2
    assert response.generated_tokens == sum(lengths)
    assert response.times.tokenise_s == 0.5
    assert response.times.queue_s == 0.25
    assert response.times.decode_s == max(lengths)
    assert response.times.detokenise_s == 2.0
    assert response.use is None
