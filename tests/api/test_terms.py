"""Terms over HTTP: what may be asked for, and what the answer says of it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from service.app import create_app
from service.domain import MarkIds
from service.errors import SettingsError
from service.pipeline.request import TextRequest
from service.pipeline.response import MarkUse, TermUse, TextResponse
from service.settings import Settings
from service.text.glossary import find_terms
from tests.api.fakes import TRANSLATOR, FakeModels, FakePipeline, served, shout
from tests.api.local import LocalClient, MakeClient
from tests.api.scraping import value

ABLE = TRANSLATOR.model_copy(
    update={"name": "able-en-de", "marks": MarkIds(4, 5, (6, 7)), "version": "2"}
)
FRENCH = ABLE.model_copy(update={"name": "able-en-fr", "directions": served("en", "fr")})


def obey(request: TextRequest) -> TextResponse:
    """The text again with terms in it; every second one is lost, or had to be inserted."""
    uses: list[MarkUse] = []
    matches = find_terms(request.text, request.glossaries)
    text, done = "", 0
    for number, match in enumerate(matches):
        (start, end), target = match.span, match.entry.target
        text += request.text[done:start]
        copied, is_odd = request.text[start:end], number % 2 == 1
        written = copied if target is None else "" if is_odd else target
        place = (len(text), len(text) + len(written)) if written else None
        is_copy = target is None
        uses.append(MarkUse(match.span, place, is_copy=is_copy, is_inserted=is_odd and is_copy))
        text, done = text + written, end
    text += request.text[done:]
    whole = shout(request)
    [sentence] = whole.sentences
    best = replace(sentence.hypotheses[0], text=text, span=(0, len(text)), uses=tuple(uses))
    return replace(
        whole,
        text=text,
        sentences=(replace(sentence, hypotheses=(best,)),),
        terms=tuple(TermUse(match.entry, use) for match, use in zip(matches, uses, strict=True)),
    )


@pytest.fixture
def models() -> FakeModels:
    return FakeModels(translator=FakePipeline(obey), manifests=(TRANSLATOR, ABLE, FRENCH))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "company.en-de.tsv").write_text("cat\tKater\nAcme Inc\tAcme AG\n", "utf-8")
    return Settings(models_dir=Path("nowhere"), glossaries_dir=tmp_path, max_terms=4)


def asked(**fields: Any) -> dict[str, Any]:
    return {"q": "A cat of Acme.", "source": "en", "target": "de"} | fields


def test_a_model_with_terms_is_chosen_for_terms(
    make_client: MakeClient,
) -> None:
    first = TRANSLATOR.model_copy(update={"name": "a-model-without-terms"})
    client = make_client(FakeModels(translator=FakePipeline(obey), manifests=(first, ABLE)))
    for terms, model in (({}, "a-model-without-terms"), ({"glossary": {"a": "b"}}, "able-en-de")):
        for source in ("en", "auto"):
            response = client.post("/translate", json=asked(source=source, **terms))
            assert response.headers["x-model"].startswith(f"{model}@")


def test_the_answer_says_what_was_held(client: LocalClient) -> None:
    fields = asked(q="cat, dog, Acme, Zed", glossary={"cat": "Kater", "dog": "Hund"})
    body = client.post("/translate", json=fields | {"do_not_translate": ["Acme", "Zed"]}).json()
    assert body["translatedText"] == "Kater, , Acme, Zed"
    assert body["terms"] == [
        {
            "source": "cat",
            "target": "Kater",
            "place": {"start": 0, "end": 3},
            "held": True,
            "translated": {"start": 0, "end": 5},
        },
        {
            "source": "dog",
            "target": "Hund",
            "place": {"start": 5, "end": 8},
            "held": False,
            "translated": None,
        },
        {
            "source": "Acme",
            "target": None,
            "place": {"start": 10, "end": 14},
            "held": True,
            "translated": {"start": 9, "end": 13},
        },
        {
            "source": "Zed",
            "target": None,
            "place": {"start": 16, "end": 19},
            "held": True,
            "translated": {"start": 15, "end": 18},
            "inserted": True,
        },
    ]


class TestFiles:
    """POST /translate_file takes the same fields, in a form."""

    def send(self, client: LocalClient, content: str, **fields: Any) -> Any:
        return client.post(
            "/translate_file",
            data={"source": "en", "target": "de"} | fields,
            files={"file": ("a.txt", content.encode())},
        )

    def test_terms_are_counted_over_the_whole_document(
        self, client: LocalClient, models: FakeModels
    ) -> None:
        answer = self.send(
            client,
            "cat, dog.\ncat.\nZed, Zed.\ncat.\n",
            glossary='{"cat": "Kater", "dog": "Hund", "cow": "Kuh"}',
            do_not_translate="Zed",
        )
        assert answer.headers["x-model"].startswith("able-en-de@")
        assert answer.json()["terms"] == [
            {"source": "cat", "target": "Kater", "places": 3, "held": 3},
            {"source": "dog", "target": "Hund", "places": 1, "held": 0},
            {"source": "Zed", "target": None, "places": 2, "held": 2},
        ]
        file = client.get(urlsplit(answer.json()["translatedFileUrl"]).path)
        assert file.text == "Kater, .\nKater.\nZed, Zed.\nKater.\n"
        assert len(models.translator.asked) == 3, "a line that is there twice is asked once"

    def test_a_glossary_of_the_server(self, client: LocalClient) -> None:
        answer = self.send(client, "A cat.", glossary="company", source="auto")
        assert answer.json()["terms"] == [
            {"source": "cat", "target": "Kater", "places": 1, "held": 1}
        ]

    def test_without_terms_nothing_is_said_of_them(self, client: LocalClient) -> None:
        assert "terms" not in self.send(client, "A cat.").json()

    @pytest.mark.parametrize(
        ("fields", "status", "said"),
        [
            ({"glossary": "other"}, 404, "there is no glossary of that name; there are: company"),
            ({"glossary": '{"cat": '}, 400, "glossary is not valid JSON"),
            ({"do_not_translate": [" "]}, 400, "do_not_translate term 1 is empty"),
            ({"do_not_translate": list("abcde")}, 413, "there are 5 terms; the limit is 4"),
            (
                {"do_not_translate": "cat", "model": TRANSLATOR.name},
                400,
                f"model {TRANSLATOR.name} was not trained with terms",
            ),
        ],
    )
    def test_what_is_refused(
        self,
        client: LocalClient,
        models: FakeModels,
        fields: dict[str, Any],
        status: int,
        said: str,
    ) -> None:
        answer = self.send(client, "A cat.", **fields)
        assert answer.status_code == status
        assert said in answer.json()["error"]
        assert models.translator.asked == []


def test_every_text_has_its_own_terms(client: LocalClient) -> None:
    body = client.post("/translate", json=asked(q=["cat", "dog"], glossary={"cat": "Kater"})).json()
    assert [len(terms) for terms in body["terms"]] == [1, 0]


def test_nobody_who_asks_for_no_terms_is_told_of_any(client: LocalClient) -> None:
    nothing: tuple[dict[str, Any], ...] = ({}, {"glossary": {}}, {"do_not_translate": []})
    for fields in nothing:
        assert "terms" not in client.post("/translate", json=asked(**fields)).json()


def test_a_glossary_of_the_server(client: LocalClient, models: FakeModels) -> None:
    text = "The cat of Acme Inc"
    body = client.post("/translate", json=asked(q=text, glossary="company")).json()
    assert [term["target"] for term in body["terms"]] == ["Kater", "Acme AG"]
    # What the request says by itself goes first.
    fields = asked(q=text, glossary="company", do_not_translate=["cat"])
    body = client.post("/translate", json=fields).json()
    assert [term["target"] for term in body["terms"]] == [None, "Acme AG"]


@pytest.mark.parametrize(
    "send",
    [
        lambda client, fields: client.post("/translate", json=fields),
        lambda client, fields: client.post("/translate", data=spelt(fields)),
        lambda client, fields: client.get("/translate", params=spelt(fields)),
    ],
    ids=["json", "form", "query"],
)
@pytest.mark.parametrize("glossary", ["company", {"cat": "Kater"}])
def test_terms_in_every_manner_of_sending(
    client: LocalClient, send: Callable[[LocalClient, dict[str, Any]], Any], glossary: Any
) -> None:
    for kept in (["Acme"], ["Acme", "of"]):
        fields = asked(glossary=glossary, do_not_translate=kept)
        terms = send(client, fields).json()["terms"]
        assert [term["source"] for term in terms if term["target"]] == ["cat"]
        assert sorted(term["source"] for term in terms if not term["target"]) == sorted(kept)


def spelt(fields: dict[str, Any]) -> dict[str, Any]:
    glossary = fields["glossary"]
    return fields | {"glossary": glossary if isinstance(glossary, str) else json.dumps(glossary)}


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({"glossary": "none"}, 404, "there is no glossary of that name; there are: company"),
        (
            {"glossary": "company", "target": "fr"},
            404,
            "glossary company is not for en-fr; it is for: en-de",
        ),
        ({"do_not_translate": list("abcde")}, 413, "there are 5 terms; the limit is 4"),
        (
            {"glossary": {"a": "b" * 201}},
            413,
            "glossary term 1 has 201 characters; the limit is 200",
        ),
        ({"glossary": {" ": "b"}}, 400, "glossary term 1 is empty, or its translation is"),
        (
            {"glossary": {"a": "b"}, "model": "shout-en-de"},
            400,
            "model shout-en-de was not trained with terms, so it takes no glossary and no do_not",
        ),
        ({"do_not_translate": ["\ud800"]}, 400, "half of a surrogate pair"),
        ({"glossary": {"a": "\udfff"}}, 400, "half of a surrogate pair"),
        ({"glossary": ["a"]}, 400, "glossary"),
    ],
)
def test_what_cannot_be_asked_for(
    client: LocalClient,
    models: FakeModels,
    fields: dict[str, Any],
    status: int,
    error: str,
) -> None:
    response = client.post("/translate", content=json.dumps(asked(**fields)).encode())
    assert response.status_code == status, response.text
    assert error in response.json()["error"]
    assert models.translator.asked == []


def test_summaries_take_no_terms(client: LocalClient) -> None:
    response = client.post("/summarize", json={"text": "A cat.", "glossary": {"a": "b"}})
    assert response.status_code == 400
    assert 'unknown field "glossary"' in response.json()["error"]


def test_a_text_in_the_target_language_keeps_what_it_has(client: LocalClient) -> None:
    body = client.post("/translate", json=asked(source="de", do_not_translate=["cat"])).json()
    assert (body["translatedText"], body["terms"]) == ("A cat of Acme.", [])


def test_details_have_the_marks_of_a_sentence(client: LocalClient) -> None:
    fields = asked(q="cat Acme", glossary={"cat": "Kater"}, do_not_translate=["Acme"])
    body = client.post("/translate", json=fields | {"return": ["scores"]}).json()
    assert body["details"][0]["sentences"][0]["hypotheses"][0]["marks"] == [
        {"source": {"start": 0, "end": 3}, "target": {"start": 0, "end": 5}},
        {"source": {"start": 4, "end": 8}, "target": {"start": 6, "end": 10}, "inserted": True},
    ]


def test_terms_are_counted(client: LocalClient) -> None:
    fields = asked(q="cat dog Acme Zed cat", glossary={"cat": "Kater", "dog": "Hund"})
    client.post("/translate", json=fields | {"do_not_translate": ["Acme", "Zed"]})
    for kind, outcome, count in (
        ("term", "held", 2),
        ("term", "lost", 1),
        ("copy", "held", 1),
        ("copy", "lost", 1),
    ):
        labels = {"model": "able-en-de", "kind": kind, "outcome": outcome}
        assert value(client, "seq2serve_marks_total", **labels) == count


def test_a_number_that_nobody_asked_for_is_not_counted(make_client: MakeClient) -> None:
    def number(request: TextRequest) -> TextResponse:
        whole = shout(request)
        [sentence] = whole.sentences
        use = MarkUse((0, 2), (0, 2), is_copy=True, is_number=True)
        best = replace(sentence.hypotheses[0], uses=(use,))
        return replace(whole, sentences=(replace(sentence, hypotheses=(best,)),))

    client = make_client(FakeModels(translator=FakePipeline(number), manifests=(ABLE,)))
    client.post("/translate", json=asked(q="12 cats"))
    for outcome in ("held", "lost"):
        labels = {"model": "able-en-de", "kind": "copy", "outcome": outcome}
        assert value(client, "seq2serve_marks_total", **labels) == 0


def test_a_glossary_that_cannot_be_read_stops_the_service(
    tmp_path: Path, models: FakeModels
) -> None:
    (tmp_path / "x.en-de.tsv").write_text("cat")
    with pytest.raises(SettingsError, match=r"x.en-de.tsv: line 1 has 1 columns"):
        create_app(Settings(glossaries_dir=tmp_path), load=models)


def test_able_models_are_named(client: LocalClient) -> None:
    fields = asked(glossary={"a": "b"}, model="shout-en-de")
    error = client.post("/translate", json=fields).json()["error"]
    assert error.endswith("from en to de, these models do: able-en-de")
