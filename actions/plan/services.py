"""The services that a plan calls before the release: what bounds how many batches wait for one of them at a time."""

from collections.abc import Iterable

from actions.contract import Permanent
from actions.plan.build import build
from actions.plan.merge import PlannedAction

KEY_LENGTH = 200


def services_of(actions: Iterable[PlannedAction]) -> str | None:
    """Return one key for the services of these actions: their names, sorted; None if they call nobody.

    A configuration that cannot be built calls nobody: its action fails at once.
    """
    found: set[str] = set()
    for planned in actions:
        try:
            found.update(build(planned.kind, planned.config).services())
        except Permanent:
            continue
    return " ".join(sorted(found))[:KEY_LENGTH] or None
