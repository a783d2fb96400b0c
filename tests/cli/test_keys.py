"""`keys`: what an operator does, and that a key is seen exactly once."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from service.__main__ import main
from service.access import store
from service.access.key import is_key
from service.access.records import Change, Levels, Limits, Tally, month_of
from service.access.store import KeyStore


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "keys.db"
    monkeypatch.setenv("SEQ2SERVE_KEYS_FILE", str(path))
    return path


def listed(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    assert main(["keys", "list"]) == 0
    _, *rows = capsys.readouterr().out.splitlines()
    return [row.split() for row in rows]


def test_a_key_is_shown_once_alone_on_stdout(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "add", "weblate", "--characters-per-month", "500000"]) == 0
    shown = capsys.readouterr()
    key = shown.out.rstrip("\n")
    with closing(KeyStore.open(path)) as store:
        [record] = store.read().keys
    assert is_key(key, record.digest)
    assert (record.name, record.limits) == ("weblate", Limits(characters_per_month=500_000))
    assert shown.err == f"This is key {record.id}. It is shown this once: only its hash is kept.\n"

    [row] = listed(capsys)
    assert row[:3] == [record.id, "weblate", "good"]
    assert row[4:] == ["-", "-", "500000", "0", "0"]
    assert key not in row


def test_limits_can_be_changed_and_lifted(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["keys", "add", "a", "--requests-per-minute", "5", "--characters-per-minute", "6"])
    capsys.readouterr()
    [[key_id, *_]] = listed(capsys)

    assert main(["keys", "limit", key_id, "--requests-per-minute", "none",
                 "--characters-per-month", "7"]) == 0  # fmt: skip

    [row] = listed(capsys)
    assert row[4:7] == ["-", "6", "7"], "what was not named stays"


def test_a_revoked_key_stays_in_the_list_with_what_it_used(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["keys", "add", "a"])
    capsys.readouterr()
    [[key_id, *_]] = listed(capsys)
    with closing(KeyStore.open(path)) as store:
        month = month_of(store.read().keys[0].created_s)
        store.write([Change(key_id, {month: Tally(1234, 5)}, Levels(None, None, 0.0))])

    assert main(["keys", "revoke", key_id]) == 0

    [row] = listed(capsys)
    assert row[2] == "revoked"
    assert row[-2:] == ["1234", "5"]
    for command in (["revoke", key_id], ["limit", key_id], ["revoke", "0"], ["limit", "0"]):
        assert main(["keys", *command]) == 1
        assert "There is no key" in capsys.readouterr().err


def test_a_name_cannot_move_the_cursor(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["keys", "add", "x\x1b[2Jy\nz"])
    capsys.readouterr()
    [row] = listed(capsys)
    assert row[1] == "x?[2Jy?z"


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "", "²"])
def test_what_is_no_limit_is_refused(
    path: Path, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["keys", "add", "a", "--requests-per-minute", value])
    assert stop.value.code == 2
    assert "neither `none` nor a number" in capsys.readouterr().err
    assert not path.exists()


def test_a_full_disk_is_said_in_one_line(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(store, "make_tables", full)
        assert main(["keys", "add", "a"]) == 78
    assert not path.exists(), "half a file would be in the way of the next try"
    main(["keys", "add", "a"])
    monkeypatch.setattr(KeyStore, "add", full)
    assert main(["keys", "add", "b"]) == 78
    said = f"seq2serve failed (bad_settings): keys_file is {path}; database or disk is full\n"
    assert capsys.readouterr().err.count(said) == 2


@pytest.mark.parametrize("name", ["", " \n"])
def test_a_key_is_somebody_s(path: Path, name: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["keys", "add", name])
    assert not path.exists()


def test_without_a_file_it_says_which_setting_names_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "list"]) == 78
    assert "there is no such file" in capsys.readouterr().err
    monkeypatch.delenv("SEQ2SERVE_KEYS_FILE")
    assert main(["keys", "list"]) == 78
    assert "SEQ2SERVE_KEYS_FILE is not set" in capsys.readouterr().err
