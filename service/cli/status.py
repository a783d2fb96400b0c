"""Exit statuses, so that a script or a supervisor can tell what went wrong."""

OK = 0
FAILED = 1
# argparse's own is 2: the command line cannot be understood.
# sysexits.h: a configuration that cannot work, which no restart will change.
BAD_SETTINGS = 78
# What shells show for a command that Ctrl+C ended.
INTERRUPTED = 130


class CommandFailed(Exception):
    """What was asked for cannot be done; the message says why, to whom it concerns."""
