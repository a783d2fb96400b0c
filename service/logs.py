"""Structured logs: one JSON object a line on stderr, never user text.

An event is a constant word and fields::

    log_event(logger, logging.INFO, "request", request_id="…", code="ok", seconds=0.031)

Exceptions are written as their type and the places they passed through, without their
message: many quote the very value they failed on. Our own errors (`ServiceError`) promise not
to quote, so their message is kept.
"""

import datetime as dt
import functools
import json
import logging
import logging.config
import traceback
from types import TracebackType
from typing import Any

from service.errors import ServiceError

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def log_event(
    logger: logging.Logger,
    level: int,
    event: str,
    *,
    exception: BaseException | None = None,
    **fields: object,
) -> None:
    """Write one event; `fields` become keys of the line and hold no user text."""
    if not logger.isEnabledFor(level):
        return
    # Not `logger.log`, which walks the stack for a place in the code that no line shows.
    caught = None if exception is None else (type(exception), exception, exception.__traceback__)
    record = logging.LogRecord(logger.name, level, "", 0, event, None, caught)
    vars(record)["fields"] = fields
    logger.handle(record)


def configure_logs(level: str) -> None:
    """Send every logger of the process, uvicorn's included, through one JSON handler.

    Args:
        level: debug, info, warning or error.
    """
    # No line shows them, and they are looked up for each.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": {"()": JsonFormatter}},
            "handlers": {
                "stderr": {
                    "class": "logging.StreamHandler",
                    "formatter": "json",
                    "stream": "ext://sys.stderr",
                }
            },
            "root": {"level": level.upper(), "handlers": ["stderr"]},
            "loggers": {
                # What it cannot parse it quotes, byte by byte; the answer says enough.
                "python_multipart": {"level": "ERROR"},
                # At debug level it writes what it waits for.
                "asyncio": {"level": "WARNING"},
                # Our own line per request says more, and leaves out the query string.
                "uvicorn.access": {"level": "CRITICAL", "propagate": False},
            },
        }
    )


class JsonFormatter(logging.Formatter):
    """One log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its line break."""
        line: dict[str, Any] = {
            "time": _instant(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _message(record),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = _exception(record.exc_info)
        return _JSON.encode(line)


_JSON = json.JSONEncoder(ensure_ascii=False, default=str)


def _instant(seconds: float) -> str:
    """ISO 8601 in UTC, to the millisecond. Worked case: 0.5 -> 1970-01-01T00:00:00.500+00:00."""
    whole, milliseconds = divmod(int(seconds * 1000), 1000)
    return f"{_second(whole)}.{milliseconds:03d}+00:00"


@functools.lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _message(record: logging.LogRecord) -> str:
    # asyncio's "Task exception was never retrieved" goes on with the repr of the exception.
    return record.getMessage().split("\n", 1)[0]


def _exception(exc_info: _ExcInfo) -> dict[str, Any]:
    kind, error, trace = exc_info
    described: dict[str, Any] = {
        "type": f"{kind.__module__}.{kind.__qualname__}",
        "frames": [
            f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_qualname}"
            for frame, line in traceback.walk_tb(trace)
        ],
    }
    if isinstance(error, ServiceError):
        described["message"] = str(error)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        described["cause"] = _exception((type(cause), cause, cause.__traceback__))
    return described
