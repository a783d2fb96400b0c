"""Write the exact versions that the ranges in pyproject.toml resolve to today.

    python constraints/relock.py

Run it with a Python 3.11 (the oldest we support) that has pip, after changing a dependency or
to take newer versions; then run `make check`. Pins are plain ``name==version`` lines: they say
what, and each machine's pip configuration says from where.

    serve.txt   the core and the extra `cpu`: what `make serve` and the image install
    gpu.txt     what the extra `gpu` adds; apart, because PyTorch's CUDA builds ask for
                their own versions of the same NVIDIA packages
    dev.txt     what training, tests and checks add
"""

import json
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Left to the resolver: PyTorch asks for a setuptools that depends on the Python version.
UNPINNED = {"pip", "setuptools", "wheel", "seq2serve"}


def resolve(extras: str, pins: dict[str, str]) -> dict[str, str]:
    """Versions pip would install for these extras, by normalised name, given earlier pins."""
    constraint = HERE / ".relock.txt"
    constraint.write_text(_lines(pins))
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
    command += ["--quiet", "--report", "-", "--constraint", str(constraint)]
    try:
        report = subprocess.run(
            [*command, f"{HERE.parent}[{extras}]"], check=True, stdout=subprocess.PIPE
        )
    finally:
        constraint.unlink()
    found = {}
    for item in json.loads(report.stdout)["install"]:
        name = re.sub(r"[-_.]+", "-", item["metadata"]["name"]).lower()
        # A local label (2.13.0+cpu) names one index's build of a release; the pin is the release.
        version = item["metadata"]["version"].split("+")[0]
        if name not in UNPINNED and not name.startswith("triton"):
            found[name] = version
    return found


def main() -> None:
    """Resolve serving first, so that development runs the very versions that serve."""
    serve = resolve("cpu", {})
    gpu = resolve("gpu", serve)
    dev = resolve("cpu,train,test,dev", serve)
    # A PyTorch with CUDA pins its NVIDIA packages itself; other platforms have none.
    extra = {name: dev[name] for name in dev if not name.startswith("nvidia-")}
    _write("serve.txt", serve)
    _write("gpu.txt", {name: gpu[name] for name in gpu if name not in serve})
    _write("dev.txt", {name: extra[name] for name in extra if name not in serve})


def _lines(pins: dict[str, str]) -> str:
    return "".join(f"{name}=={pins[name]}\n" for name in sorted(pins))


def _write(name: str, pins: dict[str, str]) -> None:
    (HERE / name).write_text("# Written by constraints/relock.py.\n" + _lines(pins))


if __name__ == "__main__":
    main()
