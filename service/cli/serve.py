"""`serve`: the service, until it is told to stop; and `settings`, what it can be told."""

import argparse
import ctypes
import gc
import sys
from contextlib import suppress
from typing import Any

from service.api.lifecycle import Lifecycle
from service.api.server import DrainingServer
from service.app import create_app
from service.cli.settings_page import settings_page
from service.cli.status import FAILED, OK
from service.logs import configure_logs
from service.settings import load_settings


def add_to(commands: Any) -> None:
    """Declare both commands.

    Args:
        commands: What `add_subparsers` returned.
    """
    serve_parser = commands.add_parser(
        "serve",
        help="serve models over HTTP (the default)",
        description="Serve translation and summarization models over HTTP.",
        epilog="Settings are SEQ2SERVE_* environment variables; see the settings command.",
    )
    serve_parser.set_defaults(run=serve)
    settings_parser = commands.add_parser(
        "settings", help="print every setting of serve as docs/settings.md"
    )
    settings_parser.set_defaults(run=_show_settings)


def serve(_: argparse.Namespace) -> int:
    """Serve until a signal says to stop.

    Raises:
        ServiceError: Settings or bundles are unusable.
    """
    lifecycle = Lifecycle()
    settings = load_settings()
    configure_logs(settings.log_level)
    app = create_app(settings, lifecycle=lifecycle)
    _settle_memory()
    server = DrainingServer(app, settings, lifecycle)
    server.run()
    return OK if server.started else FAILED


def _settle_memory() -> None:
    """Part with what starting took, and spare what stays from garbage collection.

    Loading models leaves the C allocator with as much free memory as the models take. What
    exists by now stays for good, and requests are made of many small objects and few cycles:
    with Python's own thresholds a fifth of the time of a busy server went into looking.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 10)
    with suppress(AttributeError, OSError, TypeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


def _show_settings(_: argparse.Namespace) -> int:
    sys.stdout.write(settings_page())
    return OK
