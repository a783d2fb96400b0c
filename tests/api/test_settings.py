"""Settings: typed, documented, and nothing unknown."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from service.__main__ import main
from service.cli.settings_page import settings_page
from service.errors import SettingsError
from service.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]


def test_defaults() -> None:
    settings = load_settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.models_dir == Path("models")
    assert settings.provider == "auto"


def test_variables_are_read_and_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQ2SERVE_PORT", "9000")
    monkeypatch.setenv("SEQ2SERVE_PROVIDER", "require-cuda")
    monkeypatch.setenv("SEQ2SERVE_DRAIN_TIMEOUT_S", "2.5")
    monkeypatch.setenv("SEQ2SERVE_WORKERS", "")

    settings = load_settings()

    assert (settings.port, settings.provider) == (9000, "require-cuda")
    assert settings.drain_timeout_s == 2.5
    assert settings.workers is None


def test_settings_are_frozen() -> None:
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "SEQ2SERVE_MAX_TEXT",
            "5",
            "unknown setting SEQ2SERVE_MAX_TEXT; did you mean SEQ2SERVE_MAX_TEXTS",
        ),
        ("SEQ2SERVE_XYZZY", "5", r"unknown setting SEQ2SERVE_XYZZY \(known: SEQ2SERVE_HOST, "),
        ("SEQ2SERVE_PORT", "web", "SEQ2SERVE_PORT is 'web': input should be a valid integer"),
        ("SEQ2SERVE_PORT", "70000", "SEQ2SERVE_PORT is '70000': .* less than or equal to 65535"),
        ("SEQ2SERVE_PORT", "tcp://10.0.0.7:8000", "enableServiceLinks"),
        ("SEQ2SERVE_SERVICE_HOST", "10.0.0.7", "SEQ2SERVE_SERVICE_HOST; .*enableServiceLinks"),
        ("SEQ2SERVE_PROVIDER", "tpu", "'auto', 'cpu', 'cuda' or 'require-cuda'"),
        ("SEQ2SERVE_DEFAULT_TIMEOUT_S", "inf", "SEQ2SERVE_DEFAULT_TIMEOUT_S is 'inf': "),
        (
            "SEQ2SERVE_MAX_TIMEOUT_S",
            "10",
            "default_timeout_s is 30; max_timeout_s is 10 and cannot be smaller",
        ),
    ],
)
def test_what_is_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=message):
        load_settings()


def test_every_setting_is_described_and_the_page_is_current() -> None:
    assert all(field.description for field in Settings.model_fields.values())
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    assert page == settings_page(), "run: python -m service settings > docs/settings.md"


def test_the_command_prints_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings"]) == 0
    assert capsys.readouterr().out == settings_page()


class TestCannotStart:
    def test_an_unknown_setting(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("SEQ2SERVE_POTR", "1")
        assert main([]) == 78
        error = capsys.readouterr().err
        assert error.startswith("seq2serve cannot start (bad_settings): unknown setting")
        assert "did you mean SEQ2SERVE_PORT?" in error
