"""The official `deepl` package, pointed at the service."""

import io
from collections.abc import Iterator
from pathlib import Path

import deepl
import pytest

from service.text.segment import Boundaries
from tests.api.fakes import FakeModels
from tests.api.serving import ServerInThread


@pytest.fixture(scope="module")
def client(server: ServerInThread) -> Iterator[deepl.DeepLClient]:
    client = deepl.DeepLClient("any-key", server_url=server.url)
    yield client
    client.close()  # type: ignore[no-untyped-call]  # as the package has it


def one(answer: deepl.TextResult | list[deepl.TextResult]) -> deepl.TextResult:
    assert isinstance(answer, deepl.TextResult)
    return answer


def test_a_text(client: deepl.DeepLClient) -> None:
    result = one(client.translate_text("How are you?", target_lang="DE", source_lang="EN"))
    assert result.text == "HOW ARE YOU?"
    assert result.detected_source_lang == "EN"
    assert result.billed_characters == len("How are you?")
    assert result.model_type_used is None


def test_several_texts_in_languages_that_are_detected(client: deepl.DeepLClient) -> None:
    texts = ["Where is the railway station, please?", "Wo ist bitte der Bahnhof?", ""]
    results = client.translate_text(texts, target_lang="de")
    assert isinstance(results, list)
    first, second, third = results
    assert first.text == texts[0].upper()
    assert first.detected_source_lang == "EN"
    assert second.text == texts[1], "a text in the target language stays"
    assert second.detected_source_lang == "DE"
    assert third.text == ""
    assert [result.billed_characters for result in results] == [37, 25, 0]


@pytest.mark.parametrize("target", ["EN-GB", "en-us", deepl.Language.ENGLISH_AMERICAN])
def test_targets_with_a_region(client: deepl.DeepLClient, target: str) -> None:
    result = one(client.translate_text("Hallo", source_lang="de", target_lang=target))
    assert result.text == "HALLO"


@pytest.mark.parametrize(
    ("split", "boundaries"),
    [
        (deepl.SplitSentences.OFF, Boundaries.NONE),
        (deepl.SplitSentences.ALL, Boundaries.LINES_AND_SENTENCES),
        (deepl.SplitSentences.NO_NEWLINES, Boundaries.SENTENCES),
    ],
)
def test_options(
    client: deepl.DeepLClient,
    models: FakeModels,
    split: deepl.SplitSentences,
    boundaries: Boundaries,
) -> None:
    result = one(
        client.translate_text(
            "hello",
            source_lang="EN",
            target_lang="DE",
            context="A greeting.",
            split_sentences=split,
            preserve_formatting=True,
            formality=deepl.Formality.PREFER_MORE,
            model_type="latency_optimized",
        )
    )
    assert result.text == "HELLO"
    assert result.model_type_used == "latency_optimized"
    asked = models.translator.asked[-1]
    assert asked.boundaries is boundaries
    assert asked.options.beam_size == 1


def test_languages(client: deepl.DeepLClient) -> None:
    sources = {language.code: language.name for language in client.get_source_languages()}
    assert sources == {"EN": "English", "DE": "German"}
    targets = client.get_target_languages()
    assert {language.code: language.name for language in targets} == {
        "EN-GB": "English (British)",
        "EN-US": "English (American)",
        "DE": "German",
    }
    assert {language.supports_formality for language in targets} == {False}
    assert client.get_glossary_languages() == []
    assert client.list_glossaries() == []


def test_usage_counts_characters(client: deepl.DeepLClient) -> None:
    before = client.get_usage()
    client.translate_text(["Tür", "🚪"], source_lang="DE", target_lang="EN-GB")
    after = client.get_usage()
    assert before.character.count is not None
    assert after.character.count == before.character.count + 4
    assert not after.any_limit_reached


def test_what_cannot_be_is_said_in_words(client: deepl.DeepLClient) -> None:
    with pytest.raises(deepl.DeepLException, match="target_lang FI is not supported; it can be"):
        client.translate_text("a", target_lang="FI")
    with pytest.raises(deepl.DeepLException, match="formality more is not supported"):
        client.translate_text("a", target_lang="DE", formality=deepl.Formality.MORE)
    with pytest.raises(deepl.DeepLException, match="was not trained with terms"):
        client.translate_text("a", target_lang="DE", source_lang="EN", glossary="1234")
    with pytest.raises(deepl.DeepLException, match="text has 51 texts; the limit is 50"):
        client.translate_text(["a"] * 51, target_lang="DE", source_lang="EN")


def test_what_is_not_offered_is_said_in_words(client: deepl.DeepLClient, tmp_path: Path) -> None:
    with pytest.raises(deepl.DeepLException, match="/v2/document is not offered"):
        client.translate_document_upload(io.BytesIO(b"a"), target_lang="DE", filename="a.txt")
    with pytest.raises(deepl.DeepLException, match="/v2/write/rephrase is not offered"):
        client.rephrase_text("a", target_lang="DE")
    with pytest.raises(deepl.DeepLException, match="POST /v2/glossaries is not offered; gloss"):
        client.create_glossary("terms", "EN", "DE", {"a": "b"})
    with pytest.raises(deepl.DeepLException, match="/v3/glossaries is not offered"):
        client.list_multilingual_glossaries()
