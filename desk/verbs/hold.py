"""The verbs that put a batch on hold, and lift the hold."""

from datetime import datetime
from functools import cached_property

from django.utils.translation import gettext_lazy as _

from desk.verbs.base import VerbPage, VerbWords
from sendouts.models import Hold as Held
from sendouts.verbs import LiftHold, PutOnHold, hold


class _OnHoldPage(VerbPage):
    """Common part of both verbs: the hold, and what the gateway then does to the batch without a person."""

    changes = True

    @cached_property
    def held(self) -> Held | None:
        return hold.on_hold(self.batch)

    @property
    def moment(self) -> datetime | None:
        """Return when the gateway decides by itself; None if it leaves the batch alone."""
        return None

    @property
    def at_once(self) -> bool:
        """Return whether that moment has passed."""
        return self.moment is not None and self.moment <= self.now


class HoldPage(_OnHoldPage):
    """Suspend the declared action at the deadline for this batch."""

    verb = PutOnHold
    name = "hold"
    quiet = True
    words = VerbWords(
        button=_("Put on hold, with a note…"),
        question=_("Put “%(name)s” on hold?"),
        confirm=_("Put on hold"),
        done=_("On hold. The gateway decides nothing until somebody lifts the hold. The deadline stays."),
    )

    @property
    def is_possible(self) -> bool:
        return super().is_possible and self.held is None

    @property
    def act(self) -> str:
        return self.confirm


class LiftHoldPage(_OnHoldPage):
    """Restore the declared action at the deadline."""

    verb = LiftHold
    name = "lift-hold"
    words = VerbWords(
        button=_("Lift the hold…"),
        question=_("Lift the hold of “%(name)s”?"),
        confirm=_("Lift the hold"),
        done=_("The hold is lifted. The declared setting applies again."),
    )

    @property
    def is_possible(self) -> bool:
        return super().is_possible and self.held is not None

    @property
    def moment(self) -> datetime | None:
        return hold.acts_again_at(self.batch, self.held, self.now) if self.held else None
