"""Several texts at once, some of which fail, and callers who leave."""

import asyncio
from dataclasses import replace

import pytest

from service.domain import DecodedSource, DecodeRequest
from service.errors import Cancelled, DeadlineExceeded, Overloaded, ServiceError, TooLarge
from service.pipeline import TextRequest, TextResponse
from service.text.tokenizer import Tokenizer
from tests.pipeline.scenes import EN_DE, FakeEngine, echo, pipeline


def many(
    tokenizer: Tokenizer, engine: FakeEngine, *texts: str
) -> list[TextResponse | ServiceError]:
    asked = pipeline(tokenizer, engine, max_characters=100)
    return asyncio.run(asked.run_many([TextRequest(text, EN_DE) for text in texts]))


def said(outcome: TextResponse | ServiceError) -> str:
    assert isinstance(outcome, TextResponse)
    return outcome.text


def test_texts_are_submitted_together_and_answered_in_order(tokenizer: Tokenizer) -> None:
    engine = FakeEngine()
    texts = ["Tom. Mary.", "---", "the dog sees."]
    outcomes = many(tokenizer, engine, *texts)
    assert [said(outcome) for outcome in outcomes] == texts
    assert [len(batch) for batch in engine.submitted] == [3]


def test_one_bad_text_fails_alone(tokenizer: Tokenizer) -> None:
    engine = FakeEngine()
    outcomes = many(tokenizer, engine, "Tom.", "x" * 101, "Mary.")
    assert said(outcomes[0]) == "Tom."
    assert isinstance(outcomes[1], TooLarge)
    assert said(outcomes[2]) == "Mary."


def test_a_failing_sentence_fails_its_text_alone(tokenizer: Tokenizer) -> None:
    keys = tuple(tokenizer.encode("keys."))

    def tired(request: DecodeRequest) -> DecodedSource | ServiceError:
        if request.source_ids[:-1] == keys:
            return DeadlineExceeded("too late")
        return echo(request)

    outcomes = many(tokenizer, FakeEngine(tired), "Tom.", "keys. the dog sees.", "Mary.")
    assert said(outcomes[0]) == "Tom."
    assert isinstance(outcomes[1], DeadlineExceeded)
    assert said(outcomes[2]) == "Mary."


def test_sentences_beside_a_failed_one_are_taken_back_at_once(tokenizer: Tokenizer) -> None:
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


def test_a_full_engine_refuses_all(tokenizer: Tokenizer) -> None:
    engine = FakeEngine(room=2)
    with pytest.raises(Overloaded) as refusal:
        many(tokenizer, engine, "Tom. Mary.", "the dog.")
    assert refusal.value.retry_after_s == 2.0
    assert engine.futures == []


def test_work_that_the_engine_drops_is_an_error(tokenizer: Tokenizer) -> None:
    engine = FakeEngine(lambda request: None)

    async def drop() -> None:
        task = asyncio.ensure_future(pipeline(tokenizer, engine).run(TextRequest("Tom.", EN_DE)))
        await engine.asked.wait()
        engine.futures[0].cancel()
        with pytest.raises(Cancelled):
            await task

    asyncio.run(drop())


def test_an_error_that_is_none_of_ours_is_not_hidden(tokenizer: Tokenizer) -> None:
    def broken(request: DecodeRequest) -> DecodedSource:
        return replace(echo(request), hypotheses=())

    with pytest.raises(IndexError):
        many(tokenizer, FakeEngine(broken), "Tom.")


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
