"""Second defence of the logs: redact everything in a line that resembles a secret, an address or a person.

The first defence is that events contain only ids. This one covers other packages, and the messages of exceptions.
"""

import logging
import re
import traceback
from collections.abc import Iterable, MutableMapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, OperationalError

# Our own packages. Their events follow LOG_LEVEL, and the texts of their exceptions are without values.
ROOMS = ("gateway", "desk", "api", "notices", "sendouts", "actions", "work", "outbound")
# Exceptions about connections, settings and code, without values.
_TELL = (OperationalError, ConnectionError, TimeoutError, ImproperlyConfigured, ImportError, AttributeError, NameError)
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # PostgreSQL appends the row's values, the position in a COPY, and the statement.
    (re.compile(r"\s*\b(?:DETAIL|CONTEXT|HINT|LINE \d+):.*", re.DOTALL), " …"),
    # Keep the host of a URI, which the allow-lists contain too; remove its login, path and query.
    (re.compile(r"([a-z][a-z0-9+.-]*://)(?:[^/\s@\"'<>]*@)?([^/\s?#\"'<>]*)[^\s\"'<>]*", re.IGNORECASE), r"\1\2/…"),
    (re.compile(r"\b(basic|bearer|token)\s+[\w+/=.~-]{6,}", re.IGNORECASE), r"\1 …"),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "…"),
    (re.compile(r"(/[^\s?\"'<>]*)\?[^\s\"'<>]+"), r"\1?…"),
)
# In messages of other packages, a path may be part of a private URI, unless it is one of our own pages.
_PATH = re.compile(r"(?<![\w.:/…])/(?!(?:admin|api|static|health|webhooks|i18n|metrics)\b)[^\s\"'<>),;]+")
_MASK = "…"


class Redactor:
    """Redacts texts; `secrets` are values to remove everywhere."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # Short secrets would match parts of ordinary words, and protect nothing.
        known = sorted({re.escape(each) for each in secrets if len(each) >= 6}, key=len, reverse=True)
        self._known = re.compile("|".join(known)) if known else None

    def text(self, text: str) -> str:
        """Return the text without secrets, addresses and persons."""
        if self._known is not None:
            text = self._known.sub(_MASK, text)
        for pattern, instead in _RULES:
            text = pattern.sub(instead, text)
        return text

    def foreign(self, text: str) -> str:
        """Return the text of another package without secrets, addresses, persons and paths."""
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
        """Redact an event, as the last structlog processor before output."""
        foreign = not event.get("_from_structlog", True)
        for key, value in event.items():
            if key.startswith("_") or key in {"timestamp", "level", "logger"}:
                continue
            # A traceback is redacted when it is made, and its paths are intended.
            if key == "exception":
                continue
            event[key] = self.foreign(value) if foreign and isinstance(value, str) else self.value(value)
        return event


class ForeignRecords(logging.Filter):
    """Rewrites log records of other packages before they are formatted."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.msg, dict):
            return True
        if record.name.startswith("celery.") and record.exc_info:
            # Celery prints the exception's message, and its arguments. The redacted traceback follows.
            record.msg, record.args = "A task failed: %s", (getattr(record, "data", {}).get("name", "unknown"),)
        elif record.name == "django.request" and hasattr(record, "request"):
            # Django prints the requested path, which may contain anything.
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
    """Return the pattern of the requested URL, with its numeric parameters."""
    match = getattr(request, "resolver_match", None)
    if match is None:
        return "an address that there is not"
    numbers = [f"{name}={value}" for name, value in match.kwargs.items() if str(value).isdigit()]
    return " ".join([match.route, *numbers])


def told(error: BaseException, redactor: Redactor) -> str:
    """Return a traceback of places and classes, with messages only of exceptions known to contain no values."""
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
    if kind.__module__.partition(".")[0] in ROOMS or isinstance(error, _TELL):
        first_line = str(error).partition("\n")[0]
        return f"{name}: {redactor.text(first_line)}"
    state = getattr(error, "sqlstate", None)
    if state or isinstance(error, DatabaseError):
        constraint = getattr(getattr(error, "diag", None), "constraint_name", None)
        return " ".join(filter(None, (name, state, constraint)))
    return name
