"""The verbs that put a batch on hold, and lift the hold."""

from datetime import datetime
from functools import cached_property

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from actions.models import AtDeadline
from desk.verbs.base import VerbPage
from sendouts.models import Batch
from sendouts.models import Hold as Held
from sendouts.verbs import LiftHold, PutOnHold, hold
from sendouts.wording.batch_sentences import number, time_of, title


def held_by(batch: Batch, now: datetime) -> list[str]:
    """Return who put a batch on hold and why; empty if it is not on hold."""
    held = hold.on_hold(batch)
    if held is None:
        return []
    words = {"who": held.user.get_username(), "time": time_of(held.at, now), "note": held.note}
    return [_("%(who)s put it on hold at %(time)s: “%(note)s”.") % words]


class _OnHoldPage(VerbPage):
    """Common part of both verbs: whether the batch is on hold, and who holds it."""

    changes = True

    @cached_property
    def held(self) -> Held | None:
        return hold.on_hold(self.batch)

    @property
    def quiet(self) -> bool:
        return True

    def _describe_policy(self, declared: str, moment: datetime | None) -> str:
        """Return what the gateway does to this batch without a person, given the declared policy."""
        if declared == AtDeadline.LEAVE or moment is None:
            text = ngettext(
                "If nobody decides, nobody gets it: at %(time)s %(n)s contact takes the “timed out” way.",
                "If nobody decides, nobody gets it: at %(time)s all %(n)s contacts take the “timed out” way.",
                self.batch.total,
            )
            return text % {"time": self._deadline, "n": number(self.batch.total)}
        at_once = moment <= self.now
        time = {"time": time_of(moment, self.now), "n": number(self.batch.accepted)}
        if declared == AtDeadline.REJECT:
            if at_once:
                return _("Nobody gets it: its moment has passed, so the gateway rejects all at once.")
            return _("Nobody gets it: at %(time)s the gateway rejects all by itself.") % time
        if at_once:
            text = ngettext(
                "%(n)s gets it: its moment has passed, so the gateway accepts at once.",
                "%(n)s get it: its moment has passed, so the gateway accepts at once.",
                self.batch.accepted,
            )
        else:
            text = ngettext(
                "%(n)s gets it: the gateway accepts by itself at %(time)s.",
                "%(n)s get it: the gateway accepts by itself at %(time)s.",
                self.batch.accepted,
            )
        return text % time


class HoldPage(_OnHoldPage):
    """Suspend the declared action at the deadline for this batch."""

    verb = PutOnHold
    name = "hold"

    @property
    def is_possible(self) -> bool:
        return super().is_possible and self.held is None

    @property
    def button(self) -> str:
        return _("Put on hold, with a note…")

    @property
    def act(self) -> str:
        return _("Put on hold")

    @property
    def question(self) -> str:
        return _("Put “%(name)s” on hold?") % {"name": title(self.batch)}

    @property
    def confirm(self) -> str:
        return _("Put on hold")

    @property
    def done(self) -> str:
        return _("On hold. Nothing happens to this batch by itself until somebody lifts the hold.")

    def consequences(self) -> list[str]:
        declared = self.batch.at_deadline
        found = []
        if declared != AtDeadline.LEAVE and self.batch.due_at is not None:
            time = {"time": time_of(self.batch.due_at, self.now)}
            found.append(
                _("The gateway does not accept it by itself at %(time)s any more.") % time
                if declared == AtDeadline.ACCEPT
                else _("The gateway does not reject it by itself at %(time)s any more.") % time
            )
        found.append(self._describe_policy(AtDeadline.LEAVE, None))
        found.append(_("Only this batch is held. Your colleagues see your note, and may still decide."))
        return found


class LiftHoldPage(_OnHoldPage):
    """Restore the declared action at the deadline."""

    verb = LiftHold
    name = "lift-hold"

    @property
    def is_possible(self) -> bool:
        return super().is_possible and self.held is not None

    @property
    def quiet(self) -> bool:
        return False

    @property
    def button(self) -> str:
        return _("Lift the hold…")

    @property
    def question(self) -> str:
        return _("Lift the hold of “%(name)s”?") % {"name": title(self.batch)}

    @property
    def confirm(self) -> str:
        return _("Lift the hold")

    @property
    def done(self) -> str:
        return _("The hold is lifted. The declared setting applies again.")

    def consequences(self) -> list[str]:
        if self.held is None:
            return []
        moment = hold.acts_again_at(self.batch, self.held, self.now)
        return [
            _("%(who)s put it on hold: “%(note)s”.") % {"who": self.held.user.get_username(), "note": self.held.note},
            _("The declared setting applies again.") + " " + self._describe_policy(self.held.declared, moment),
        ]
