"""Applies a configuration file to the database, and reads the configuration back."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Model
from pydantic import ValidationError

from actions import catalog
from actions.config import references, reviewers
from actions.config.errors import Path, dotted
from actions.config.file import ActionEntry, ConfigFile, FaultyFile, KeepEntry, ProjectEntry, SendoutEntry
from actions.config.versions import BY_FILE, Configured
from actions.contract import Config, NoList
from actions.models import ActionDefinition, Project, Sendout, unattended
from actions.plan.merge import canonical, folded
from actions.rule_request import RULES, is_weaker, keep_rules
from actions.sentences import write

Owner = Project | Sendout
# Settings that rows and entries of the file have under one name.
_POLICY = ("review", "at_deadline", "answer_within")
_OF_PROJECT = (*_POLICY, "empty_words")
_OF_SENDOUT = (*_POLICY, "expect_every")
_OF_ACTION = ("identifier", "kind", "config", "on_failure", "run")


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
    for name in RULES:
        wanted = getattr(entry, name)
        new = created or wanted != getattr(project, name)
        if wanted and new and (problem := reviewers.too_few(project)):
            raise FaultyFile([f"{dotted(('projects', number, name))}: {problem}"])


def _project(entry: ProjectEntry, number: int) -> Iterator[str]:
    values = {
        "declared": True,
        **_settings(entry, _OF_PROJECT),
        "keep_contacts": entry.keep.contacts,
        "keep_fields": entry.keep.fields,
        "show_fields": entry.keep.show,
        **_settings(entry, RULES),
        "archived": False,
    }
    label = f"project {entry.name}"
    # Lock the row, so that two concurrent runs do not archive each other's work.
    project, created = Project.objects.select_for_update().get_or_create(name=entry.name, defaults=values)
    _require_two_people(project, entry, created, number)
    yield from _mark_created(project, label) if created else _change_project(project, values, label)
    yield from _actions(project, entry.actions, label)
    yield from _sendouts(project, entry.sendouts, label)


def _sendouts(project: Project, entries: Sequence[SendoutEntry], within: str) -> Iterator[str]:
    existing = {(each.journey, each.name): each for each in project.sendouts.all()}
    for entry in entries:
        label = f"{within}, sendout {entry.journey} / {entry.name}"
        values = {**_settings(entry, _OF_SENDOUT), "archived": False}
        existing.pop((entry.journey, entry.name), None)
        sendout, created = Sendout.objects.select_for_update().get_or_create(
            project=project, journey=entry.journey, name=entry.name, defaults=values
        )
        yield from _mark_created(sendout, label) if created else _change(sendout, values, label)
        yield from _actions(sendout, entry.actions, label)
    for sendout in existing.values():
        if not sendout.archived and _has_own_settings(sendout):
            label = f"{within}, sendout {sendout.journey} / {sendout.name}"
            yield from _actions(sendout, [], label)
            yield from _change(sendout, {"archived": True}, label)


def _has_own_settings(sendout: Sendout) -> bool:
    """Return whether a sendout has its own policy or action; else it is only known from a hook."""
    return any(_settings(sendout, _OF_SENDOUT).values()) or sendout.actions.filter(archived=False).exists()


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
            yield from _mark_created(owner.actions.create(**values, position=place), label)
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
    config = catalog.kind(entry.kind).normal_config(entry.config)
    return {**_settings(entry, _OF_ACTION), "config": config, "archived": False}


def _settings(source: Owner | ActionDefinition | Config, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(source, name) for name in names}


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


def _change_project(project: Project, values: dict[str, Any], label: str) -> Iterator[str]:
    """Change a project, except that a weaker rule about two people waits for a person on the desk."""
    wanted = {name: values[name] for name in RULES}
    if is_weaker(wanted, _settings(project, RULES)):
        for name, value in wanted.items():
            setattr(project, name, value)
        keep_rules(project, None)
        values = values | _settings(project, RULES)
        yield f"kept {label}: {', '.join(RULES)}; a person must confirm on the project's page that the rule is lifted"
    yield from _change(project, values, label)


def _mark_created(row: Configured, label: str) -> Iterator[str]:
    """Record in the history of a new row that a file made it, not a person."""
    row.history.update(history_change_reason=BY_FILE)
    yield f"created {label}"


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
        keep=KeepEntry(contacts=project.keep_contacts, fields=project.keep_fields, show=project.show_fields),
        actions=_action_entries(project),
        sendouts=[
            SendoutEntry(**_settings(each, ("journey", "name", *_OF_SENDOUT)), actions=_action_entries(each))
            for each in sendouts
            if _has_own_settings(each)
        ],
        **_settings(project, (*_OF_PROJECT, *RULES)),
    )


def _action_entries(owner: Owner) -> list[ActionEntry]:
    rows = owner.actions.filter(archived=False).order_by("position", "id")
    return [ActionEntry(**_settings(each, _OF_ACTION)) for each in rows]
