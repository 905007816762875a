"""Restore a former version through its form, so that the form's checks apply."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from actions import catalog
from actions.config import references
from actions.config.author import sign
from actions.config.versions import Configured, VersionChange, changes
from actions.contract import Kind
from actions.models import ActionDefinition, Credential, Project
from actions.rule_request import keep_rules
from desk.setup.forms import PREFIX, ProjectForm, SendoutForm, action_form, config_initial

# Restoring keeps the row's place, the kind of an action, and that a project is declared.
FIXED = frozenset({"id", "created_at", "project", "sendout", "kind", "declared"})


class NotBroughtBack(Exception):
    """A former version is not valid any more; the text is a sentence for people."""


def possible(row: Configured, record: Any) -> tuple[VersionChange, ...]:
    """Return what restoring a version would change. Raises NotBroughtBack if it cannot be restored."""
    wanted = _restored_row(row, record)
    found = tuple(changes(row, wanted))
    if found:
        # Pass a copy: a form writes its values into its row.
        _check(_form(type(row)._default_manager.get(pk=row.pk), wanted))
    return found


def bring_back(row: Configured, record: Any, user: User) -> tuple[VersionChange, ...]:
    """Restore a former version as a new version and return the changes. Raises NotBroughtBack."""
    with transaction.atomic():
        fresh: Any = type(row)._default_manager.select_for_update().get(pk=row.pk)
        wanted = _restored_row(fresh, record)
        found = tuple(changes(fresh, wanted))
        if not found:
            raise NotBroughtBack(_("Nothing was changed: it is already as it was in this version."))
        form = _form(fresh, wanted)
        _check(form)
        sign(form.instance, user)
        if isinstance(form.instance, Project):
            keep_rules(form.instance, user)
        form.save()
    return found


def _restored_row(row: Configured, record: Any) -> Any:
    """Return the row with the values of the version, not stored."""
    wanted: Any = type(row)._default_manager.get(pk=row.pk)
    for field in record.tracked_fields:
        if field.name not in FIXED:
            setattr(wanted, field.attname, getattr(record, field.attname))
    if isinstance(row, ActionDefinition):
        _check_references(row, record)
    return wanted


def _form(row: Any, wanted: Any) -> forms.ModelForm:
    """Return the form of a row with the values of the version."""
    made: Any
    if isinstance(row, ActionDefinition):
        kind = _kind(row.kind)
        made, more = action_form(kind), config_initial(kind.Config, wanted.config)
    else:
        made, more = ProjectForm if isinstance(row, Project) else SendoutForm, {}
    fields = made(instance=row).fields
    typed = {name: getattr(wanted, name) for name in fields if not name.startswith(PREFIX)} | more
    typed = {name: getattr(value, "pk", value) for name, value in typed.items()}
    form: forms.ModelForm = made(
        {name: fields[name].prepare_value(value) for name, value in typed.items()}, instance=row
    )
    return form


def _check(form: forms.ModelForm) -> None:
    if form.is_valid():
        return
    whys = [
        f"{form.fields[name].label}: {why}" if name in form.fields else str(why)
        for name, found in form.errors.items()
        for why in found
    ]
    raise NotBroughtBack(_("This version is not valid any more. %(whys)s") % {"whys": " ".join(whys)})


def _kind(name: str) -> type[Kind]:
    kind = catalog.kinds().get(name)
    if kind is None:
        sentence = _("No kind is called “%(name)s” any more, so nobody can say whether this version still works.")
        raise NotBroughtBack(sentence % {"name": name})
    return kind


def _check_references(row: ActionDefinition, record: Any) -> None:
    """Name the references of the version that no longer exist; forms only call such a choice invalid."""
    if record.kind != row.kind:
        raise NotBroughtBack(_("The action was of another kind then, and an action’s kind stays."))
    kind, config = _kind(row.kind), record.config
    project = row.project or (row.sendout.project if row.sendout else None)
    for _path, name in references.missing(kind.Config, config, project.name if project else ""):
        raise NotBroughtBack(
            _("The list “%(name)s”, which this version uses, is not kept here any more.") % {"name": name}
        )
    for name in _credentials(config):
        if name.lower() not in settings.CREDENTIALS and not Credential.objects.filter(name=name.lower()).exists():
            sentence = _("The credential “%(name)s”, which this version uses, is not stored any more.")
            raise NotBroughtBack(sentence % {"name": name})


def _credentials(config: Mapping[str, Any]) -> list[str]:
    """Return the credentials that a configuration names, by the field names that kinds use."""
    return [str(config[key]) for key in ("credential", "signature") if config.get(key)]
