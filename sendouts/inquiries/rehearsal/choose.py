"""What is tried: the plan that a past hook would get now, and which of its actions can know enough."""

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
    """What the batch's hook would get by what is defined now, with a draft in its place; and whether the hook lacks the draft.

    A draft whose identifier the hook did not name takes part as if it had: it is what somebody wants to see.
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
    return merge(definitions, asked, phases()), lacks


def _asked(batch: Batch) -> Iterator[Asked]:
    """What the hook named, as the frozen plan tells."""
    then = from_data(batch.plan.content)
    for action in then.actions:
        for origin in action.origins:
            if origin.asked:
                yield Asked(origin.identifier or action.identifier, action.details)
    yield from then.unknown


def asks(merged: Merged) -> bool:
    """Whether a check of the plan calls out."""
    found = kinds()
    return any(
        action.phase == Phase.CHECK and action.kind in found and found[action.kind].waits for action in merged.actions
    )


def parted(
    actions: Sequence[PlannedAction], kept: frozenset[str], *, services: bool
) -> tuple[list[PlannedAction], list[Left]]:
    """The actions that can be tried, in order, and those that cannot, with why."""
    tried: list[PlannedAction] = []
    left: list[Left] = []
    for action in actions:
        reason = _why_not(action, kept, services=services)
        if reason is None:
            tried.append(action)
        else:
            left.append(reason)
    return tried, left


def _why_not(action: PlannedAction, kept: frozenset[str], *, services: bool) -> Left | None:
    if action.phase != Phase.CHECK:
        return Left(action, Why.WRITES)
    try:
        kind: Kind = build(action.kind, action.config)
    except Permanent as error:
        return Left(action, Why.BROKEN, text=error.text)
    needs = kind.needs()
    if needs is None:
        return Left(action, Why.UNSAID)
    missing = tuple(path for path in dict.fromkeys(needs) if not _covered(path, kept))
    if missing:
        return Left(action, Why.FIELDS, fields=missing)
    if kind.waits and not services:
        return Left(action, Why.SERVICE)
    return None


def _covered(path: str, kept: frozenset[str]) -> bool:
    """Whether a field can be read from what is kept: itself, or the object that holds it."""
    names = dict.fromkeys(kept, True)
    parts = path.split(".")
    heads = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return any(reader_of(head)(names) is not MISSING for head in heads if head.lower() != "properties")
