"""The command: `python -m service` serves, `python -m service settings` prints the settings."""

import argparse
import ctypes
import gc
import sys
from collections.abc import Sequence
from contextlib import suppress

from service.api.lifecycle import Lifecycle
from service.api.server import DrainingServer
from service.app import create_app
from service.errors import ServiceError
from service.logs import configure_logs
from service.settings import load_settings, settings_page

# sysexits.h: a supervisor can tell a configuration that cannot work from a crash.
_EX_CONFIG = 78


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit status: 0 after a clean drain, 78 when settings or bundles are unusable.
    """
    parser = argparse.ArgumentParser(
        prog="python -m service",
        description="Serve translation and summarization models over HTTP.",
        epilog="Settings are SEQ2SERVE_* environment variables; see the settings command.",
    )
    parser.add_argument(
        "command",
        nargs="?",
        choices=["serve", "settings"],
        default="serve",
        help="serve (the default), or print every setting as docs/settings.md",
    )
    if parser.parse_args(arguments).command == "settings":
        sys.stdout.write(settings_page())
        return 0
    return _serve()


def _serve() -> int:
    lifecycle = Lifecycle()
    try:
        settings = load_settings()
        configure_logs(settings.log_level)
        app = create_app(settings, lifecycle=lifecycle)
    except ServiceError as error:
        sys.stderr.write(f"seq2serve cannot start ({error.code}): {error}\n")
        return _EX_CONFIG
    _settle_memory()
    server = DrainingServer(app, settings, lifecycle)
    server.run()
    return 0 if server.started else 1


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


if __name__ == "__main__":
    sys.exit(main())
