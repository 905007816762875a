"""The configuration in words: policies, choices, and the fields of a kind's configuration by their labels."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Literal, get_args, get_origin

from django.db.models import Field, Model
from django.utils.formats import localize
from django.utils.translation import gettext as _
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from actions import catalog
from actions.catalog.shared.one_of import OneOf
from actions.config import durations
from actions.contract import Kind
from actions.plan.merge import canonical

NOTHING = "–"
_QUESTION = re.compile(r"(\w+://[^\s?\"']*)\?[^\s\"']*")


def without_questions(text: str) -> str:
    """Return the text without the query strings of addresses, which may contain keys."""
    return _QUESTION.sub(r"\1?…", text)


def kind_title(name: str) -> str:
    """Return the title of a kind, or its name if the kind is not installed."""
    found = catalog.kinds().get(name)
    return _(found.title) if found else name


def described(kind: type[Kind]) -> str:
    """Return the translated description of a kind; gettext answers an empty text with the catalogue's header."""
    return _(kind.description) if kind.description else ""


def config_lines(
    kind: str, config: Mapping[str, Any], *, defaults: bool = False, write: Callable[[str, Any], str] | None = None
) -> dict[str, str]:
    """Return a configuration as label and value, in the form's order; with `defaults` include default values.

    `write` makes text of a key and its plain value; without it, only the query strings of addresses are hidden.
    """
    found = catalog.kinds().get(kind)
    if found is None:
        return {_("configuration"): without_questions(canonical(config))}
    lines = {}
    for name, info in found.Config.model_fields.items():
        default = None if info.is_required() else info.get_default(call_default_factory=True)
        value = config.get(info.alias or name, default)
        if value in (None, "") or (not defaults and canonical(_plain(value)) == canonical(_plain(default))):
            continue
        own = partial(write, info.alias or name) if write else None
        lines[_(str(info.title or name))] = without_questions(_config_value(info, value, own))
    return lines


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json", by_alias=True) if isinstance(value, BaseModel) else value


def _config_value(info: FieldInfo, value: Any, write: Callable[[Any], str] | None) -> str:
    kind = info.annotation
    if isinstance(kind, type) and issubclass(kind, OneOf) and isinstance(value, Mapping) and value:
        operator, operand = next(iter(value.items()))
        title = _(str(kind.choices().get(operator, operator)))
        return title if operator == "missing" else f"{title} {(write or _operand)(operand)}"
    if get_origin(kind) is Literal and value in get_args(kind):
        labels: Any = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        return _(str(labels.get(value, value)))
    return (write or in_words)(value)


def _operand(value: Any) -> str:
    """Return a rule's operand as contacts' fields contain it: there, true and false are not translated."""
    if isinstance(value, bool):
        return json.dumps(value)
    return ", ".join(map(_operand, value)) if isinstance(value, list) else in_words(value)


def in_words(value: Any) -> str:
    """Return a plain value as people write it."""
    if value is None or value == "" or value in ([], {}, ()):
        return NOTHING
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, timedelta):
        return durations.show(value)
    if isinstance(value, int | float):
        return str(localize(value))
    if isinstance(value, list | tuple):
        return ", ".join(in_words(each) for each in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {in_words(each)}" for name, each in value.items())
    return str(value)


def column_in_words(field: "Field[Any, Any]", value: Any) -> str:
    """Return the value of a row's column, with the labels of its choices."""
    if field.name == "second_person_from" and value is None:
        return _("never")
    if field.choices:
        return str(dict(field.flatchoices).get(value, value)) if value not in (None, "") else NOTHING
    return without_questions(str(value) if isinstance(value, Model) else in_words(value))
