"""The former states of what is configured: what each changed, in words, and the way back to one of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from pydantic import ValidationError as ConfigError

from actions import catalog, references
from actions.config_errors import sentences
from actions.describing import NOTHING, column_in_words, config_lines, in_words
from actions.merging import canonical
from actions.models import ActionDefinition, Credential, Project, Sendout

Configured = Project | Sendout | ActionDefinition
# What a file brought; else a person, else a hook that named what nobody had set up.
BY_FILE = "apply_config"
# What tells which row it is, and stays.
FIXED = frozenset({"id", "created_at", "project", "sendout", "kind"})


class NotBroughtBack(Exception):
    """A former state cannot hold any more; the text is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a version changed: its label, and its value before and after, as people write them."""

    label: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Version:
    """A state that a row had: who made it so (empty: the gateway), what it is called, and what it changed."""

    what: str
    who: str
    changes: tuple[Change, ...]


def version(record: Any, before: Any | None) -> Version:
    """Tell a version beside the one before it; None: it is the first that is known."""
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
    return Version(what, _who(record), found)


def _who(record: Any) -> str:
    if record.history_user is not None:
        return str(record.history_user.get_username())
    return record.history_change_reason or ""


def changes(old: Any, new: Any) -> Iterable[Change]:
    """What differs between two states of a row, or a state and the row itself; an unlike configuration by its fields."""
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
            yield Change(label, column_in_words(field, before), column_in_words(field, after))


def _label(record: Any, name: str) -> str:
    return capfirst(str(record._meta.get_field(name).verbose_name))


def _config_changes(old: Any, new: Any) -> Iterable[Change]:
    if canonical(old.config) == canonical(new.config):
        return
    before = config_lines(old.kind, old.config, defaults=True)
    after = config_lines(new.kind, new.config, defaults=True)
    for label in dict.fromkeys([*after, *before]):
        if before.get(label) != after.get(label):
            yield Change(label, before.get(label, NOTHING), after.get(label, NOTHING))


def bring_back(row: Configured, record: Any, user: User) -> tuple[Change, ...]:
    """Make a row what it was in a former version, as a new version; returns what changed. Raises NotBroughtBack.

    Where it belongs, and an action's kind, stay. What it says must be valid today: the kind is asked again.
    """
    with transaction.atomic():
        fresh: Any = type(row)._default_manager.select_for_update().get(pk=row.pk)
        for name, value in _values(fresh, record).items():
            setattr(fresh, name, value)
        found = tuple(changes(type(row)._default_manager.get(pk=row.pk), fresh))
        if not found:
            raise NotBroughtBack(_("Nothing was changed: it is already as it was in this version."))
        try:
            fresh.full_clean()
        except ValidationError as error:
            raise NotBroughtBack(" ".join(error.messages)) from error
        fresh._history_user = user
        fresh.save()
    return found


def possible(row: Configured, record: Any) -> tuple[Change, ...]:
    """What bringing a version back would change. Raises NotBroughtBack where it cannot be."""
    wanted: Any = type(row)._default_manager.get(pk=row.pk)
    for name, value in _values(wanted, record).items():
        setattr(wanted, name, value)
    return tuple(changes(row, wanted))


def _values(row: Any, record: Any) -> Mapping[str, Any]:
    names = [field.attname for field in record.tracked_fields if field.name not in FIXED]
    values = {name: getattr(record, name) for name in names}
    if isinstance(row, ActionDefinition):
        values["config"] = _config(row, record)
    return values


def _config(row: ActionDefinition, record: Any) -> dict[str, Any]:
    """The configuration of a version, as its kind reads it today. Raises NotBroughtBack."""
    kind = catalog.kinds().get(record.kind)
    if kind is None:
        sentence = _("No kind is called “%(name)s” any more, so nobody can say whether this version still works.")
        raise NotBroughtBack(sentence % {"name": record.kind})
    if record.kind != row.kind:
        raise NotBroughtBack(_("The action was of another kind then, and an action’s kind stays."))
    try:
        config = kind.normal_config(record.config)
    except ConfigError as error:
        whys = " ".join(f"{path[0]}: {why}" if path else why for path, why in sentences(error, _))
        raise NotBroughtBack(_("This version is not valid any more. %(whys)s") % {"whys": whys}) from error
    project = row.project or (row.sendout.project if row.sendout else None)
    for _path, name in references.missing(kind.Config, config, project.name if project else ""):
        raise NotBroughtBack(
            _("The list “%(name)s”, which this version uses, is not kept here any more.") % {"name": name}
        )
    for name in _credentials(config):
        if name.lower() not in settings.CREDENTIALS and not Credential.objects.filter(name=name.lower()).exists():
            sentence = _("The credential “%(name)s”, which this version uses, is not stored any more.")
            raise NotBroughtBack(sentence % {"name": name})
    return config


def _credentials(config: Mapping[str, Any]) -> list[str]:
    """The credentials that a configuration names: kinds call such fields so."""
    return [str(config[key]) for key in ("credential", "signature") if config.get(key)]
