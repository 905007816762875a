"""Logs with one line per event: its name, and ids. They never contain contact data, URIs or secrets."""

import logging.config
import sys
import threading
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any

import structlog

from gateway.logs.redact import ROOMS, ForeignRecords, Redactor, told

log = structlog.get_logger("gateway")


def configure(options: dict[str, Any]) -> None:
    """Send structlog's and the standard library's records to standard error, as JSON or as readable text.

    Keys of `options`: `level`, a level's name; `json`, whether to write JSON; `secrets`, texts to remove from every
    line; `debug`, whether the traceback of a dying process may contain the exception's message.
    """
    redactor = Redactor(options["secrets"])
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _Tracebacks(redactor),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer() if options["json"] else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"foreign": {"()": ForeignRecords}},
            "formatters": {
                "line": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processors": [redactor, structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                    "foreign_pre_chain": shared,
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["foreign"]}},
            "root": {"handlers": ["stderr"], "level": "WARNING"},
            "loggers": {name: {"level": options["level"]} for name in ROOMS}
            | {"django.server": {"level": "WARNING"}, "celery": {"level": "WARNING"}, "uvicorn": {"level": "WARNING"}},
        }
    )
    # Otherwise a record that cannot be formatted would be printed with all its arguments.
    logging.raiseExceptions = options["debug"]
    threading.excepthook = _thread_died
    if not options["debug"]:
        sys.excepthook = _process_died


class _Tracebacks:
    """Formats `exc_info` without the messages of exceptions."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        found = event.pop("exc_info", None)
        if found is True:
            found = sys.exc_info()
        error = found[1] if isinstance(found, tuple) else found
        if isinstance(error, BaseException):
            event["exception"] = told(error, self._redactor)
        return event


def _thread_died(died: threading.ExceptHookArgs) -> None:
    if died.exc_value is not None and not issubclass(died.exc_type, SystemExit):
        name = died.thread.name if died.thread is not None else ""
        log.error("thread_died", thread=name, exc_info=died.exc_value)


def _process_died(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        log.critical("process_failed", exc_info=error)
