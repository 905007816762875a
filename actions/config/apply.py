"""Applies a configuration file to the database, and reads the configuration back."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Model
from pydantic import ValidationError

from actions import catalog
from actions.config import references, reviewers
from actions.config.cautions import unattended
from actions.config.errors import Path, dotted
from actions.config.file import ActionEntry, ConfigFile, FaultyFile, KeepEntry, ProjectEntry, SendoutEntry
from actions.config.versions import BY_FILE, Configured
from actions.contract import NoList
from actions.models import ActionDefinition, Project, Sendout
from actions.plan.merge import canonical, folded
from actions.sentences import write

Owner = Project | Sendout


def apply(content: ConfigFile) -> list[str]:
    """Apply a file completely or not at all; return a sentence for each object created, changed or archived.

    Raise FaultyFile if it refers to a list that does not exist here: lists are data, and files do not contain them.

    The file fully defines its projects: their definitions and sendouts that it omits are archived, never deleted.
    Sendouts without their own settings, known only from hooks, stay. Other projects are not touched.
    """
    said: list[str] = []
    with transaction.atomic():
        if faults := [f"{dotted(path)}: {sentence}" for path, sentence in _dangling(content)]:
            raise FaultyFile(faults)
        for number, entry in enumerate(content.projects):
            said += _project(entry, number)
    return said


def careful(content: ConfigFile) -> list[str]:
    """Return a sentence for each place where the policies of a file are risky without staff on duty."""
    found = []
    for project in content.projects:
        if sentence := unattended(project.review, project.at_deadline):
            found.append(f"project {project.name}: {sentence}")
        for each in project.sendouts:
            holds = each.review or project.review, each.at_deadline or project.at_deadline
            if (each.review or each.at_deadline) and (sentence := unattended(*holds)):
                found.append(f"project {project.name}, sendout {each.journey} / {each.name}: {sentence}")
    return found


def _dangling(content: ConfigFile) -> Iterator[tuple[Path, str]]:
    """Yield the names in actions that their project cannot use."""
    for number, project in enumerate(content.projects):
        places: list[tuple[Path, Sequence[ActionEntry]]] = [(("projects", number), project.actions)]
        places += [(("projects", number, "sendouts", n), each.actions) for n, each in enumerate(project.sendouts)]
        for where, entries in places:
            for place, entry in enumerate(entries):
                for path, name in references.missing(catalog.kind(entry.kind).Config, entry.config, project.name):
                    yield (*where, "actions", place, "config", *path), write(NoList.NO_LIST(name=name))


def _require_two_people(project: Project, entry: ProjectEntry, created: bool, number: int) -> None:
    """Raise FaultyFile if a second person becomes required, but fewer than two people may accept."""
    for name in ("second_person_from", "no_own_changes"):
        wanted = getattr(entry, name)
        new = created or wanted != getattr(project, name)
        if wanted and new and (problem := reviewers.too_few(project)):
            raise FaultyFile([f"{dotted(('projects', number, name))}: {problem}"])


def _project(entry: ProjectEntry, number: int) -> Iterator[str]:
    values = {
        "declared": True,
        "review": entry.review,
        "at_deadline": entry.at_deadline,
        "answer_within": entry.answer_within,
        "keep_contacts": entry.keep.contacts,
        "keep_fields": entry.keep.fields,
        "show_fields": entry.keep.show,
        "second_person_from": entry.second_person_from,
        "no_own_changes": entry.no_own_changes,
        "archived": False,
    }
    label = f"project {entry.name}"
    # Lock the row, so that two concurrent runs do not archive each other's work.
    project, created = Project.objects.select_for_update().get_or_create(name=entry.name, defaults=values)
    _require_two_people(project, entry, created, number)
    if created:
        _mark_made_by_file(project)
        yield f"created {label}"
    else:
        yield from _change(project, values, label)
    yield from _actions(project, entry.actions, label)
    yield from _sendouts(project, entry.sendouts, label)


def _sendouts(project: Project, entries: Sequence[SendoutEntry], within: str) -> Iterator[str]:
    existing = {(each.journey, each.name): each for each in project.sendouts.all()}
    for entry in entries:
        label = f"{within}, sendout {entry.journey} / {entry.name}"
        values = {
            "review": entry.review,
            "at_deadline": entry.at_deadline,
            "answer_within": entry.answer_within,
            "expect_every": entry.expect_every,
            "archived": False,
        }
        existing.pop((entry.journey, entry.name), None)
        sendout, created = Sendout.objects.select_for_update().get_or_create(
            project=project, journey=entry.journey, name=entry.name, defaults=values
        )
        if created:
            _mark_made_by_file(sendout)
            yield f"created {label}"
        else:
            yield from _change(sendout, values, label)
        yield from _actions(sendout, entry.actions, label)
    for sendout in existing.values():
        if not sendout.archived and _has_own_settings(sendout):
            label = f"{within}, sendout {sendout.journey} / {sendout.name}"
            yield from _actions(sendout, [], label)
            yield from _change(sendout, {"archived": True}, label)


def _has_own_settings(sendout: Sendout) -> bool:
    """Return whether a sendout has its own policy or action; else it is only known from a hook."""
    own = sendout.review or sendout.at_deadline or sendout.answer_within or sendout.expect_every
    return bool(own) or sendout.actions.filter(archived=False).exists()


def _actions(owner: Owner, entries: Sequence[ActionEntry], within: str) -> Iterator[str]:
    """Match the entries with existing rows: equal ones, then those of the same identifier and kind; create the rest."""
    left = list(owner.actions.order_by("archived", "position", "id"))
    wanted = [_values(entry) for entry in entries]
    matched: dict[int, ActionDefinition] = {}
    for same in (_equal, _alike):
        for place, values in enumerate(wanted):
            found = next((each for each in left if same(each, values)), None) if place not in matched else None
            if found is not None:
                left.remove(found)
                matched[place] = found
    in_order = _in_order([matched.get(place) for place in range(len(wanted))])
    for place, values in enumerate(wanted):
        label = f"{within}, action {values['identifier']}"
        found = matched.get(place)
        if found is None:
            _mark_made_by_file(
                ActionDefinition.objects.create(**{_owner_field(owner): owner}, **values, position=place)
            )
            yield f"created {label}"
        else:
            # A configuration that only omits defaults is equal, and keeps its stored form.
            kept = {"config": found.config} if _same_config(found, values) else {}
            moved = {} if in_order else {"position": place}
            yield from _change(found, values | kept | moved, label)
    for definition in left:
        if not definition.archived:
            yield from _change(definition, {"archived": True}, f"{within}, action {definition.identifier}")


def _in_order(rows: Sequence[ActionDefinition | None]) -> bool:
    """Return whether all exist and run in this order already, even with gaps between their positions."""
    places = [(row.position, row.pk) for row in rows if row is not None and not row.archived]
    return len(places) == len(rows) and places == sorted(places)


def _values(entry: ActionEntry) -> dict[str, Any]:
    return {
        "identifier": entry.identifier,
        "kind": entry.kind,
        "config": catalog.kind(entry.kind).normal_config(entry.config),
        "on_failure": entry.on_failure,
        "run": entry.run,
        "archived": False,
    }


def _equal(definition: ActionDefinition, values: dict[str, Any]) -> bool:
    return (
        _alike(definition, values)
        and _same_config(definition, values)
        and (definition.on_failure, definition.run) == (values["on_failure"], values["run"])
    )


def _same_config(definition: ActionDefinition, values: dict[str, Any]) -> bool:
    try:
        stored = catalog.kind(values["kind"]).normal_config(definition.config)
    except ValidationError:
        return False
    return canonical(stored) == canonical(values["config"])


def _alike(definition: ActionDefinition, values: dict[str, Any]) -> bool:
    return definition.kind == values["kind"] and folded(definition.identifier) == folded(values["identifier"])


def _owner_field(owner: Owner) -> str:
    return "project" if isinstance(owner, Project) else "sendout"


def _change(row: Model, values: dict[str, Any], label: str) -> Iterator[str]:
    """Write only the values that differ."""
    changed = [name for name, value in values.items() if _differs(getattr(row, name), value)]
    if not changed:
        return
    for name in changed:
        setattr(row, name, values[name])
    row._change_reason = BY_FILE  # type: ignore[attr-defined]
    row.save(update_fields=changed)
    if changed == ["archived"] and values["archived"]:
        yield f"archived {label}"
    else:
        yield f"changed {label}: {', '.join(changed)}"


def _mark_made_by_file(row: Configured) -> None:
    """Record in the history of a new row that a file made it, not a person."""
    row.history.update(history_change_reason=BY_FILE)


def _differs(left: Any, right: Any) -> bool:
    # Compare as JSON: 1, 1.0 and true are equal in Python, but three different values to a rule.
    return canonical(left) != canonical(right) if isinstance(right, dict | list) else left != right


def collect() -> ConfigFile:
    """Read the configuration back: declared projects, and sendouts with their own settings."""
    projects = Project.objects.filter(declared=True, archived=False).order_by("name")
    return ConfigFile(projects=[_project_entry(project) for project in projects])


def _project_entry(project: Project) -> ProjectEntry:
    sendouts = project.sendouts.filter(archived=False).order_by("journey", "name")
    return ProjectEntry(
        name=project.name,
        review=project.review,
        at_deadline=project.at_deadline,
        answer_within=project.answer_within,
        keep=KeepEntry(contacts=project.keep_contacts, fields=project.keep_fields, show=project.show_fields),
        second_person_from=project.second_person_from,
        no_own_changes=project.no_own_changes,
        actions=_action_entries(project),
        sendouts=[_sendout_entry(each) for each in sendouts if _has_own_settings(each)],
    )


def _sendout_entry(sendout: Sendout) -> SendoutEntry:
    return SendoutEntry(
        journey=sendout.journey,
        name=sendout.name,
        review=sendout.review,
        at_deadline=sendout.at_deadline,
        answer_within=sendout.answer_within,
        expect_every=sendout.expect_every,
        actions=_action_entries(sendout),
    )


def _action_entries(owner: Owner) -> list[ActionEntry]:
    return [
        ActionEntry(
            identifier=each.identifier, kind=each.kind, config=each.config, on_failure=each.on_failure, run=each.run
        )
        for each in owner.actions.filter(archived=False).order_by("position", "id")
    ]
