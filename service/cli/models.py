"""`models`: what there is to answer with, here or on a server."""

import argparse
import asyncio
import sys
from collections.abc import Iterable
from typing import Any

import httpx

from service.bundle.loader import find_bundles
from service.bundle.manifest import Manifest
from service.cli.asking import error_of
from service.cli.status import FAILED, OK, CommandFailed
from service.cli.table import aligned
from service.cli.work import add_server, client_of
from service.domain import Direction, Task
from service.settings import load_settings

_HEAD = ("name", "version", "does", "licence")
_VERBS = {Task.TRANSLATION: "translates", Task.SUMMARIZATION: "summarizes"}


def add_to(commands: Any) -> None:
    """Declare the command.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = commands.add_parser(
        "models",
        help="list the models in SEQ2SERVE_MODELS_DIR, or those of a server",
        description="List models. Those in a directory are shown as their manifests say, unloaded.",
    )
    add_server(parser)
    parser.set_defaults(run=_models)


def _models(arguments: argparse.Namespace) -> int:
    try:
        rows = _here() if arguments.server is None else asyncio.run(_there(arguments))
    except CommandFailed as error:
        sys.stderr.write(f"seq2serve: {error}\n")
        return FAILED
    sys.stdout.writelines(f"{line}\n" for line in aligned([_HEAD, *rows]))
    return OK


def _here() -> list[tuple[str, ...]]:
    manifests = map(Manifest.read, find_bundles(load_settings().models_dir))
    return [
        (
            manifest.name,
            manifest.version,
            _does(manifest.task, manifest.prefixes),
            manifest.licence,
        )
        for manifest in manifests
    ]


async def _there(arguments: argparse.Namespace) -> list[tuple[str, ...]]:
    async with client_of(arguments) as client:
        try:
            response = await client.get("models")
        except httpx.HTTPError as error:
            raise CommandFailed(f"{client.base_url}: {error}") from None
    if response.status_code != 200:
        raise CommandFailed(error_of(response))
    return [
        (
            model["name"],
            model["version"],
            _does(
                Task(model["task"]),
                (Direction(each["source"], each["target"]) for each in model["directions"]),
            ),
            model["licence"],
        )
        for model in response.json()["models"]
    ]


def _does(task: Task, directions: Iterable[Direction]) -> str:
    """Worked case: ``translates en to de, de to en``, or ``summarizes en``."""
    return f"{_VERBS[task]} {', '.join(direction.in_words for direction in directions)}"
