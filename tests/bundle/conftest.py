"""A bundle that tests may damage, copied from one that is made once."""

import shutil
from pathlib import Path

import pytest
import torch

from tests.bundle.making import make_bundle, prepare_run

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with `run` and the verified `bundle`; not to be changed."""
    directory = tmp_path_factory.mktemp("made")
    prepare_run(directory / "run")
    make_bundle(directory / "run", directory / "bundle")
    return directory


@pytest.fixture
def run(made: Path) -> Path:
    return made / "run"


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "bundle", tmp_path / "tiny"))
