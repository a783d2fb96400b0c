"""Terms as they are typed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.__main__ import main
from service.cli.terms import TermCount
from service.settings import Settings
from tests.api.fakes import TRANSLATOR, FakeModels, FakePipeline
from tests.api.serving import ServerInThread, serving
from tests.api.test_terms import ABLE, obey


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerInThread]:
    """Its model loses every second term of a text."""
    glossaries = tmp_path_factory.mktemp("glossaries")
    (glossaries / "company.en-de.tsv").write_text("cat\tKater\n", "utf-8")
    settings = Settings(port=0, models_dir=Path("nowhere"), glossaries_dir=glossaries)
    models = FakeModels(translator=FakePipeline(obey), manifests=(TRANSLATOR, ABLE))
    with serving(settings, models) as server:
        yield server


@pytest.fixture
def command(server: ServerInThread, tmp_path: Path) -> list[str]:
    """To translate three lines."""
    path = tmp_path / "lines.txt"
    path.write_text("cat\n\nZed and cat, dog\n")
    return ["translate", "--server", server.url, "--from", "en", "--to", "de", str(path)]


def test_of_a_file(command: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "terms.csv"
    path.write_text('cat,Kater\n"dog",Hund\n', "utf-8")
    assert main([*command, "--glossary", str(path)]) == 0
    out, err = capfd.readouterr()
    assert out == "Kater\n\nZed and Kater, \n"
    assert err == "seq2serve: terms held: 2 of 3; not held: dog (1)\n"


def test_of_the_server_and_some_that_stay(
    command: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--glossary", "company", "--keep", "Zed", "--keep", "dog"]) == 0
    out, err = capfd.readouterr()
    assert out == "Kater\n\nZed and , dog\n"
    assert err == "seq2serve: terms held: 3 of 4; not held: cat (1)\n"


def test_of_an_empty_file(
    command: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "terms.tsv"
    path.write_text("\n")
    assert main([*command, "--glossary", str(path)]) == 0
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--glossary", "other"], "there is no glossary of that name; there are: company"),
        (["--glossary", "missing.tsv"], "missing.tsv cannot be read"),
        (["--keep", "Zed", "--model", TRANSLATOR.name], "was not trained with terms"),
        (["--keep", " "], "do_not_translate term 1 is empty"),
    ],
)
def test_what_cannot_be_had_is_said_in_one_line(
    command: list[str],
    arguments: list[str],
    said: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert main([*command, *arguments]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    [line] = err.splitlines()
    assert line.startswith("seq2serve: ")
    assert said in line


def test_of_many_lost_terms_the_most_frequent_are_named() -> None:
    count = TermCount()
    lost = [{"source": f"t{number}", "held": False} for number in range(12)]
    count.hear({"terms": [lost, [], [{"source": "t11", "held": False}]]})
    assert count.summary().startswith("terms held: 0 of 13; not held: t11 (2), t0 (1), ")
    assert count.summary().endswith(" and 2 more")
