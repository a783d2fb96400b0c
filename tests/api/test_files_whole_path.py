"""A document through the shipped model, as LibreTranslate's documentation says to send it."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import docx
import httpx
import pytest
import srt

from service.loading import load_catalogue
from service.settings import Settings
from tests.api.serving import ServerInThread, client_of, serving

SHIPPED = Path(__file__).parents[2] / "models"
FIELDS = {"source": "en", "target": "de", "api_key": ""}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerInThread]:
    """With the shipped translators alone: nothing is summarized here."""
    models = tmp_path_factory.mktemp("models")
    for manifest in SHIPPED.glob("*/manifest.json"):
        if json.loads(manifest.read_text("utf-8"))["task"] == "translation":
            (models / manifest.parent.name).symlink_to(manifest.parent)
    with serving(Settings(port=0, models_dir=models), load_catalogue) as server:
        yield server


@pytest.fixture(scope="module")
def http(server: ServerInThread) -> Iterator[httpx.Client]:
    with client_of(server) as client:
        yield client


def through(http: httpx.Client, name: str, content: bytes) -> bytes:
    answer = http.post("/translate_file", data=FIELDS, files={"file": (name, content)})
    assert answer.status_code == 200, answer.text
    return http.get(answer.json()["translatedFileUrl"]).content


def test_a_word_document(http: httpx.Client) -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("We saw ")
    paragraph.add_run("two cats").bold = True
    paragraph.add_run(" in the ")
    paragraph.add_run("garden").italic = True
    paragraph.add_run(".")
    document.add_table(1, 1).cell(0, 0).text = "The house is old."
    document.sections[0].header.paragraphs[0].text = "I am at home."
    out = io.BytesIO()
    document.save(out)

    after = docx.Document(io.BytesIO(through(http, "a.docx", out.getvalue())))

    [translated] = after.paragraphs
    assert [run.text for run in translated.runs if run.bold] == ["zwei Katzen"]
    assert [run.text for run in translated.runs if run.italic] == ["Garten"]
    assert after.tables[0].cell(0, 0).text == "Das Haus ist alt."
    assert after.sections[0].header.paragraphs[0].text == "Ich bin zu Hause."


def test_terms_in_a_word_document(http: httpx.Client) -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("Ich habe ")
    paragraph.add_run("die Kanzlei Fairlight").bold = True
    paragraph.add_run(" angerufen.")
    out = io.BytesIO()
    document.save(out)

    answer = http.post(
        "/translate_file",
        data={
            "source": "de",
            "target": "en",
            "glossary": json.dumps({"Kanzlei": "law office"}),
            "do_not_translate": "Fairlight",
        },
        files={"file": ("a.docx", out.getvalue())},
    )

    assert answer.json()["terms"] == [
        {"source": "Kanzlei", "target": "law office", "places": 1, "held": 1},
        {"source": "Fairlight", "target": None, "places": 1, "held": 1},
    ]
    after = docx.Document(io.BytesIO(http.get(answer.json()["translatedFileUrl"]).content))
    [translated] = after.paragraphs
    assert translated.text.count("law office") == translated.text.count("Fairlight") == 1
    assert "Fairlight" in "".join(run.text for run in translated.runs if run.bold)


def test_subtitles(http: httpx.Client) -> None:
    cues = "1\n00:00:01,000 --> 00:00:03,000\n- <i>Where are you?</i>\n- I am\nat home.\n"
    [cue] = srt.parse(through(http, "a.srt", cues.encode()).decode())
    assert cue.content == "- <i>Wo bist du?</i>\n- Ich bin\nzu Hause."


def test_a_page(http: httpx.Client) -> None:
    page = b"<h1>The house is old.</h1><p>We saw <b>two cats</b>.</p><pre>Two cats.</pre>"
    assert through(http, "a.html", page).decode() == (
        "<h1>Das Haus ist alt.</h1><p>Wir haben <b>zwei Katzen</b> gesehen.</p><pre>Two cats.</pre>"
    )


def test_text(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    text = {"file": ("a.txt", b"Where are you?\r\n\r\n\tI am at home.\r\n")}
    url = http.post("/translate_file", data=FIELDS, files=text).json()["translatedFileUrl"]
    with urlopen(url) as answer:  # the address as it is
        assert answer.read().decode() == "Wo bist du?\r\n\r\n\tIch bin zu Hause.\r\n"
