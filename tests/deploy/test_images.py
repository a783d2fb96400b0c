"""Images and compose file keep promises that nobody misses until they are broken."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.queries import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker/compose.yaml").read_text("utf-8"))
DOCKERFILES = [ROOT / "Dockerfile", ROOT / "docker/train.Dockerfile"]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_hadolint_has_no_complaint(dockerfile: Path) -> None:
    beside_python = Path(sys.executable).with_name("hadolint")
    hadolint = shutil.which("hadolint", path=str(beside_python.parent)) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([hadolint, dockerfile], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_images_are_pinned_and_do_not_run_as_root(dockerfile: Path) -> None:
    lines = dockerfile.read_text("utf-8").splitlines()

    (base,) = (line.split("=", 1)[1] for line in lines if line.startswith("ARG PYTHON_IMAGE="))
    assert base.split(":")[1].count(".") == 2, f"{base} names no patch release"
    assert "USER 10001:10001" in lines


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_containers_are_pinned_and_hardened(name: str) -> None:
    service = COMPOSE["services"][name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    _, _, tag = service["image"].partition(":")
    assert tag, "no tag"
    assert tag != "latest"
    # Ours has its health check in the image.
    assert "healthcheck" in service or "build" in service


def test_what_compose_mounts_exists() -> None:
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            known = (ROOT / "docker" / source).exists() or source in COMPOSE["volumes"]
            assert known, f"{source} is neither a file of docker/ nor a volume"
