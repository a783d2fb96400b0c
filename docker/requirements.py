"""Print the requirements of the core and of the named extras, one per line.

    python docker/requirements.py cpu train

An image installs them in a layer of its own, before the code: a change of the code then
leaves the large layer alone.
"""

import sys
import tomllib
from pathlib import Path


def main(extras: list[str]) -> None:
    """Print them; an extra that pyproject.toml does not have is a KeyError."""
    pyproject = Path(__file__).resolve().parent.parent / "pyproject.toml"
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    requirements = [*project["dependencies"]]
    for extra in extras:
        requirements += project["optional-dependencies"][extra]
    print(*requirements, sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
