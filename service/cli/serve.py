"""`serve`: the service, until it is told to stop; and `settings`, what it can be told."""

import argparse
import sys
from typing import Any

from service.api.lifecycle import Lifecycle
from service.api.server import DrainingServer, check_address
from service.app import create_app
from service.cli.memory import load_compactly, settle_memory
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
    check_address(settings)
    load_compactly()
    app = create_app(settings, lifecycle=lifecycle)
    settle_memory()
    server = DrainingServer(app, settings, lifecycle)
    server.run()
    return OK if server.started else FAILED


def _show_settings(_: argparse.Namespace) -> int:
    sys.stdout.write(settings_page())
    return OK
