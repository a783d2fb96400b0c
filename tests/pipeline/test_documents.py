"""Texts with markup through the pipeline, against an engine that answers by a function."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import example, given, settings

from service.domain import DecodedSource, DecodeRequest
from service.errors import DecodingFailed, Overloaded, RequestError, ServiceError, TooLarge
from service.markup.document import Markup
from service.markup.reading import text_without_tags
from service.pipeline import SearchOverrides, TextRequest, TextResponse
from service.pipeline.marked import correspondence
from service.text.normalise import normalise
from service.text.tokenizer import Tokenizer
from tests.markup.test_document import ANYTHING, markup_of
from tests.pipeline.marked import MARKS, MODELS, Say, answering
from tests.pipeline.marked import pipeline as pipeline_with_marks
from tests.pipeline.scenes import EN_DE, FakeEngine, ask, echo, pipeline

HTML = Markup("html")
DOCUMENT = (
    "<h1>Tom</h1>\n<p>the dog <b>sees</b> Tom. She <br> likes cats!</p><pre>x = 1</pre>"
    "<ul><li>Tom &amp; Mary</li><li>---</li></ul>"
)


def without_space_at_tags(text: str) -> list[str]:
    return re.sub(r"\s*(<[^>]*>)\s*", r"\1", text).split()


def html(text: str, **fields: object) -> TextRequest:
    return replace(TextRequest(text, EN_DE, markup=HTML), **fields)  # type: ignore[arg-type]  # by name


@settings(max_examples=50)
@example(text="<b>Hello<br><img><br></b>world. <b>\n<code>x()</code></b>")
@example(text="<b>Hello</b><b>Hello<img> <br>Hello</b>")
@given(text=ANYTHING)
def test_what_a_model_repeats_it_repeats_again(tokenizer: Tokenizer, text: str) -> None:
    # Not always the same text: the model's spelling is `normalise`'s. Of white space there may be
    # more or less where sentences and tags meet.
    once, _ = ask(tokenizer, html(text))
    again, _ = ask(tokenizer, html(once.text))
    assert without_space_at_tags(again.text) == without_space_at_tags(once.text)
    assert Counter(markup_of(once.text, "html")) == Counter(markup_of(text, "html"))


def test_paragraphs_go_to_the_engine_together_and_come_back_as_a_document(
    tokenizer: Tokenizer,
) -> None:
    response, engine = ask(tokenizer, html(DOCUMENT))
    assert response.text == DOCUMENT
    [submitted] = engine.submitted
    assert len(submitted) == len(response.sentences) == 4
    assert response.source_tokens == sum(len(each.source_ids) for each in submitted)
    assert response.use is None


def test_attention_is_asked_for_where_there_are_tags(tokenizer: Tokenizer) -> None:
    _, engine = ask(tokenizer, html("<p>Tom sees.</p><p>Mary <b>sees</b> Tom.</p>"))
    [submitted] = engine.submitted
    assert [each.want_attention for each in submitted] == [False, True]


def test_white_space_between_sentences_is_as_it_was(tokenizer: Tokenizer) -> None:
    text = "Tom\tMary.\n\n  Mary <b>Tom</b>.\r\nTom&nbsp;Mary\nTom Mary.&#10; Mary Tom"
    response, _ = ask(tokenizer, html(text, options=SearchOverrides(num_hypotheses=2)))
    assert response.alternatives == ("Mary.\n\n  <b>Tom</b>.\r\nMary Tom Mary.  Tom",)


def test_every_alternative_is_a_document(tokenizer: Tokenizer) -> None:
    # Names: an echo of them is no copy to be rescued from.
    document = "<p>Tom <b>Mary</b>.</p><p>---</p><p>Mary <i>Tom</i></p>"
    options = SearchOverrides(num_hypotheses=2)
    response, _ = ask(tokenizer, html(document, options=options))
    assert response.text == document
    assert response.alternatives == ("<p><b>Mary</b>.</p><p>---</p><p><i>Tom</i></p>",)


def test_a_model_without_attention_places_tags_by_the_way(tokenizer: Tokenizer) -> None:
    def blind(request: DecodeRequest) -> DecodedSource:
        decoded = echo(request)
        return replace(
            decoded,
            hypotheses=tuple(replace(each, attention=None) for each in decoded.hypotheses[1:]),
        )

    request = html("Mary: the dog <b>sees</b> Tom.", options=SearchOverrides(num_hypotheses=2))
    response = asyncio.run(pipeline(tokenizer, FakeEngine(blind)).run(request))
    assert "<b>" in response.text
    assert "</b>" in response.text
    assert response.text.endswith("Tom.")


def test_a_document_without_text_needs_no_model(tokenizer: Tokenizer) -> None:
    response, engine = ask(tokenizer, html("<hr><p>---</p>"))
    assert (response.text, engine.submitted) == ("<hr><p>---</p>", [])


def test_documents_and_texts_share_a_request(tokenizer: Tokenizer) -> None:
    engine = FakeEngine()
    requests = [TextRequest("Tom sees.", EN_DE), html("Tom <b>sees</b>.")]
    responses = asyncio.run(pipeline(tokenizer, engine).run_many(requests))
    assert all(isinstance(each, TextResponse) for each in responses)
    assert [len(submitted) for submitted in engine.submitted] == [2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<b></b>" * 15, "the text has 105 characters; the limit is 100"),
        ("<p>Tom. Tom.<p>Mary. Mary.", "the text has 4 sentences; the limit is 3"),
    ],
)
def test_limits_are_those_of_the_whole_document(
    tokenizer: Tokenizer, text: str, message: str
) -> None:
    engine = FakeEngine()
    limited = pipeline(tokenizer, engine, max_characters=100, max_sentences=3)
    with pytest.raises(TooLarge, match=message):
        asyncio.run(limited.run(html(text)))
    assert engine.submitted == []


def test_the_engine_takes_all_paragraphs_or_none(tokenizer: Tokenizer) -> None:
    engine = FakeEngine(room=3)
    with pytest.raises(Overloaded):
        asyncio.run(pipeline(tokenizer, engine).run(html(DOCUMENT)))
    assert engine.futures == []


def test_a_sentence_that_fails_fails_its_document_alone(tokenizer: Tokenizer) -> None:
    failed = tokenizer.encode("Mary.")

    def answer(request: DecodeRequest) -> DecodedSource | ServiceError:
        if list(request.source_ids[:-1]) == failed:
            return DecodingFailed("no")
        return echo(request)

    requests = [html("<p>Tom.<p>Mary."), html("<p>Tom.")]
    first, second = asyncio.run(pipeline(tokenizer, FakeEngine(answer)).run_many(requests))
    assert isinstance(first, DecodingFailed)
    assert isinstance(second, TextResponse)


def test_a_document_is_not_streamed(tokenizer: Tokenizer) -> None:
    with pytest.raises(RequestError, match="not streamed"):
        asyncio.run(pipeline(tokenizer, FakeEngine()).follow(html(DOCUMENT)))


def test_alignment_of_an_answer_speaks_of_its_own_text(tokenizer: Tokenizer) -> None:
    def shy(request: DecodeRequest) -> DecodedSource:
        decoded = echo(request)
        few = decoded.hypotheses[:1] if len(request.source_ids) < 5 else decoded.hypotheses
        return replace(decoded, hypotheses=few)

    text = "- the dog sees Mary. Tom.\n- - Mary likes Tom"
    request = TextRequest(text, EN_DE, SearchOverrides(num_hypotheses=2), want_alignment=True)
    response = asyncio.run(pipeline(tokenizer, FakeEngine(shy)).run(request))
    for rank, target in enumerate((response.text, *response.alternatives)):
        for word in correspondence(text, response.sentences, rank).aligned:
            assert target[slice(*word.span)] == text[slice(*word.sources[0].span)]


@settings(max_examples=50)
@given(text=ANYTHING, say=MODELS)
def test_tags_outlive_models_that_copy_well_and_badly(
    marked_tokenizer: Tokenizer, text: str, say: Say
) -> None:
    asked = pipeline_with_marks(marked_tokenizer, FakeEngine(answering(say)))
    response = asyncio.run(asked.run(html(text, options=SearchOverrides(num_hypotheses=2))))
    for answer in (response.text, *response.alternatives):
        assert Counter(markup_of(answer, "html")) == Counter(markup_of(text, "html"))
        assert answer.count("\N{OBJECT REPLACEMENT CHARACTER}") == text.count(
            "\N{OBJECT REPLACEMENT CHARACTER}"
        )


@pytest.mark.parametrize(
    "first", ["$<b>5.99</b>", "<b>+49</b> 30 1234567", "A4<b>-1</b>/2", "<i>7-</i>8"]
)
def test_tags_in_the_midst_of_a_copy_stay_where_they_were(
    marked_tokenizer: Tokenizer, first: str
) -> None:
    # The model hears the sentence from its end.
    def say(ids: tuple[int, ...]) -> Sequence[Sequence[int]]:
        return [ids[::-1]]

    asked = pipeline_with_marks(marked_tokenizer, FakeEngine(answering(say)))
    answer = asyncio.run(asked.run(html(f"{first} the dog")))
    assert answer.text.endswith(f" {first}")


def test_a_model_that_copies_reads_something_for_what_is_kept(
    marked_tokenizer: Tokenizer,
) -> None:
    engine = FakeEngine(answering(lambda ids: [[ids[-1], *ids[1:-1], ids[0]]]))
    text = "<code>f(x)</code> the dog <x id=1></x>"
    response = asyncio.run(pipeline_with_marks(marked_tokenizer, engine).run(html(text)))
    [[request]] = engine.submitted
    assert [id_ for id_ in request.source_ids if id_ in MARKS.placeholders] == [6, 7]
    assert response.text == "<x id=1></x> the dog <code>f(x)</code>"
    [hypothesis] = response.sentences[0].hypotheses
    for use in hypothesis.uses:
        assert use.target is not None
        assert response.text[slice(*use.target)] == text[slice(*use.source)]


def said(written: str) -> str:
    """What a stretch of a document says, in the model's spelling."""
    return normalise(text_without_tags(written, HTML, 10_000).replace("  ", " "))


def test_every_place_in_an_answer_is_one_in_the_document(tokenizer: Tokenizer) -> None:
    text = (
        "<!-- a --><p class=x>Tom <b>Mary</b>&nbsp;Tom. <i>Mary</i> &amp; Tom</p>"
        "<p>Mary</p> <ul><li>Tom &lt;3 <br>Mary"
    )
    options = SearchOverrides(num_hypotheses=2)
    request = html(text, options=options, want_tokens=True, want_alignment=True)
    response, _ = ask(tokenizer, request)
    answers = (response.text, *response.alternatives)
    assert [said(text[slice(*each.source_span)]) for each in response.sentences] == [
        "Tom Mary Tom.",
        "Mary & Tom",
        "Mary",
        "Tom <3",
        "Mary",
    ]
    for sentence in response.sentences:
        for answer, hypothesis in zip(answers, sentence.hypotheses, strict=True):
            assert said(answer[slice(*hypothesis.span)]) == hypothesis.text
            for token in hypothesis.tokens or ():
                shown = said(answer[slice(*token.span)])
                is_byte = token.piece.startswith("<0x")
                assert is_byte or shown == token.piece.replace("\u2581", " ").strip()
            for word in hypothesis.alignment or ():
                [source] = word.sources
                assert said(answer[slice(*word.span)]) == said(text[slice(*source.span)])
