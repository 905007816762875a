"""The configuration of a planned action in words: labels of its kind, values as people write them, no secrets."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from pydantic.fields import FieldInfo

from actions import catalog
from actions.catalog.shared.one_of import OneOf
from sendouts.wording.batch_sentences import number

# The path and query of a URL may hold a key.
_ADDRESS = re.compile(r"(\w+://)(?:[^/\s\"@]*@)?([^/\s\"?#]+)[^\s\"]*")
_ANY_ADDRESS = re.compile(r"\w+://[^\s\"]+")
_SECRET = re.compile(r"secret|password|token|authori[sz]ation|cookie|api[-_ ]?key", re.IGNORECASE)
_LONGEST = 200

Parameter = tuple[str, str]


def parameters(kind: str, config: str) -> list[Parameter]:
    """Return the settings that differ from their defaults as (label, value), in the order of the kind's form."""
    values = json.loads(config or "{}")
    known = catalog.kinds().get(kind)
    if known is None:
        return [(name, _write_value(name, value)) for name, value in values.items()]
    return list(_read_fields(known.Config.model_fields, values))


def details(text: str) -> list[Parameter]:
    """Return what the hook sent beside the action's name, as (name, value), without the platform's URLs."""
    value = json.loads(_ANY_ADDRESS.sub("…", text or "{}"))
    if value in ({}, None, ""):
        return []
    if isinstance(value, dict):
        return [(_hidden(str(name)), _write_value(str(name), each)) for name, each in value.items()]
    return [("", _write_value("", value))]


def _read_fields(fields: Mapping[str, FieldInfo], values: Mapping[str, Any]) -> Iterator[Parameter]:
    for name, info in fields.items():
        key = info.alias or name
        if key not in values:
            continue
        value = values[key]
        default = None if info.is_required() else info.get_default(call_default_factory=True)
        if not info.is_required() and _same(value, default):
            continue
        label = _(info.title) if info.title else key
        yield label, _value(key, info, value)


def _same(value: Any, default: Any) -> bool:
    return value == default or (value in ("", [], {}) and not default) or value == _plain(default)


def _plain(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default


def _value(key: str, info: FieldInfo, value: Any) -> str:
    wanted = info.annotation
    if isinstance(wanted, type) and issubclass(wanted, OneOf) and isinstance(value, dict) and value:
        operator, operand = next(iter(value.items()))
        title = _(str(wanted.choices().get(operator, operator)))
        return title if operand is True and operator == "missing" else f"{title} {_write_value(key, operand)}"
    if get_origin(wanted) is Literal and isinstance(value, str) and value in get_args(wanted):
        extra = info.json_schema_extra
        labels = extra if isinstance(extra, dict) else {}
        return _(str(labels[value])) if value in labels else value
    return _write_value(key, value)


def _write_value(key: str, value: Any) -> str:
    """Write a value in words; hide it if its name marks a secret, and show only the host of a URL."""
    if _SECRET.search(key):
        return "•••"
    if isinstance(value, bool):
        return pgettext("value", "yes") if value else pgettext("value", "no")
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, list):
        return _short(", ".join(_write_value(key, each) for each in value))
    if isinstance(value, dict):
        return _short(
            "; ".join(f"{_hidden(str(name))} = {_write_value(str(name), each)}" for name, each in value.items())
        )
    return _short(_hidden(str(value))) if value is not None else "–"


def _hidden(text: str) -> str:
    return _ADDRESS.sub(r"\1\2/…", text)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
