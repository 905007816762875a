"""The second line of defence of the logs: what looks like a secret, an address or a person is taken out of every line.

The first is that events carry ids. This one is for what other packages write, and for the messages of exceptions.
"""

import logging
import re
import traceback
from collections.abc import Iterable, MutableMapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, OperationalError

# Exceptions whose text we wrote ourselves, or that tells of connections, settings and code, but not of values.
_OUR_PACKAGES = frozenset({"gateway", "sendouts", "actions", "outbound"})
_TELL = (OperationalError, ConnectionError, TimeoutError, ImproperlyConfigured, ImportError, AttributeError, NameError)
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # PostgreSQL appends the values of the row, the place in a COPY and the statement.
    (re.compile(r"\s*\b(?:DETAIL|CONTEXT|HINT|LINE \d+):.*", re.DOTALL), " …"),
    # A URI keeps its host, which the allow-lists name too; never its login, path or question.
    (re.compile(r"([a-z][a-z0-9+.-]*://)(?:[^/\s@\"'<>]*@)?([^/\s?#\"'<>]*)[^\s\"'<>]*", re.IGNORECASE), r"\1\2/…"),
    (re.compile(r"\b(basic|bearer|token)\s+[\w+/=.~-]{6,}", re.IGNORECASE), r"\1 …"),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "…"),
    (re.compile(r"(/[^\s?\"'<>]*)\?[^\s\"'<>]+"), r"\1?…"),
)
# In what other packages say, a path is that of somebody's URI unless it is one of our own pages.
_PATH = re.compile(r"(?<![\w.:/…])/(?!(?:admin|api|static|health|webhooks|i18n|metrics)\b)[^\s\"'<>),;]+")
_MASK = "…"


class Redactor:
    """Cleans texts; `secrets` are values that may stand nowhere, whatever surrounds them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # Short ones would tear other words apart, and protect nothing.
        known = sorted({re.escape(each) for each in secrets if len(each) >= 6}, key=len, reverse=True)
        self._known = re.compile("|".join(known)) if known else None

    def text(self, text: str) -> str:
        """The text without what looks dangerous."""
        if self._known is not None:
            text = self._known.sub(_MASK, text)
        for pattern, instead in _RULES:
            text = pattern.sub(instead, text)
        return text

    def foreign(self, text: str) -> str:
        """The same for what another package wrote."""
        return _PATH.sub("/…", self.text(text))

    def value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, BaseException):
            return type(value).__name__
        if isinstance(value, dict):
            return {key: self.value(each) for key, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(each) for each in value]
        return value if value is None or isinstance(value, bool | int | float) else self.text(str(value))

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """As a processor of structlog: the last one before the line is written."""
        foreign = not event.get("_from_structlog", True)
        for key, value in event.items():
            if key.startswith("_") or key in {"timestamp", "level", "logger"}:
                continue
            # A traceback was cleaned when it was made, and is full of paths that are meant.
            if key == "exception":
                continue
            event[key] = self.foreign(value) if foreign and isinstance(value, str) else self.value(value)
        return event


class ForeignRecords(logging.Filter):
    """Rewrites records of other packages before their text is put together."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.msg, dict):
            return True
        if record.name.startswith("celery.") and record.exc_info:
            # Celery prints what the exception says, and where its arguments stood. The traceback follows, cleaned.
            record.msg, record.args = "A task failed: %s", (getattr(record, "data", {}).get("name", "unknown"),)
        elif record.name == "django.request" and hasattr(record, "request"):
            # Django prints the path as it was typed, which may hold anything.
            record.msg, record.args = "Answered %s: %s", (getattr(record, "status_code", "?"), _route(record.request))
        elif record.name == "asyncio":
            record.msg = str(record.msg).partition("\n")[0]
        elif isinstance(record.msg, BaseException):
            record.msg = type(record.msg).__name__
        if isinstance(record.args, tuple):
            record.args = tuple(
                type(each).__name__ if isinstance(each, BaseException) else each for each in record.args
            )
        return True


def _route(request: Any) -> str:
    """Which address was asked for: its pattern, with the numbers that stand in it."""
    match = getattr(request, "resolver_match", None)
    if match is None:
        return "an address that there is not"
    numbers = [f"{name}={value}" for name, value in match.kwargs.items() if str(value).isdigit()]
    return " ".join([match.route, *numbers])


def told(error: BaseException, redactor: Redactor) -> str:
    """A traceback of places and classes. What an exception says is left out, unless it is known to name no values."""
    parts = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = traceback.format_list(traceback.extract_tb(current.__traceback__))
        parts.append("Traceback (most recent call last):\n" + "".join(frames) + _said(current, redactor))
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\n\nwhich came of:\n\n".join(parts)


def _said(error: BaseException, redactor: Redactor) -> str:
    kind = type(error)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if kind.__module__.partition(".")[0] in _OUR_PACKAGES or isinstance(error, _TELL):
        first_line = str(error).partition("\n")[0]
        return f"{name}: {redactor.text(first_line)}"
    state = getattr(error, "sqlstate", None)
    if state or isinstance(error, DatabaseError):
        constraint = getattr(getattr(error, "diag", None), "constraint_name", None)
        return " ".join(filter(None, (name, state, constraint)))
    return name
