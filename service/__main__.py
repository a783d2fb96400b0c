"""The command: `seq2serve`, or `python -m service`; without a command, it serves."""

import argparse
import sys
from collections.abc import Sequence

from service.cli import keys, models, serve, work
from service.cli.status import BAD_SETTINGS
from service.errors import ServiceError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit status; see `service.cli.status`.
    """
    parser = argparse.ArgumentParser(
        prog="seq2serve",
        description="Translation and summarization with attentional seq2seq models.",
    )
    parser.set_defaults(run=serve.serve)
    commands = parser.add_subparsers(metavar="COMMAND")
    for command in (serve, work, models, keys):
        command.add_to(commands)
    parsed = parser.parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except ServiceError as error:
        what = "cannot start" if parsed.run is serve.serve else "failed"
        sys.stderr.write(f"seq2serve {what} ({error.code}): {error}\n")
        return BAD_SETTINGS


if __name__ == "__main__":
    sys.exit(main())
