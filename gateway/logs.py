"""Logs of one line an event: a word, and ids. Never contact data, URIs or secrets."""

import logging.config
from typing import Any

import structlog


def configure(options: dict[str, Any]) -> None:
    """Send structlog's and the standard library's records to standard error, as JSON or for a person.

    options: `level`, a level's name, and `json`, whether machines read the lines.
    """
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
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
            "formatters": {
                "line": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processor": renderer,
                    "foreign_pre_chain": shared,
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["stderr"], "level": "WARNING"},
            "loggers": {name: {"level": options["level"]} for name in ("gateway", "sendouts", "actions", "outbound")}
            | {"django.server": {"level": "WARNING"}, "celery": {"level": "WARNING"}, "uvicorn": {"level": "WARNING"}},
        }
    )
