"""The configuration of a planned action in words: labels of its kind, values as people write them, no secrets."""

import json
import re
from typing import Any

from django.utils.translation import pgettext

from actions import catalog
from actions.config.describe import config_lines
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
    if kind not in catalog.kinds():
        return [(name, _write_value(name, value)) for name, value in values.items()]
    return list(config_lines(kind, values, write=_write_value).items())


def details(text: str) -> list[Parameter]:
    """Return what the hook sent beside the action's name, as (name, value), without the platform's URLs."""
    value = json.loads(_ANY_ADDRESS.sub("…", text or "{}"))
    if value in ({}, None, ""):
        return []
    if isinstance(value, dict):
        return [(_hidden(str(name)), _write_value(str(name), each)) for name, each in value.items()]
    return [("", _write_value("", value))]


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
