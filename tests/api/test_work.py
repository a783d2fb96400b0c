"""Where the JSON of an answer is made."""

import asyncio
import threading

import pytest

from service.api.requests import TranslateRequest
from service.api.responses import TranslateResponse
from service.api.work import spelt
from service.domain import Direction
from service.pipeline.request import TextRequest
from tests.api.fakes import shout


@pytest.mark.parametrize(
    ("texts", "more", "in_a_thread"),
    [
        (1, {"return": ["scores"]}, False),
        (256, {}, False),
        (256, {"return": ["scores"]}, True),
        (8, {"alternatives": 15}, False),
        (8, {"alternatives": 15, "return": ["alignment"]}, True),
    ],
)
def test_many_details_are_written_while_others_are_answered(
    texts: int, more: dict[str, object], *, in_a_thread: bool
) -> None:
    fields = {"q": ["one"] * texts, "source": "en", "target": "de"} | more
    wanted = TranslateRequest.model_validate(fields)
    threads: list[int] = []

    def body() -> TranslateResponse:
        threads.append(threading.get_ident())
        return TranslateResponse.model_validate({"translatedText": "EINS"})

    answers = [shout(TextRequest("one", Direction("en", "de")))] * texts
    assert asyncio.run(spelt(body, wanted, answers)) == b'{"translatedText":"EINS"}'
    assert (threads != [threading.get_ident()]) == in_a_thread
