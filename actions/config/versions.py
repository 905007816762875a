"""Former states of configured objects, and the changes of each, in words."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from actions.config.describe import NOTHING, column_in_words, config_lines, in_words
from actions.models import ActionDefinition, Project, Sendout
from actions.plan.merge import canonical

Configured = Project | Sendout | ActionDefinition
# Author of changes from a file. Other authors are a person, or a hook with an unknown name.
BY_FILE = "apply_config"
# History contains no secrets: this reason only says that a secret changed.
UNTOLD = "secret"


@dataclass(frozen=True, slots=True)
class VersionChange:
    """One change of a version: its label, and the value before and after, in readable form."""

    label: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Version:
    """A former state of a row: its author (empty: the gateway), its action, and its changes."""

    what: str
    who: str
    changes: tuple[VersionChange, ...]


def version(record: Any, before: Any | None) -> Version:
    """Describe a version by comparison with the previous one; None: it is the first known version."""
    found = tuple(changes(before, record)) if before is not None else ()
    if record.history_type == "+":
        what = _("Created")
    elif record.history_type == "-":
        what = _("Deleted")
    elif before is not None and getattr(before, "archived", None) != getattr(record, "archived", None):
        what = _("Archived") if record.archived else _("Restored")
        found = tuple(each for each in found if each.label != _label(record, "archived"))
    else:
        what = _("Changed")
    if record.history_change_reason == UNTOLD:
        found = (*found, VersionChange(_("Secret"), _("not shown"), _("changed")))
    return Version(what, _author(record), found)


def _author(record: Any) -> str:
    if record.history_user is not None:
        return str(record.history_user.get_username())
    return BY_FILE if record.history_change_reason == BY_FILE else ""


def changes(old: Any, new: Any) -> Iterable[VersionChange]:
    """Yield the differences between two states of a row, or a state and the row; compare configurations by field."""
    for field in new.tracked_fields if hasattr(new, "tracked_fields") else new._meta.concrete_fields:
        if field.name in {"id", "created_at", "changed_at"}:
            continue
        before, after = getattr(old, field.attname), getattr(new, field.attname)
        if field.name == "config":
            yield from _config_changes(old, new)
        elif canonical(in_words(before)) != canonical(in_words(after)):
            if field.remote_field:
                before, after = getattr(old, field.name), getattr(new, field.name)
            label = _label(new, field.name)
            yield VersionChange(label, column_in_words(field, before), column_in_words(field, after))


def _label(record: Any, name: str) -> str:
    return capfirst(str(record._meta.get_field(name).verbose_name))


def _config_changes(old: Any, new: Any) -> Iterable[VersionChange]:
    if canonical(old.config) == canonical(new.config):
        return
    before = config_lines(old.kind, old.config, defaults=True)
    after = config_lines(new.kind, new.config, defaults=True)
    for label in dict.fromkeys([*after, *before]):
        if before.get(label) != after.get(label):
            yield VersionChange(label, before.get(label, NOTHING), after.get(label, NOTHING))
