"""POST /summarize."""

from typing import Any

import pytest

from service.domain import Direction
from tests.api.fakes import SUMMARIZER, FakeModels, served
from tests.api.local import LocalClient

TEXT = "Oil prices rose on Monday as traders worried about supplies. Shares fell."
SUMMARY = "Oil prices rose on Monday as traders worried"
USED = {
    "sentences": 1,
    "total": 2,
    "places": [{"start": 0, "end": len(SUMMARY)}],
    "last_is_cut": False,
}


def test_a_text(client: LocalClient) -> None:
    response = client.post("/summarize", json={"text": TEXT})

    assert response.status_code == 200
    assert response.json() == {"summary": SUMMARY, "used": USED}
    assert response.headers["x-model"] == "first-words@1.2.0"


def test_a_list_with_details(client: LocalClient) -> None:
    wanted = {"text": [TEXT], "return": ["scores"]}
    answer = client.post("/summarize", json=wanted).json()

    assert answer["summary"] == [SUMMARY]
    assert answer["used"] == [USED]
    assert answer["details"][0]["model"] == "first-words"


def test_lengths_have_short_names(client: LocalClient, models: FakeModels) -> None:
    client.post("/summarize", json={"text": TEXT, "max_length": 20, "min_length": 5})
    client.post("/summarize", json={"text": TEXT, "options": {"max_decoding_length": 30}})

    short, long = models.summarizer.asked
    assert short.options.max_decoding_length == 20
    assert short.options.min_decoding_length == 5
    assert long.options.max_decoding_length == 30


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({}, 400, "text is missing"),
        (
            {"text": TEXT, "max_length": 3, "options": {"max_decoding_length": 4}},
            400,
            "max_length and options.max_decoding_length are the same; send one of the two",
        ),
        (
            {"text": TEXT, "language": "de"},
            400,
            "cannot summarize language de; it can be: en",
        ),
        (
            {"text": TEXT, "model": "shout-en-de"},
            400,
            "model shout-en-de is for translation, not for summarization",
        ),
        ({"text": [TEXT] * 5}, 413, "text has 5 texts; the limit is 4"),
    ],
)
def test_what_is_refused(
    client: LocalClient, fields: dict[str, Any], status: int, error: str
) -> None:
    response = client.post("/summarize", json=fields)
    assert (response.status_code, response.json()["error"]) == (status, error)


def test_its_language_may_be_named(client: LocalClient) -> None:
    assert client.post("/summarize", json={"text": TEXT, "language": "EN"}).status_code == 200


class TestOfTwoLanguages:
    @pytest.fixture
    def models(self) -> FakeModels:
        directions = (*served("en", None), *served("pt-BR", None))
        return FakeModels(manifests=(SUMMARIZER.model_copy(update={"directions": directions}),))

    @pytest.mark.parametrize(
        ("language", "source"),
        [("pt-BR", "pt-BR"), ("PT-br", "pt-BR"), ("EN", "en"), (None, "en")],
    )
    def test_the_text_is_taken_for_the_one_that_was_named(
        self, client: LocalClient, models: FakeModels, language: str | None, source: str
    ) -> None:
        fields = {"text": TEXT} | ({} if language is None else {"language": language})
        assert client.post("/summarize", json=fields).status_code == 200
        assert models.summarizer.asked[-1].direction == Direction(source)


class TestWithoutSummarizer:
    @pytest.fixture
    def models(self) -> FakeModels:
        models = FakeModels()
        return FakeModels(manifests=models.manifests[:1])

    def test_it_is_not_found(self, client: LocalClient) -> None:
        response = client.post("/summarize", json={"text": TEXT})

        assert response.status_code == 404
        assert response.json()["error"] == "no model of this service summarizes"
        assert response.json()["code"] == "unknown_model"
