"""Order in which the actions of a project or a sendout run, as set by people."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from actions.config.author import sign
from actions.models import ActionDefinition, Project, Sendout


class OrderChanged(Exception):
    """The list changed since the person saw it; the text is a sentence for them."""


def in_order(owner: Project | Sendout) -> list[ActionDefinition]:
    """Return the actions that are not archived, in their order of execution within a phase."""
    return list(owner.actions.filter(archived=False).order_by("position", "id"))


def put_in_order(owner: Project | Sendout, *, seen: Sequence[int], wanted: Sequence[int], user: User) -> int:
    """Put the actions in the wanted order; return how many changed position. Raise OrderChanged.

    `seen` has the ids as the person's page showed them. The owner's row is locked, as apply_config locks it.
    """
    with transaction.atomic():
        type(owner)._default_manager.select_for_update().get(pk=owner.pk)
        rows = in_order(owner)
        if [row.pk for row in rows] != list(seen):
            sentence = _(
                "Somebody changed this list while you looked at it. Nothing was changed: here it is as it is now."
            )
            raise OrderChanged(sentence)
        if sorted(wanted) != sorted(seen):
            raise OrderChanged(_("This is not an order of these actions. Nothing was changed."))
        by_id = {row.pk: row for row in rows}
        moved = 0
        for place, pk in enumerate(wanted, 1):
            row = by_id[pk]
            if row.position != place:
                row.position = place
                sign(row, user)
                row.save(update_fields=["position"])
                moved += 1
    return moved


def moved(ids: Sequence[int], pk: int, by: int) -> list[int]:
    """Return the ids with one of them moved by `by` places, or as far as possible."""
    others = [each for each in ids if each != pk]
    place = min(max(0, list(ids).index(pk) + by), len(others))
    return [*others[:place], pk, *others[place:]]
