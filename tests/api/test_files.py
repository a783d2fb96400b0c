"""POST /translate_file and GET /download_file, as LibreTranslate's clients use them."""

import logging
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from service.api.results import Result, ResultLimits, Results
from service.errors import (
    DecodingFailed,
    Overloaded,
    ServiceError,
    TooLarge,
    Unavailable,
    UnknownFile,
)
from service.files import EXTENSIONS
from service.pipeline.request import TextRequest
from service.pipeline.response import TextResponse
from service.settings import Settings
from tests.api.fakes import FakeModels, FakePipeline, shout
from tests.api.local import LocalClient, MakeClient
from tests.api.serving import PATIENCE_S, Gate, client_of, serving
from tests.api.test_http import connect
from tests.files.test_word import content_of, document_of, text_run

FIELDS = {"source": "en", "target": "de"}


def send(
    client: LocalClient | httpx.Client,
    content: bytes = b"Hello.\n\nBye.\n",
    name: str = "letter.txt",
    **fields: str,
) -> httpx.Response:
    return client.post(
        "/translate_file", data=FIELDS | fields, files={"file": (name, content, "any/thing")}
    )


def fetch(client: LocalClient | httpx.Client, answer: httpx.Response) -> httpx.Response:
    return client.get(urlsplit(answer.json()["translatedFileUrl"]).path)


def test_a_file_is_translated_and_fetched(client: LocalClient, models: FakeModels) -> None:
    answer = send(client, name="C:\\private\\Liebe Grüße.TXT")

    assert answer.status_code == 200
    assert answer.headers["x-model"] == "shout-en-de@1.2.0"
    assert set(answer.json()) == {"translatedFileUrl"}
    url = urlsplit(answer.json()["translatedFileUrl"])
    assert f"{url.scheme}://{url.netloc}" == "http://service"
    assert "Liebe" not in url.path
    file = fetch(client, answer)
    assert file.status_code == 200
    assert file.content == b"HELLO.\n\nBYE.\n"
    assert file.headers["content-disposition"] == (
        'attachment; filename="Liebe Gr__e_de.txt"; '
        "filename*=utf-8''Liebe%20Gr%C3%BC%C3%9Fe_de.txt"
    )
    assert [each.priority for each in models.translator.asked] == [1, 1]
    assert fetch(client, answer).content == file.content  # more than once


def test_formatting_goes_where_the_words_go(client: LocalClient) -> None:
    paragraph = text_run("two cats", "<b/>") + text_run("sat there, as cats do")
    answer = send(client, document_of(paragraph), "a.docx")
    [content] = content_of(fetch(client, answer).content)
    # The fake aligns everything with everything.
    assert content.count("<b/>") == 1


def test_no_name_is_logged(client: LocalClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = send(client, name="Kündigung Meier.txt")
        name = answer.json()["translatedFileUrl"].rpartition("/")[2]
        fetch(client, answer)
    seen = "".join(str(record.__dict__) for record in caplog.records if record.name != "httpx")
    assert "/download_file/{name}" in seen
    assert "Meier" not in seen
    assert name not in seen


def test_every_text_is_asked_once(client: LocalClient, models: FakeModels) -> None:
    answer = send(client, b"\n".join([b"Yes.", b"No."] * 100))
    assert fetch(client, answer).content == b"\n".join([b"YES.", b"NO."] * 100)
    assert sorted(each.text for each in models.translator.asked) == ["No.", "Yes."]


def test_a_long_file_goes_in_portions(client: LocalClient, models: FakeModels) -> None:
    text = "\n".join(f"Line {number}." for number in range(1000))
    assert fetch(client, send(client, text.encode())).text == text.upper()
    assert len(models.translator.asked) == 1000


def test_detection_takes_the_document_as_a_whole(client: LocalClient) -> None:
    answer = send(client, b"The dog is sleeping.\n\nHe sleeps all day long.\n", source="auto")
    assert answer.json()["detectedLanguage"]["language"] == "en"
    same = send(client, "Der Hund schläft, wie immer.\n".encode(), source="auto")
    assert fetch(client, same).text == "Der Hund schläft, wie immer.\n"


def test_the_address_is_the_one_a_client_knows(client: LocalClient) -> None:
    headers = {"Host": "translate.example", "X-Forwarded-Proto": "https"}
    files = {"file": ("a.txt", b"Hello.")}
    answer = client.post("/translate_file", data=FIELDS, files=files, headers=headers)
    url = answer.json()["translatedFileUrl"]
    assert url.startswith("https://translate.example/download_file/")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ({"json": FIELDS}, 400, "send a form (multipart/form-data) with a file"),
        ({"data": FIELDS}, 400, "send a form (multipart/form-data) with a file"),
        ({"files": {"other": ("a.txt", b"a")}}, 400, "'other' is a file"),
        ({"files": {"source": (None, "en"), "target": (None, "de")}}, 400, "file is missing"),
        ({"files": {"file": (None, "a")}, "data": FIELDS}, 400, "'file' is text; send a file"),
        ({"files": {"file": ("a.txt", b"a")}}, 400, "source is missing; target is missing"),
        (
            {"files": {"file": ("a.txt", b"a")}, "data": FIELDS | {"colour": "red"}},
            400,
            'unknown field "colour"',
        ),
        (
            {"files": {"file": ("a.pdf", b"a")}, "data": FIELDS},
            400,
            f"the file's name has to end in one of {', '.join(EXTENSIONS)}",
        ),
        ({"files": {"file": ("a.txt", b"\xff")}, "data": FIELDS}, 400, "not text in UTF-8"),
        ({"files": {"file": ("a.docx", b"PK")}, "data": FIELDS}, 400, "is a zip archive"),
        (
            {"files": {"file": ("a.txt", b"a")}, "data": FIELDS | {"target": "fr"}},
            400,
            "target fr is not supported",
        ),
        (
            {"files": {"file": ("a.txt", b"a" * 5000)}, "data": FIELDS},
            413,
            "the file has 5000 bytes; the limit is 4000",
        ),
        (
            {"files": {"file": ("a.txt", b"a" * 90_000)}, "data": FIELDS},
            413,
            "the body has 9",
        ),
        (
            {"files": {"file": ("a.txt", b"a\n" * 301)}, "data": FIELDS},
            413,
            "the file has 301 characters of text or more; the limit is 300",
        ),
        (
            {"files": {"file": ("a.txt", b"a" * 101)}, "data": FIELDS},
            413,
            "a paragraph of the file has 101 characters; the limit is 100",
        ),
    ],
)
def test_what_is_refused_is_refused_before_any_model_work(
    models: FakeModels,
    make_client: MakeClient,
    arguments: dict[str, object],
    status: int,
    message: str,
) -> None:
    client = make_client(
        models, max_body_bytes=65_536, max_file_bytes=4000, max_file_chars=300, max_text_chars=100
    )
    answer = client.post("/translate_file", **arguments)
    assert answer.status_code == status
    assert message in answer.json()["error"]
    assert models.translator.asked == []


def test_a_file_without_words_comes_back_as_it_is(client: LocalClient, models: FakeModels) -> None:
    assert fetch(client, send(client, b"\n \n")).content == b"\n \n"
    assert models.translator.asked == []


def test_who_sends_slowly_keeps_no_seat() -> None:
    head = (
        b"POST /translate_file HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
    )
    with (
        serving(Settings(port=0, max_files=1), FakeModels()) as server,
        connect(server) as slow,
        client_of(server) as client,
    ):
        slow.sendall(head)
        while client.get("/readyz").json()["in_flight"] == 0:
            pass
        assert send(client).status_code == 200


def test_there_are_only_so_many_seats() -> None:
    gate = Gate()
    models = FakeModels(translator=FakePipeline(shout, gate))
    with (
        serving(Settings(port=0, max_files=1), models) as server,
        client_of(server) as client,
        ThreadPoolExecutor() as pool,
    ):
        first = pool.submit(send, client)
        assert gate.reached.wait(PATIENCE_S)
        refused = send(client)
        gate.open()
        assert first.result(PATIENCE_S).status_code == 200
        models.translator.hold = None
        assert send(client).status_code == 200
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    assert refused.json()["error"] == "files being translated: 1; the limit is 1"


def test_a_client_that_leaves_takes_its_file_along() -> None:
    gate = Gate()
    models = FakeModels(translator=FakePipeline(shout, gate))
    with serving(Settings(port=0), models) as server, client_of(server) as client:
        form = client.build_request(
            "POST", "/translate_file", data=FIELDS, files={"file": ("a.txt", b"Hello.")}
        )
        head = f"POST /translate_file HTTP/1.1\r\nHost: {form.headers['host']}\r\n" + "".join(
            f"{name}: {form.headers[name]}\r\n" for name in ("Content-Type", "Content-Length")
        )
        with connect(server) as connection:
            connection.sendall(head.encode() + b"\r\n" + form.read())
            assert gate.reached.wait(PATIENCE_S)
        assert gate.left.wait(PATIENCE_S)
    assert models.translator.cancelled == 1


class TestPortions:
    """A document that does not fit the queue at once."""

    def test_room_is_waited_for_once_the_document_is_begun(self, make_client: MakeClient) -> None:
        calls: list[int] = []

        def busy(request: TextRequest) -> TextResponse | ServiceError:
            calls.append(1)
            return Overloaded("full", retry_after_s=0) if len(calls) % 3 == 0 else shout(request)

        models = FakeModels(translator=FakePipeline(busy))
        text = "\n".join(f"{number} lines." * 400 for number in range(6))  # each a portion
        client = make_client(models)
        assert fetch(client, send(client, text.encode())).text == text.upper()
        assert len(calls) > 6

    def test_a_full_queue_is_said_at_the_door(self, make_client: MakeClient) -> None:
        client = make_client(FakeModels(translator=FakePipeline(lambda _: Overloaded("full"))))
        assert send(client).status_code == 429

    def test_what_fails_fails_the_file(self, make_client: MakeClient) -> None:
        client = make_client(FakeModels(translator=FakePipeline(lambda _: DecodingFailed("no"))))
        answer = send(client)
        assert (answer.status_code, answer.json()["code"]) == (500, "decoding_failed")


class TestResults:
    """What waits to be fetched."""

    def test_the_oldest_goes_for_the_newest(self) -> None:
        with closing(Results(ResultLimits(max_files=2, max_bytes=10, max_age_s=60))) as results:
            first, second, third = (results.put(Result(b"1234", "x"), ".txt") for _ in range(3))
            assert results.get(third).content == results.get(second).content == b"1234"
            with pytest.raises(UnknownFile):
                results.get(first)
            large = results.put(Result(b"1234567", "x"), ".txt")
            assert len(results) == 1
            assert results.get(large).saved_as == "x"
            with pytest.raises(TooLarge, match="has 11 bytes; the limit is 10"):
                results.put(Result(b"12345678901", "x"), ".txt")

    def test_what_is_too_old_goes(self) -> None:
        now = [0.0]
        limits = ResultLimits(max_files=9, max_bytes=99, max_age_s=60)
        with closing(Results(limits, lambda: now[0])) as results:
            first = results.put(Result(b"1", "x"), ".txt")
            now[0] = 30
            second = results.put(Result(b"2", "x"), ".txt")
            now[0] = 60
            assert results.get(second).content == b"2"
            with pytest.raises(UnknownFile, match="after 60 s"):
                results.get(first)
            now[0] = 90
            results.expire()
            assert len(results) == 0

    def test_nothing_stays_on_the_disk(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        limits = ResultLimits(max_files=9, max_bytes=99, max_age_s=60)
        with closing(Results(limits)) as results:
            name = results.put(Result(b"1", "x"), ".txt")
            assert not [*tmp_path.iterdir()]
        with pytest.raises(UnknownFile):
            results.get(name)

    def test_no_room_is_no_bug(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
        results = Results(ResultLimits(max_files=9, max_bytes=99, max_age_s=60))
        with pytest.raises(Unavailable, match="no room"):
            results.put(Result(b"1", "x"), ".txt")


@pytest.mark.parametrize("name", ["x.txt", "..%2F..%2Fetc%2Fpasswd", "x"])
def test_there_is_no_other_file(client: LocalClient, name: str) -> None:
    answer = client.get(f"/download_file/{name}")
    assert answer.status_code == 404
    assert answer.json()["code"] in {"unknown_file", "not_found"}
