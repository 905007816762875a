"""Choice of actions for a rehearsal: the plan that a past hook would get now, and the actions with enough data."""

from collections.abc import Iterator, Sequence

from actions.catalog import kinds, phases
from actions.contact import MISSING
from actions.contact import reader as reader_of
from actions.contract import Kind, Permanent, Phase
from actions.models import ActionDefinition, definition_of, definitions_for
from actions.plan.build import build
from actions.plan.merge import Asked, Definition, Merged, PlannedAction, folded, from_data, merge
from sendouts.inquiries.rehearsal.results import Left, Why
from sendouts.models import Batch


def plan_with(batch: Batch, draft: ActionDefinition | None = None) -> tuple[Merged, bool]:
    """Return the hook's plan from the current definitions with a draft, and whether the hook did not name the draft.

    A draft whose identifier the hook did not name takes part as if it were named, because its effect is the question.
    """
    definitions: list[Definition] = definitions_for(batch.project, batch.sendout)
    asked = list(_asked(batch))
    lacks = False
    if draft is not None:
        definitions = [each for each in definitions if each.id != (draft.pk or 0)]
        if not draft.archived:
            definitions.append(definition_of(draft))
            named = folded(draft.identifier) in {folded(each.identifier) for each in asked}
            lacks = draft.run != "always" and not named
            asked += [Asked.of(draft.identifier)] if lacks else []
    return merge(definitions, asked, phases(), batch.project.empty_words), lacks


def _asked(batch: Batch) -> Iterator[Asked]:
    """Yield the actions that the hook named, read from the frozen plan."""
    then = from_data(batch.plan.content)
    for action in then.actions:
        for origin in action.origins:
            if origin.asked:
                yield Asked(origin.identifier or action.identifier, action.details)
    yield from then.unknown


def asks(merged: Merged) -> bool:
    """Return whether a check of the plan calls a service."""
    found = kinds()
    return any(
        action.phase == Phase.CHECK and action.kind in found and found[action.kind].waits for action in merged.actions
    )


def parted(
    actions: Sequence[PlannedAction], kept: frozenset[str], *, services: bool
) -> tuple[list[PlannedAction], list[Left]]:
    """Return the actions that can be tried, in order, and the others with the reason."""
    obstacles = {action: _find_obstacle(action, kept, services=services) for action in actions}
    tried = [action for action, obstacle in obstacles.items() if obstacle is None]
    return tried, [obstacle for obstacle in obstacles.values() if obstacle is not None]


def _find_obstacle(action: PlannedAction, kept: frozenset[str], *, services: bool) -> Left | None:
    if action.phase != Phase.CHECK:
        return Left(action, Why.WRITES)
    try:
        kind: Kind = build(action.kind, action.config)
    except Permanent as error:
        return Left(action, Why.BROKEN, text=error.text)
    needs = kind.needs()
    if needs is None:
        return Left(action, Why.UNSAID)
    missing = tuple(path for path in dict.fromkeys(needs) if not _is_kept(path, kept))
    if missing:
        return Left(action, Why.FIELDS, fields=missing)
    if kind.waits and not services:
        return Left(action, Why.SERVICE)
    return None


def _is_kept(path: str, kept: frozenset[str]) -> bool:
    """Return whether the kept fields contain a field, or the object that holds it."""
    names = dict.fromkeys(kept, True)
    parts = path.split(".")
    heads = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return any(reader_of(head)(names) is not MISSING for head in heads if head.lower() != "properties")
