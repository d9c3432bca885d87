"""Logs: one JSON object a line, with the field names that Cloud Logging reads."""

import logging
import sys
from contextlib import suppress
from typing import Final

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

_SEVERITY: Final = {
    "debug": "DEBUG",
    "info": "INFO",
    "warning": "WARNING",
    "error": "ERROR",
    "exception": "ERROR",
    "critical": "CRITICAL",
}


class _Lines:
    """Where our own lines go, past the standard library's loggers, which take longer."""

    def __init__(self, name: str) -> None:
        self.name = name

    def msg(self, line: str) -> None:
        with suppress(OSError, ValueError):  # nothing fails for a line that can't be told
            sys.stderr.write(line + "\n")

    debug = info = warning = error = critical = exception = msg


def configure(level: str) -> None:
    """Send the logs of this process, the libraries' included, to standard error."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        # No local variables: they hold message bodies and amounts.
        structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
        _severity,
    ]
    written: list[Processor] = [
        structlog.processors.EventRenamer("message"),
        structlog.processors.JSONRenderer(),
    ]
    structlog.configure(
        processors=[*shared, *written],
        logger_factory=_Lines,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *written],
        )
    )
    handler.addFilter(_without_amounts)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # What it says below that is kept out anyway; so it needn't be put together for each message.
    logging.getLogger("ib_insync").setLevel(logging.ERROR)
    # At debug level Google's clients log each request and reply whole, credentials and bodies among them.
    logging.getLogger("google").setLevel(max(root.level, logging.INFO))


def _severity(_: WrappedLogger, method: str, event: EventDict) -> EventDict:
    record = event.get("_record")
    event["severity"] = record.levelname if record else _SEVERITY[method]
    return event


def _without_amounts(record: logging.LogRecord) -> bool:
    """Keep out what ib_insync logs: executions, account values and the broker's texts, with their amounts.

    The adapter reports the codes itself. That a message could not be decoded is told, without the message.
    """
    if not record.name.startswith("ib_insync"):
        return True
    if record.name.startswith("ib_insync.Decoder") and record.levelno >= logging.ERROR:
        record.msg, record.args, record.exc_info = "a message from the gateway could not be decoded", (), None
        return True
    return False
