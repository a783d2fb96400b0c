"""POST /translate: LibreTranslate's answers, and ours where it has none."""

import json
from typing import Any

import pytest

from service.errors import DeadlineExceeded, ServiceError, TooLarge
from service.markup.document import Markup
from service.pipeline.request import SearchOverrides, TextRequest
from service.pipeline.response import TextResponse
from tests.api.fakes import FakeModels, FakePipeline, shout
from tests.api.local import LocalClient

ENGLISH = "The weather is lovely and the children are playing outside."
GERMAN = "Das Wetter ist schön und die Kinder spielen draußen."
FRENCH = "Il fait beau et les enfants jouent dans le jardin avec leurs amis."


def asked(**fields: Any) -> dict[str, Any]:
    return {"q": "hello", "source": "en", "target": "de"} | fields


def test_a_string_gives_a_string(client: LocalClient) -> None:
    response = client.post("/translate", json=asked())

    assert response.status_code == 200
    assert response.json() == {"translatedText": "HELLO"}
    assert response.headers["x-model"] == "shout-en-de@1.2.0"
    assert response.headers["x-provider"] == "cpu"


def test_a_list_gives_a_list_in_order(client: LocalClient, models: FakeModels) -> None:
    response = client.post("/translate", json=asked(q=["one", "two", "one"]))

    assert response.json() == {"translatedText": ["ONE", "TWO", "ONE"]}
    assert [request.text for request in models.translator.asked] == ["one", "two", "one"]


def test_a_list_of_one_stays_a_list(client: LocalClient) -> None:
    assert client.post("/translate", json=asked(q=["x"])).json() == {"translatedText": ["X"]}


@pytest.mark.parametrize(
    "fields", [{"alternatives": 2}, {"options": {"num_hypotheses": 3}}], ids=["ours", "CT2"]
)
def test_alternatives(client: LocalClient, models: FakeModels, fields: dict[str, Any]) -> None:
    one = client.post("/translate", json=asked(**fields)).json()
    many = client.post("/translate", json=asked(q=["a", "b"], **fields)).json()

    assert one == {"translatedText": "HELLO", "alternatives": ["HELLO!", "HELLO!!"]}
    assert many["alternatives"] == [["A!", "A!!"], ["B!", "B!!"]]
    assert models.translator.asked[0].options.num_hypotheses == 3


def test_no_alternatives_were_asked_for_with_0(client: LocalClient, models: FakeModels) -> None:
    assert client.post("/translate", json=asked(alternatives=0)).json() == {
        "translatedText": "HELLO"
    }
    assert models.translator.asked[0].options.num_hypotheses == 1


def test_options_reach_the_pipeline_as_they_are(client: LocalClient, models: FakeModels) -> None:
    options = {
        "beam_size": 5,
        "num_hypotheses": 2,
        "length_penalty": 0.6,
        "min_decoding_length": 1,
        "max_decoding_length": 99,
    }
    client.post("/translate", json=asked(options=options))

    [request] = models.translator.asked
    assert request.options == SearchOverrides(
        beam_size=5,
        num_hypotheses=2,
        length_penalty=0.6,
        min_decoding_length=1,
        max_decoding_length=99,
    )
    assert not request.want_tokens
    assert not request.want_alignment


def test_details_hold_what_return_asks_for(client: LocalClient) -> None:
    wanted = ["scores", "alignment", "tokens"]
    answer = client.post("/translate", json=asked(**{"return": wanted})).json()

    assert answer["translatedText"] == "HELLO"
    [detail] = answer["details"]
    assert detail["model"] == "shout-en-de"
    assert detail["provider"] == "cpu"
    assert detail["source_tokens"] == 3
    assert detail["generated_tokens"] == 4
    assert detail["seconds"] == {
        "tokenise": 0.001,
        "queue": 0.002,
        "encode": 0.003,
        "decode": 0.004,
        "detokenise": 0.005,
    }
    assert detail["sentences"] == [
        {
            "source": {"start": 0, "end": 5},
            "is_part": False,
            "hypotheses": [
                {
                    "text": "HELLO",
                    "target": {"start": 0, "end": 5},
                    "finish_reason": "end",
                    "score": -0.5,
                    "log_prob": -1.5,
                    "tokens": [
                        {"piece": "▁HELLO", "log_prob": -1.5, "target": {"start": 0, "end": 5}}
                    ],
                    "alignment": [
                        {
                            "target": {"start": 0, "end": 5},
                            "source": [{"start": 0, "end": 5, "weight": 0.75}],
                        }
                    ],
                }
            ],
            "problems": [],
            "rescued": False,
        }
    ]


def test_details_hold_nothing_else(client: LocalClient) -> None:
    [detail] = client.post("/translate", json=asked(**{"return": ["scores"]})).json()["details"]

    [hypothesis] = detail["sentences"][0]["hypotheses"]
    assert hypothesis.keys() == {"text", "target", "finish_reason", "score", "log_prob"}


class TestLanguages:
    def test_auto_says_what_it_found(self, client: LocalClient, models: FakeModels) -> None:
        answer = client.post("/translate", json=asked(q=ENGLISH, source="auto")).json()

        assert answer["translatedText"] == ENGLISH.upper()
        assert answer["detectedLanguage"]["language"] == "en"
        assert 50 < answer["detectedLanguage"]["confidence"] <= 100
        assert len(models.translator.asked) == 1

    def test_auto_goes_by_each_text(self, client: LocalClient, models: FakeModels) -> None:
        answer = client.post("/translate", json=asked(q=[GERMAN, ENGLISH], source="auto")).json()

        assert answer["translatedText"] == [GERMAN, ENGLISH.upper()]
        assert [found["language"] for found in answer["detectedLanguage"]] == ["de", "en"]
        assert [request.text for request in models.translator.asked] == [ENGLISH]

    @pytest.mark.parametrize("text", ["", "123", "Hello"])
    def test_auto_takes_a_served_language_when_nothing_speaks_for_another(
        self, client: LocalClient, text: str
    ) -> None:
        answer = client.post("/translate", json=asked(q=text, source="auto")).json()

        assert answer["detectedLanguage"]["language"] == "en"
        assert answer["detectedLanguage"]["confidence"] < 50

    def test_auto_refuses_a_text_that_is_clearly_in_another_language(
        self, client: LocalClient
    ) -> None:
        response = client.post("/translate", json=asked(q=FRENCH, source="auto"))

        assert response.status_code == 400
        assert response.json()["code"] == "unsupported_language"
        assert "looks like fr" in response.json()["error"]
        assert "it can be: en" in response.json()["error"]

    def test_a_text_in_the_target_language_is_its_own_translation(
        self, client: LocalClient, models: FakeModels
    ) -> None:
        answer = client.post(
            "/translate", json=asked(q="Hallo", source="de", **{"return": ["scores"]})
        ).json()

        assert answer["translatedText"] == "Hallo"
        assert answer["details"][0]["model"] is None
        assert models.translator.asked == []

    def test_codes_may_be_in_capitals(self, client: LocalClient) -> None:
        answer = client.post("/translate", json=asked(source="EN", target="DE"))
        assert answer.json() == {"translatedText": "HELLO"}

    @pytest.mark.parametrize(
        ("source", "target", "error"),
        [
            ("fr", "de", "source fr is not supported; it can be: en"),
            ("de", "en", "source de is not supported; it can be: en"),
            ("en", "fr", "target fr is not supported from source en; it can be: de"),
            ("fr", "fr", "source fr is not supported; it can be: en"),
            ("auto", "fr", "target fr is not supported; it can be: de"),
        ],
    )
    def test_what_is_not_served_is_refused(
        self, client: LocalClient, source: str, target: str, error: str
    ) -> None:
        response = client.post("/translate", json=asked(source=source, target=target))

        assert response.status_code == 400
        assert response.json()["error"] == error
        assert response.json()["code"] == "unsupported_language"

    def test_a_model_by_name(self, client: LocalClient) -> None:
        good = client.post("/translate", json=asked(model="shout-en-de"))
        unknown = client.post("/translate", json=asked(model="shout-en-fr"))
        other_task = client.post("/translate", json=asked(model="first-words"))
        other_pair = client.post("/translate", json=asked(model="shout-en-de", source="de"))

        assert good.json() == {"translatedText": "HELLO"}
        assert unknown.status_code == 404
        assert unknown.json()["error"] == (
            "there is no model shout-en-fr; there are: first-words, shout-en-de"
        )
        assert other_task.status_code == 400
        assert other_task.json()["error"] == (
            "model first-words is for summarization, not for translation"
        )
        assert other_pair.json()["error"] == ("model shout-en-de translates en to de, not de to de")


class TestOneOfSeveralFails:
    """A text of a list that fails must not come back as an empty string."""

    @pytest.fixture
    def models(self) -> FakeModels:
        def answering(request: TextRequest) -> TextResponse | ServiceError:
            if request.text == "long":
                return TooLarge("the text has 9 sentences; the limit is 8")
            if request.text == "slow":
                return DeadlineExceeded("too late")
            return shout(request)

        return FakeModels(translator=FakePipeline(answering))

    def test_without_details_the_request_fails_and_names_the_text(
        self, client: LocalClient
    ) -> None:
        response = client.post("/translate", json=asked(q=["ok", "long", "slow"]))

        assert response.status_code == 413
        assert response.json()["error"] == "text 1: the text has 9 sentences; the limit is 8"

    def test_a_single_text_needs_no_number(self, client: LocalClient) -> None:
        response = client.post("/translate", json=asked(q="long"))
        assert response.json()["error"] == "the text has 9 sentences; the limit is 8"

    def test_with_details_it_is_null_and_says_why(self, client: LocalClient) -> None:
        fields = {"return": ["scores"], "alternatives": 1}
        response = client.post("/translate", json=asked(q=["ok", "long"], **fields))

        answer = response.json()
        assert response.status_code == 200
        assert answer["translatedText"] == ["OK", None]
        assert answer["alternatives"] == [["OK!"], []]
        assert answer["details"][0]["model"] == "shout-en-de"
        assert answer["details"][1] == {
            "error": "text 1: the text has 9 sentences; the limit is 8",
            "code": "too_large",
        }

    def test_when_all_fail_the_request_fails(self, client: LocalClient) -> None:
        wanted = asked(q=["slow", "long"], **{"return": ["scores"]})
        response = client.post("/translate", json=wanted)

        assert response.status_code == 504
        assert response.json()["error"] == "text 0: too late"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"q": 3}, "q: should be a string or a list of strings"),
        ({"q": []}, "q: the list is empty"),
        ({"q": ["a", 7]}, "q: item 1 should be a string"),
        ({"q": "a\ud800b"}, "q: holds half of a surrogate pair, which is not valid Unicode"),
        ({"q": None}, "q is missing"),
        ({"source": None}, "source is missing"),
        ({"target": ""}, "target: string should have at least 1 character"),
        ({"format": "rtf"}, "format: input should be 'text', 'html' or 'xml'"),
        ({"ignore_tags": "x"}, "ignore_tags is for format html and xml"),
        (
            {"ignore_tags": 3, "format": "xml"},
            ("ignore_tags: should be names of tags: a list, or separated by commas"),
        ),
        (
            {"format": "xml", "stream": True},
            "stream is for format text; in xml, tags need all of it",
        ),
        ({"alternatives": -1}, "alternatives: input should be greater than or equal to 0"),
        ({"alternatives": True}, "alternatives: should be a number"),
        (
            {"alternatives": 1, "options": {"num_hypotheses": 4}},
            (
                "alternatives is 1, which makes 2 hypotheses; options.num_hypotheses is 4; "
                "send one of the two"
            ),
        ),
        (
            {"options": {"beam": 4}},
            (
                'unknown field "beam" in options; known: beam_size, num_hypotheses, '
                "length_penalty, min_decoding_length, max_decoding_length"
            ),
        ),
        (
            {"options": {"beam_size": 0}},
            "options.beam_size: input should be greater than or equal to 1",
        ),
        (
            {"options": {"length_penalty": "much"}},
            (
                "options.length_penalty: input should be a valid number, "
                "unable to parse string as a number"
            ),
        ),
        (
            {"return": ["everything"]},
            "return.0: input should be 'scores', 'alignment', 'tokens' or 'confidence'",
        ),
        ({"return": "scores"}, "return: should be a list"),
        ({"options": [4]}, "options: should be an object"),
        (
            {"glossary": {"cat": 3}},
            "glossary: should be a name, or an object of terms and their translations",
        ),
        ({"do_not_translate": [1]}, "do_not_translate: should be a string or a list of strings"),
        ({"timeout_s": 0}, "timeout_s: input should be greater than 0"),
        ({"timeout_s": 500}, "timeout_s is 500; the limit is 120"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    client: LocalClient, fields: dict[str, Any], error: str
) -> None:
    # By hand: client libraries refuse to send a lone surrogate.
    body = json.dumps(asked(**fields)).encode()
    response = client.post("/translate", content=body)

    assert response.status_code == 400
    assert response.json()["error"] == error
    assert response.json()["code"] == "bad_request"


@pytest.mark.parametrize("format_", ["html", "xml"])
def test_markup_reaches_the_pipeline(client: LocalClient, models: FakeModels, format_: str) -> None:
    client.post("/translate", json=asked(format=format_, ignore_tags=["x", "y"]))
    client.get("/translate", params=asked(format=format_, ignore_tags="x, y"))

    first, second = models.translator.asked
    assert first.markup == second.markup == Markup(format_, frozenset("xy"))  # type: ignore[arg-type]  # one of the two


def test_tags_say_nothing_about_the_language(client: LocalClient) -> None:
    text = f"<p class='the weather is lovely'>{GERMAN}</p>"
    wanted = asked(q=text, source="auto", format="html")
    assert client.post("/translate", json=wanted).json()["translatedText"] == text


def test_priority_reaches_the_engine(client: LocalClient, models: FakeModels) -> None:
    for sent in ({}, {"priority": "interactive"}, {"priority": "batch"}):
        assert client.post("/translate", json=asked(**sent)).status_code == 200
    assert [each.priority for each in models.translator.asked] == [0, 0, 1]
    assert client.post("/translate", json=asked(priority="now")).status_code == 400


def test_an_unknown_field_is_named_with_the_known_ones(client: LocalClient) -> None:
    response = client.post("/translate", json=asked(targte="de"))

    assert response.status_code == 400
    assert response.json()["error"] == (
        'unknown field "targte"; known: q, source, target, glossary, do_not_translate, '
        "alternatives, model, options, return, min_confidence, priority, timeout_s, stream, "
        "api_key, secret, format, ignore_tags"
    )


def test_what_libretranslate_clients_send_is_taken(client: LocalClient) -> None:
    response = client.post(
        "/translate", json=asked(format="text", api_key="k", secret="s", alternatives=0)
    )
    assert response.status_code == 200


def test_too_many_texts(client: LocalClient, models: FakeModels) -> None:
    response = client.post("/translate", json=asked(q=["a"] * 5))

    assert response.status_code == 413
    assert response.json()["error"] == "q has 5 texts; the limit is 4"
    assert models.translator.asked == []
