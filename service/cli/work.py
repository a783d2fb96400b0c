"""`translate` and `summarize`: files and pipes through the models, here or on a server."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from tqdm import tqdm

from service.app import create_app
from service.cli.asking import Errand, ask_all
from service.cli.lines import STDIN, Unit, count, texts_of, without_blocking
from service.cli.memory import load_compactly, settle_memory
from service.cli.output import ReaderLeft, opened
from service.cli.status import FAILED, INTERRUPTED, OK, CommandFailed
from service.cli.terms import TermCount, add_terms, fields_of
from service.settings import Settings, load_settings

# Rows of a worker where nobody waits for a single answer: a chunk of so many takes longer than one
# of what a service decodes at a time, and a sentence of it takes less.
_BATCH_SOURCES = 64
# What such a batch has in short sentences, encoded at once.
_ENCODE_TOKENS = 1024
# In this process nobody else asks, and nobody gives up: what is in flight bounds the queue.
_UNBOUNDED = 2**31
_PATIENCE_S = 3600.0


def add_to(commands: Any) -> None:
    """Declare both commands.

    Args:
        commands: What `add_subparsers` returned.
    """
    translate = commands.add_parser(
        "translate",
        help="translate files or standard input, line by line",
        description="Translate line by line, as fast as the models can; one line out for each in.",
    )
    translate.add_argument("--from", dest="source", default="auto", metavar="LANGUAGE")
    translate.add_argument("--to", dest="target", required=True, metavar="LANGUAGE")
    add_terms(translate)
    _add_common(translate)
    translate.set_defaults(run=_translate, unit=Unit.LINE)

    summarize = commands.add_parser(
        "summarize",
        help="summarize files or standard input, one text each",
        description="Summarize each file, or all of standard input, into one line.",
    )
    summarize.add_argument(
        "--lines",
        dest="unit",
        action="store_const",
        const=Unit.LINE,
        help="every line is a text of its own",
    )
    _add_common(summarize)
    summarize.set_defaults(run=_summarize, unit=Unit.FILE)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="*", default=[STDIN], metavar="FILE", help="default: standard input, or -"
    )
    parser.add_argument(
        "--paragraphs",
        dest="unit",
        action="store_const",
        const=Unit.PARAGRAPH,
        help="lines up to a blank one are one text; it comes out in one line",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="default: standard output"
    )
    parser.add_argument("--model", help="name of the model, where several could answer")
    add_server(parser)


def add_server(parser: argparse.ArgumentParser) -> None:
    """Declare how to reach a server; without, the models run in this process."""
    parser.add_argument(
        "--server", metavar="URL", help="ask this one; default: load SEQ2SERVE_MODELS_DIR here"
    )
    parser.add_argument(
        "--key-file", type=Path, metavar="FILE", help="holds the API key, if the server wants one"
    )


def _translate(arguments: argparse.Namespace) -> int:
    fields = {"source": arguments.source, "target": arguments.target}
    try:
        terms = fields_of(arguments)
    except CommandFailed as error:
        return _failed(error)
    if not terms:
        return _run(arguments, Errand("translate", "q", "translatedText", fields))
    counted = TermCount()
    errand = Errand("translate", "q", "translatedText", fields | terms, hear=counted.hear)
    status = _run(arguments, errand)
    if status == OK:
        sys.stderr.write(f"seq2serve: {counted.summary()}\n")
    return status


def _summarize(arguments: argparse.Namespace) -> int:
    return _run(arguments, Errand("summarize", "text", "summary", {}))


def _run(arguments: argparse.Namespace, errand: Errand) -> int:
    fields = {**errand.fields, "priority": "batch"}
    if arguments.model is not None:
        fields["model"] = arguments.model
    errand = replace(errand, fields=fields)
    try:
        asyncio.run(_answer(arguments, errand))
    except CommandFailed as error:
        return _failed(error)
    except ReaderLeft:
        return OK
    except KeyboardInterrupt:
        return INTERRUPTED
    return OK


def _failed(error: CommandFailed) -> int:
    sys.stderr.write(f"seq2serve: {error}\n")
    return FAILED


async def _answer(arguments: argparse.Namespace, errand: Errand) -> None:
    read = partial(texts_of, arguments.files, arguments.unit)
    total = count(arguments.files, arguments.unit)
    with opened(arguments.output, arguments.files) as write:
        async with client_of(arguments) as client:
            settle_memory()
            # tqdm shows nothing when standard error is no terminal.
            with tqdm(total=total, unit=" texts", disable=None, file=sys.stderr) as progress:

                def take(answers: list[str]) -> None:
                    write(answers)
                    progress.update(len(answers))

                await ask_all(client, errand, without_blocking(read), take)


@asynccontextmanager
async def client_of(arguments: argparse.Namespace) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the server that was named, else of a service within this process.

    Raises:
        CommandFailed: The key cannot be read.
        ServiceError: The settings or bundles for a service of our own are unusable.
    """
    if arguments.server is None:
        load_compactly()
        async with client_within(create_app(settings_for_one(load_settings()))) as client:
            yield client
        return
    headers = {}
    if arguments.key_file is not None:
        headers["Authorization"] = f"Bearer {_key_in(arguments.key_file)}"
    async with httpx.AsyncClient(
        base_url=arguments.server, headers=headers, timeout=_PATIENCE_S
    ) as client:
        yield client


@asynccontextmanager
async def client_within(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service in this process, which is started and ended with it."""
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://here", timeout=_PATIENCE_S
        ) as client,
    ):
        yield client


def settings_for_one(settings: Settings) -> Settings:
    """Settings of a service that nobody else asks."""
    return settings.model_copy(
        update={
            "max_batch_sources": settings.max_batch_sources or _BATCH_SOURCES,
            "max_encode_tokens": max(settings.max_encode_tokens, _ENCODE_TOKENS),
            "max_queue_sources": _UNBOUNDED,
            "max_queue_tokens": _UNBOUNDED,
            "max_body_bytes": _UNBOUNDED,
            "max_texts": _UNBOUNDED,
            "max_terms": _UNBOUNDED,
            "default_timeout_s": _PATIENCE_S,
            "max_timeout_s": _PATIENCE_S,
            "keys_file": None,
            "jobs_dir": None,
        }
    )


def _key_in(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}") from None
