"""What an answer says of its own worth: confidence, a bound on it, and what the guard saw."""

from dataclasses import replace
from typing import Any

import pytest

from service.bundle.manifest import Confidence, HeldOut, Knot, Manifest, Precision
from service.pipeline.request import TextRequest
from service.pipeline.response import TextResponse
from service.trust.guard import Problem
from tests.api.fakes import SUMMARIZER, TRANSLATOR, FakeModels, FakePipeline, shout
from tests.api.local import LocalClient, MakeClient
from tests.api.scraping import value
from tests.api.submitting import fetched, submit

CONFIDENCE = Confidence(
    source="en",
    target="de",
    quality="chrF",
    typical_token=1.0,
    mean_token=0.0,
    worst_token=0.0,
    problems=0.0,
    curve=(Knot(0.0, 0.25), Knot(1.0, 0.75)),
    precision=Precision.INT8,
    sentences=100,
    held_out=HeldOut(sentences=100, calibration_error=0.01, rank_correlation=0.5),
)
CALIBRATED: tuple[Manifest, ...] = (
    TRANSLATOR.model_copy(update={"confidence": (CONFIDENCE,)}),
    SUMMARIZER.model_copy(update={"confidence": (CONFIDENCE.model_copy(update={"target": None}),)}),
)


@pytest.fixture
def calibrated(make_client: MakeClient) -> LocalClient:
    return make_client(FakeModels(manifests=CALIBRATED))


def asked(**fields: Any) -> dict[str, Any]:
    return {"q": "hello", "source": "en", "target": "de"} | fields


def sentence_of(client: LocalClient, **fields: Any) -> dict[str, Any]:
    answer = client.post("/translate", json=asked(**fields)).json()
    [detail] = answer["details"]
    [sentence] = detail["sentences"]
    assert isinstance(sentence, dict)
    return sentence


def test_confidence_is_given_when_asked_for(calibrated: LocalClient) -> None:
    sentence = sentence_of(calibrated, **{"return": ["confidence"]})
    assert sentence["confidence"] == 0.625
    assert "below_min_confidence" not in sentence
    assert "confidence" not in sentence_of(calibrated, **{"return": ["scores"]})


@pytest.mark.parametrize(("bound", "is_below"), [(0.5, False), (0.625, False), (0.7, True)])
def test_a_sentence_below_the_bound_is_flagged_and_given_all_the_same(
    calibrated: LocalClient, bound: float, is_below: bool
) -> None:
    answer = calibrated.post("/translate", json=asked(min_confidence=bound))
    assert answer.status_code == 200
    assert answer.json()["translatedText"] == "HELLO"
    [sentence] = answer.json()["details"][0]["sentences"]
    assert sentence["confidence"] == 0.625
    assert sentence["below_min_confidence"] is is_below


def test_a_summary_has_it_too(calibrated: LocalClient) -> None:
    answer = calibrated.post("/summarize", json={"text": "A long story.", "min_confidence": 0.9})
    [sentence] = answer.json()["details"][0]["sentences"]
    assert (sentence["confidence"], sentence["below_min_confidence"]) == (0.625, True)


def test_a_bound_is_refused_by_a_model_that_was_not_calibrated(
    client: LocalClient, models: FakeModels
) -> None:
    answer = client.post("/translate", json=asked(min_confidence=0.5))
    assert answer.status_code == 400
    assert answer.json()["error"] == (
        "min_confidence is 0.5; model shout-en-de has no calibrated confidence for en to de"
    )
    assert models.translator.asked == []


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/summarize", {"text": "A story.", "min_confidence": 0.5}),
        ("/jobs", {"summarize": {"text": "A story.", "min_confidence": 0.5}}),
        ("/jobs", {"translate": asked(min_confidence=0.5)}),
    ],
)
def test_so_it_is_for_summaries_and_jobs(
    client: LocalClient, path: str, fields: dict[str, Any]
) -> None:
    answer = client.post(path, json=fields)
    assert answer.status_code == 400
    assert "has no calibrated confidence for en" in answer.json()["error"]


@pytest.mark.parametrize("bound", [-0.1, 1.1, "much", True])
def test_a_bound_is_a_share(calibrated: LocalClient, bound: Any) -> None:
    assert calibrated.post("/translate", json=asked(min_confidence=bound)).status_code == 400


def test_a_text_in_the_target_language_needs_no_confidence(calibrated: LocalClient) -> None:
    answer = calibrated.post("/translate", json=asked(source="de", min_confidence=0.5))
    assert answer.json()["details"][0]["sentences"] == []


def rescued(request: TextRequest) -> TextResponse:
    whole = shout(request)
    [sentence] = whole.sentences
    sentence = replace(
        sentence,
        problems=(Problem.LENGTH_RATIO,),
        is_rescued=True,
        avoided=(Problem.LOOP, Problem.LENGTH_RATIO),
    )
    return replace(whole, sentences=(sentence,))


def test_what_the_guard_saw_is_said_and_counted(
    make_client: MakeClient,
) -> None:
    client = make_client(FakeModels(translator=FakePipeline(rescued)))
    sentence = sentence_of(client, **{"return": ["scores"]})
    assert sentence["problems"] == ["length_ratio"]
    assert sentence["rescued"] is True
    assert sentence["avoided"] == ["loop", "length_ratio"]
    assert guarded(client) == {("loop", "rescued"): 1, ("length_ratio", "kept"): 1}


def test_so_it_is_in_jobs(make_client: MakeClient) -> None:
    client = make_client(FakeModels(translator=FakePipeline(rescued)))
    fetched(client, submit(client, translate=asked())["id"])
    assert guarded(client) == {("loop", "rescued"): 1, ("length_ratio", "kept"): 1}


def guarded(client: LocalClient) -> dict[tuple[str, str], float]:
    """What was counted, by problem and outcome."""
    counts = {
        (problem, outcome): value(
            client,
            "seq2serve_guard_total",
            model="shout-en-de",
            problem=problem,
            outcome=outcome,
        )
        for problem in ("loop", "length_ratio")
        for outcome in ("rescued", "kept")
    }
    return {each: count for each, count in counts.items() if count}
