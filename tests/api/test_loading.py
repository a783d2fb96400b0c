"""Which bundles are served when some are broken, and when the service refuses to start."""

from pathlib import Path

import pytest

from service.api.errors import error_codes
from service.app import create_app
from service.errors import BundleError, SettingsError
from service.loading import load_catalogue
from service.metrics import Metrics
from service.settings import Settings


def metrics() -> Metrics:
    return Metrics("0", "auto", [], error_codes())


def test_without_a_models_directory_it_does_not_start(tmp_path: Path) -> None:
    settings = Settings(models_dir=tmp_path / "none")
    with pytest.raises(SettingsError, match="none does not exist"):
        create_app(settings)


def test_a_file_is_not_called_missing(tmp_path: Path) -> None:
    file = tmp_path / "models"
    file.touch()
    with pytest.raises(SettingsError, match="models is no directory"):
        create_app(Settings(models_dir=file))


def test_without_a_bundle_it_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "not-a-bundle").mkdir()
    with pytest.raises(SettingsError, match="it has no "):
        load_catalogue(Settings(models_dir=tmp_path), metrics())


def test_when_every_bundle_is_refused_it_says_why_each(tmp_path: Path) -> None:
    for name, manifest in (("a", "{"), ("b", '{"schema_version": 99}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(manifest)

    with pytest.raises(BundleError, match=r"every bundle .* was refused") as caught:
        load_catalogue(Settings(models_dir=tmp_path), metrics())

    assert "a: " in str(caught.value)
    assert "schema version 99" in str(caught.value)
