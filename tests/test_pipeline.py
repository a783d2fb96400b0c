"""The pipeline against an engine that answers by a function of the source ids."""

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain import (
    DecodedHypothesis,
    DecodedSource,
    DecodeRequest,
    Direction,
    FinishReason,
    MarkIds,
    SearchOptions,
    Task,
)
from service.errors import (
    Cancelled,
    DeadlineExceeded,
    Overloaded,
    RequestError,
    ServiceError,
    TooLarge,
)
from service.pipeline import (
    Pipeline,
    SearchOverrides,
    Sentence,
    TextLimits,
    TextRequest,
    TextResponse,
)
from service.text.normalise import normalise
from service.text.segment import split
from service.text.tokenizer import Tokenizer
from service.trust.confidence import Calibration

ANY_TEXT = st.lists(
    st.one_of(
        st.sampled_from(["the dog sees Tom.", "der Hund", "e\u0301", "\u2019", "1. ", "- ", "---"]),
        st.sampled_from(["\n\n", "\r\n", "  ", "\t", "\xa0", "! ", ", ", "\U0001f415"]),
        st.text(max_size=10),
    ),
    max_size=10,
).map("".join)

EN_DE = Direction("en", "de")
DEFAULTS = SearchOptions(
    beam_size=4,
    num_hypotheses=1,
    length_penalty=1.0,
    min_decoding_length=1,
    max_decoding_length=256,
)


@dataclass(frozen=True)
class Limits:
    max_source_tokens: int = 64
    max_target_tokens: int = 512
    max_beam_size: int = 4  # that of `DEFAULTS`: there is no wider search for an echo


@dataclass(frozen=True)
class Manifest:
    task: Task = Task.TRANSLATION
    prefixes: Mapping[Direction, tuple[int, ...]] = field(default_factory=lambda: {EN_DE: ()})
    calibrations: Mapping[Direction, Calibration] = field(default_factory=dict)
    limits: Limits = Limits()
    search: SearchOptions = DEFAULTS
    marks: MarkIds | None = None


def echo(request: DecodeRequest) -> DecodedSource:
    """Says what it is told; hypothesis j leaves out the first j tokens."""
    ids = request.source_ids[:-1]
    return DecodedSource(
        hypotheses=tuple(
            DecodedHypothesis(
                token_ids=ids[rank:],
                log_prob=-1.0 - rank,
                score=-0.5 - rank,
                token_log_probs=-np.arange(len(ids[rank:]), dtype=np.float32),
                attention=np.eye(len(ids) + 1, dtype=np.float32)[rank:-1],
                finish_reason=FinishReason.END,
            )
            for rank in range(request.options.num_hypotheses)
        ),
        decode_steps=len(ids) + 1,
        queue_s=0.25,
        encode_s=0.5,
        decode_s=float(len(ids)),
    )


def echo_without(request: DecodeRequest, silent: set[int]) -> DecodedSource:
    """Says what it is told, but for some tokens, to which it pays no attention either."""
    ids = request.source_ids[:-1]
    said = [place for place, id_ in enumerate(ids) if id_ not in silent]
    decoded = echo(request)
    hypothesis = replace(
        decoded.hypotheses[0],
        token_ids=tuple(ids[place] for place in said),
        token_log_probs=np.zeros(len(said), dtype=np.float32),
        attention=np.eye(len(ids) + 1, dtype=np.float32)[said],
    )
    return replace(decoded, hypotheses=(hypothesis,))


@dataclass
class FakeEngine:
    """Answers at once; None from `answer` leaves the future open, an error fails it."""

    answer: Callable[[DecodeRequest], DecodedSource | ServiceError | None] = echo
    room: int = 1000
    submitted: list[list[DecodeRequest]] = field(default_factory=list)
    futures: list[Future[DecodedSource]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def submit_many(
        self, requests: Sequence[DecodeRequest], *, again: bool = False
    ) -> list[Future[DecodedSource]]:
        if len(requests) > self.room and not again:
            raise Overloaded("no room", retry_after_s=2.0)
        self.submitted.append(list(requests))
        futures = [self._future(request) for request in requests]
        self.futures += futures
        self.asked.set()
        return futures

    def _future(self, request: DecodeRequest) -> Future[DecodedSource]:
        future: Future[DecodedSource] = Future()
        answer = self.answer(request)
        if isinstance(answer, ServiceError):
            future.set_exception(answer)
        elif answer is not None:
            future.set_result(answer)
        return future


def pipeline(
    tokenizer: Tokenizer,
    engine: FakeEngine,
    manifest: Manifest = Manifest(),
    *,
    max_characters: int = 10_000,
    max_sentences: int = 500,
    clock: Callable[[], float] = lambda: 0.0,
) -> Pipeline:
    limits = TextLimits(max_characters, max_sentences)
    return Pipeline(manifest, tokenizer, tokenizer, engine, limits, clock=clock)


def ask(
    tokenizer: Tokenizer,
    request: TextRequest | str,
    manifest: Manifest = Manifest(),
) -> tuple[TextResponse, FakeEngine]:
    engine = FakeEngine()
    if isinstance(request, str):
        request = TextRequest(request, EN_DE)
    return asyncio.run(pipeline(tokenizer, engine, manifest).run(request)), engine


def narrow(max_source_tokens: int, task: Task = Task.TRANSLATION) -> Manifest:
    return Manifest(task=task, limits=Limits(max_source_tokens=max_source_tokens))


class TestTranslation:
    @given(text=ANY_TEXT)
    def test_sentences_are_translated_and_the_rest_is_kept(
        self, tokenizer: Tokenizer, text: str
    ) -> None:
        response, _ = ask(tokenizer, text, narrow(1000))
        segmented = split(text, "en")
        expected = "".join(
            segment.before
            + (
                normalise(segment.text)
                if any(character.isalnum() for character in segment.text)
                else segment.text
            )
            for segment in segmented.segments
        )
        assert response.text == expected + segmented.trailing

    @given(text=st.text(st.characters(exclude_categories=["L", "N"]), max_size=30))
    def test_a_text_without_letter_or_digit_passes_through_without_the_model(
        self, tokenizer: Tokenizer, text: str
    ) -> None:
        response, engine = ask(tokenizer, text)
        assert (response.text, response.sentences, engine.submitted) == (text, (), [])

    @given(text=ANY_TEXT)
    def test_what_is_too_long_for_the_model_is_translated_in_parts(
        self, tokenizer: Tokenizer, text: str
    ) -> None:
        room = 16
        response, engine = ask(tokenizer, text, narrow(room))
        for request in itertools.chain(*engine.submitted):
            assert 2 <= len(request.source_ids) <= room
            assert request.source_ids[-1] == tokenizer.end_id
        # Every letter of the text is in exactly one part.
        read = "".join(text[slice(*each.source_span)] for each in response.sentences)
        assert list(filter(str.isalpha, read)) == list(filter(str.isalpha, text))

    def test_parts_are_joined_with_what_was_between_them_and_said_to_be_parts(
        self, tokenizer: Tokenizer
    ) -> None:
        text = "the dog sees a house,  the teacher likes cats,\xa0she found keys. Tom sees."
        room = len(tokenizer.encode("the dog sees a house, the teacher likes")) + 1
        response, _ = ask(tokenizer, text, narrow(room))
        assert response.text == text
        assert [sentence.is_part for sentence in response.sentences] == [True] * 3 + [False]
        assert text[slice(*response.sentences[0].source_span)] == "the dog sees a house,"

    def test_alternatives_join_the_hypotheses_of_equal_rank(self, tokenizer: Tokenizer) -> None:
        options = SearchOverrides(num_hypotheses=2)
        # Names: an echo of them is no copy to be rescued from.
        response, _ = ask(tokenizer, TextRequest("Tom Mary. \n Mary Tom.", EN_DE, options))
        assert response.text == "Tom Mary. \n Mary Tom."
        assert response.alternatives == ("Mary. \n Tom.",)

    def test_a_sentence_with_fewer_hypotheses_repeats_its_last_one(
        self, tokenizer: Tokenizer
    ) -> None:
        def shy(request: DecodeRequest) -> DecodedSource:
            decoded = echo(request)
            few = decoded.hypotheses[:1] if len(request.source_ids) < 5 else decoded.hypotheses
            return replace(decoded, hypotheses=few)

        request = TextRequest("Tom. the dog sees Mary.", EN_DE, SearchOverrides(num_hypotheses=3))
        response = asyncio.run(pipeline(tokenizer, FakeEngine(shy)).run(request))
        assert len(response.alternatives) == 2
        assert all(text.startswith("Tom. ") for text in response.alternatives)
        assert [len(each.hypotheses) for each in response.sentences] == [1, 3]

    def test_confidence_is_that_of_the_direction(self, tokenizer: Tokenizer) -> None:
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

    @given(text=ANY_TEXT)
    def test_every_span_points_at_its_text(self, tokenizer: Tokenizer, text: str) -> None:
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

    def test_alignment_speaks_of_the_texts_of_request_and_answer(
        self, tokenizer: Tokenizer
    ) -> None:
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

    def test_a_direction_s_prefix_is_read_by_the_model_alone(self, tokenizer: Tokenizer) -> None:
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

    def test_the_longest_prefix_leaves_less_room(self, tokenizer: Tokenizer) -> None:
        prefixes = {EN_DE: (), Direction("en", "fr"): (8, 9)}
        manifest = Manifest(prefixes=prefixes, limits=Limits(max_source_tokens=16))
        engine = FakeEngine(lambda request: echo_without(request, {8, 9}))
        request = TextRequest("the dog sees Tom " * 20, Direction("en", "fr"))
        asyncio.run(pipeline(tokenizer, engine, manifest).run(request))
        longest = max(len(decode.source_ids) for decode in engine.submitted[0])
        assert 12 < longest <= 16

    def test_details_that_nobody_wants_are_left_out(self, tokenizer: Tokenizer) -> None:
        response, _ = ask(tokenizer, "Tom sees.")
        [hypothesis] = response.sentences[0].hypotheses
        assert (hypothesis.tokens, hypothesis.alignment) == (None, None)
        assert (hypothesis.log_prob, hypothesis.score) == (-1.0, -0.5)

    def test_a_model_without_attention_has_no_alignment(self, tokenizer: Tokenizer) -> None:
        def blind(request: DecodeRequest) -> DecodedSource:
            decoded = echo(request)
            return replace(decoded, hypotheses=(replace(decoded.hypotheses[0], attention=None),))

        request = TextRequest("Tom sees.", EN_DE, want_alignment=True)
        response = asyncio.run(pipeline(tokenizer, FakeEngine(blind)).run(request))
        assert response.sentences[0].hypotheses[0].alignment is None

    def test_a_cut_target_says_so(self, tokenizer: Tokenizer) -> None:
        def cut(request: DecodeRequest) -> DecodedSource:
            decoded = echo(request)
            hypothesis = replace(decoded.hypotheses[0], finish_reason=FinishReason.LENGTH)
            return replace(decoded, hypotheses=(hypothesis,))

        response = asyncio.run(
            pipeline(tokenizer, FakeEngine(cut)).run(TextRequest("Tom sees.", EN_DE))
        )
        assert response.sentences[0].hypotheses[0].finish_reason is FinishReason.LENGTH

    def test_counts_and_times(self, tokenizer: Tokenizer) -> None:
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

    def test_a_large_text_is_answered_like_a_small_one(self, tokenizer: Tokenizer) -> None:
        text = "the dog sees Tom.\n" * 200
        response, _ = ask(tokenizer, text)
        assert response.text == text
        assert len(response.sentences) == 200

    def test_deadline_and_priority_reach_the_engine(self, tokenizer: Tokenizer) -> None:
        _, engine = ask(tokenizer, TextRequest("Tom. Mary.", EN_DE, deadline_s=7.5, priority=3))
        assert [(each.deadline_s, each.priority) for each in engine.submitted[0]] == [(7.5, 3)] * 2


def is_inside(span: tuple[int, int], outer: tuple[int, int]) -> bool:
    return outer[0] <= span[0] <= span[1] <= outer[1]


class TestLimits:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("x" * 101, "the text has 101 characters; the limit is 100"),
            ("Tom. " * 4, "the text has 4 sentences; the limit is 3"),
        ],
    )
    def test_are_checked_before_the_engine_is_asked(
        self, tokenizer: Tokenizer, text: str, message: str
    ) -> None:
        engine = FakeEngine()
        limited = pipeline(tokenizer, engine, max_characters=100, max_sentences=3)
        with pytest.raises(TooLarge, match=message):
            asyncio.run(limited.run(TextRequest(text, EN_DE)))
        assert engine.submitted == []

    def test_lines_that_pass_through_are_no_sentences(self, tokenizer: Tokenizer) -> None:
        limited = pipeline(tokenizer, FakeEngine(), max_sentences=1)
        response = asyncio.run(limited.run(TextRequest("---\nTom.\n---\n!!!", EN_DE)))
        assert response.text == "---\nTom.\n---\n!!!"


class TestSummarization:
    TEXT = "The dog sees Tom. She likes cats!\n\nTom found keys. Mary sees a house."

    def summary(
        self, tokenizer: Tokenizer, text: str, room: int
    ) -> tuple[TextResponse, list[list[DecodeRequest]]]:
        response, engine = ask(tokenizer, text, narrow(room, Task.SUMMARIZATION))
        return response, engine.submitted

    def test_a_text_that_fits_is_read_whole_and_once(self, tokenizer: Tokenizer) -> None:
        response, submitted = self.summary(tokenizer, self.TEXT, 200)
        assert [len(batch) for batch in submitted] == [1]
        assert response.text == normalise(self.TEXT)
        assert response.use is not None
        assert (response.use.sentences, len(response.use.used)) == (4, 4)
        assert not response.use.last_is_cut
        assert len(response.sentences) == 1

    def test_a_long_text_gives_its_leading_sentences_and_says_which(
        self, tokenizer: Tokenizer
    ) -> None:
        two = "The dog sees Tom. She likes cats!"
        response, _ = self.summary(tokenizer, self.TEXT, len(tokenizer.encode(two)) + 1)
        assert response.text == two
        assert response.use is not None
        assert response.use.sentences == 4
        assert [self.TEXT[slice(*span)] for span in response.use.used] == [
            "The dog sees Tom.",
            "She likes cats!",
        ]
        assert response.sentences[0].source_span == (0, len(two))
        assert not response.sentences[0].is_part

    def test_a_long_first_sentence_gives_its_leading_words_and_says_so(
        self, tokenizer: Tokenizer
    ) -> None:
        room = len(tokenizer.encode("The dog sees")) + 1
        response, _ = self.summary(tokenizer, "  " + self.TEXT, room)
        assert response.text == "The dog sees"
        assert response.use is not None
        assert response.use.last_is_cut
        assert response.use.used == ((2, 2 + len("The dog sees")),)
        assert response.sentences[0].is_part

    @given(text=ANY_TEXT, room=st.integers(15, 40))
    def test_the_request_fits_and_the_spans_are_of_the_text(
        self, tokenizer: Tokenizer, text: str, room: int
    ) -> None:
        response, submitted = self.summary(tokenizer, text, room)
        assert response.use is not None
        assert response.use.sentences == len(split(text, "en").segments)
        assert len(response.use.used) <= response.use.sentences
        for [request] in submitted:
            assert len(request.source_ids) <= room
        sentences = "".join(segment.text for segment in split(text, "en").segments)
        assert bool(submitted) == any(character.isalnum() for character in sentences)
        if submitted:
            [sentence] = response.sentences
            assert sentence.source_span[0] == response.use.used[0][0]
            assert sentence.source_span[1] == response.use.used[-1][1]
        else:
            assert response.text == text


class TestOptions:
    def resolved(
        self, tokenizer: Tokenizer, text: str, overrides: SearchOverrides
    ) -> SearchOptions:
        manifest = Manifest(limits=Limits(max_beam_size=8))
        _, engine = ask(tokenizer, TextRequest(text, EN_DE, overrides), manifest)
        [[request]] = engine.submitted
        return request.options

    def test_defaults_are_the_bundle_s_and_the_maximum_shrinks_with_the_source(
        self, tokenizer: Tokenizer
    ) -> None:
        tokens = len(tokenizer.encode("Tom Mary."))
        assert self.resolved(tokenizer, "Tom Mary.", SearchOverrides()) == replace(
            DEFAULTS, max_decoding_length=2 * tokens + 16
        )
        assert (
            self.resolved(
                tokenizer, "Tom Mary.", SearchOverrides(min_decoding_length=200)
            ).max_decoding_length
            == 200
        )

    def test_what_a_request_names_stands(self, tokenizer: Tokenizer) -> None:
        named = SearchOptions(
            beam_size=3,
            num_hypotheses=2,
            length_penalty=0.6,
            min_decoding_length=0,
            max_decoding_length=300,
        )
        overrides = SearchOverrides(3, 2, 0.6, 0, 300)
        assert self.resolved(tokenizer, "Tom.", overrides) == named

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
        self, tokenizer: Tokenizer, overrides: SearchOverrides, expected: dict[str, int]
    ) -> None:
        options = self.resolved(tokenizer, "Tom.", overrides)
        assert {name: getattr(options, name) for name in expected} == expected

    def test_a_short_maximum_lowers_the_default_minimum(self, tokenizer: Tokenizer) -> None:
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
        self, tokenizer: Tokenizer, overrides: SearchOverrides, message: str
    ) -> None:
        with pytest.raises(RequestError, match=message):
            ask(tokenizer, TextRequest("Tom.", EN_DE, overrides))


class TestSeveralTexts:
    def many(
        self, tokenizer: Tokenizer, engine: FakeEngine, *texts: str
    ) -> list[TextResponse | ServiceError]:
        asked = pipeline(tokenizer, engine, max_characters=100)
        return asyncio.run(asked.run_many([TextRequest(text, EN_DE) for text in texts]))

    def test_are_submitted_together_and_answered_in_order(self, tokenizer: Tokenizer) -> None:
        engine = FakeEngine()
        texts = ["Tom. Mary.", "---", "the dog sees."]
        outcomes = self.many(tokenizer, engine, *texts)
        assert [said(outcome) for outcome in outcomes] == texts
        assert [len(batch) for batch in engine.submitted] == [3]

    def test_one_bad_text_fails_alone(self, tokenizer: Tokenizer) -> None:
        engine = FakeEngine()
        outcomes = self.many(tokenizer, engine, "Tom.", "x" * 101, "Mary.")
        assert said(outcomes[0]) == "Tom."
        assert isinstance(outcomes[1], TooLarge)
        assert said(outcomes[2]) == "Mary."

    def test_a_failing_sentence_fails_its_text_alone(self, tokenizer: Tokenizer) -> None:
        keys = tuple(tokenizer.encode("keys."))

        def tired(request: DecodeRequest) -> DecodedSource | ServiceError:
            if request.source_ids[:-1] == keys:
                return DeadlineExceeded("too late")
            return echo(request)

        outcomes = self.many(tokenizer, FakeEngine(tired), "Tom.", "keys. the dog sees.", "Mary.")
        assert said(outcomes[0]) == "Tom."
        assert isinstance(outcomes[1], DeadlineExceeded)
        assert said(outcomes[2]) == "Mary."

    def test_sentences_beside_a_failed_one_are_taken_back_at_once(
        self, tokenizer: Tokenizer
    ) -> None:
        engine = FakeEngine(lambda request: None)
        requests = [TextRequest("Tom. Mary.", EN_DE), TextRequest("Mary Tom.", EN_DE)]

        async def fail_one() -> list[TextResponse | ServiceError]:
            task = asyncio.ensure_future(pipeline(tokenizer, engine).run_many(requests))
            await engine.asked.wait()
            failing, beside, other = engine.futures
            beside_done = asyncio.wrap_future(beside)
            failing.set_exception(DeadlineExceeded("too late"))
            # The time is for a pipeline that hangs; a right one takes none.
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(beside_done, timeout=30)
            assert not other.done()
            other.set_result(echo(engine.submitted[0][2]))
            return await task

        outcomes = asyncio.run(fail_one())
        assert isinstance(outcomes[0], DeadlineExceeded)
        assert said(outcomes[1]) == "Mary Tom."

    def test_a_full_engine_refuses_all(self, tokenizer: Tokenizer) -> None:
        engine = FakeEngine(room=2)
        with pytest.raises(Overloaded) as refusal:
            self.many(tokenizer, engine, "Tom. Mary.", "the dog.")
        assert refusal.value.retry_after_s == 2.0
        assert engine.futures == []

    def test_work_that_the_engine_drops_is_an_error(self, tokenizer: Tokenizer) -> None:
        engine = FakeEngine(lambda request: None)

        async def drop() -> None:
            task = asyncio.ensure_future(
                pipeline(tokenizer, engine).run(TextRequest("Tom.", EN_DE))
            )
            await engine.asked.wait()
            engine.futures[0].cancel()
            with pytest.raises(Cancelled):
                await task

        asyncio.run(drop())

    def test_an_error_that_is_none_of_ours_is_not_hidden(self, tokenizer: Tokenizer) -> None:
        def broken(request: DecodeRequest) -> DecodedSource:
            return replace(echo(request), hypotheses=())

        with pytest.raises(IndexError):
            self.many(tokenizer, FakeEngine(broken), "Tom.")


def said(outcome: TextResponse | ServiceError) -> str:
    assert isinstance(outcome, TextResponse)
    return outcome.text


@pytest.mark.parametrize("text", ["Tom. the dog sees. Mary.", "the dog sees Tom.\n" * 200])
def test_when_the_caller_leaves_the_engine_is_told(tokenizer: Tokenizer, text: str) -> None:
    engine = FakeEngine(lambda request: None)

    async def leave() -> None:
        task = asyncio.ensure_future(pipeline(tokenizer, engine).run(TextRequest(text, EN_DE)))
        await engine.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())
    assert engine.futures
    assert all(future.cancelled() for future in engine.futures)
