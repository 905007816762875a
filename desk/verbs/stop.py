"""The verb that stops a release."""

from copy import copy
from functools import cached_property

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from desk.verbs.base import DialogFigure, VerbPage
from sendouts.models import Status
from sendouts.models.hold_reason import HoldReason
from sendouts.outlook import forecast
from sendouts.verbs import StopRelease, stop
from sendouts.wording.batch_sentences import number, title


class StopPage(VerbPage):
    """Take an acceptance or a rejection back before the messages go out."""

    verb = StopRelease
    name = "undo"

    @property
    def is_possible(self) -> bool:
        return super().is_possible and self.batch.finish_sent_at is None

    @cached_property
    def _final(self) -> int:
        return stop.count_sent_rejections(self.batch)

    @property
    def _clock_acts(self) -> bool:
        """Return whether the gateway acts on the stopped batch at its declared moment; not if that has passed."""
        stopped = copy(self.batch)
        stopped.attention, stopped.held_for = "", [*self.batch.held_for, HoldReason.STOPPED]
        return forecast.acts_at(stopped, forecast.lately(self.now), self.now) is not None

    @property
    def button(self) -> str:
        return _("Stop before release…")

    @property
    def question(self) -> str:
        return _("Stop “%(name)s” before its release?") % {"name": title(self.batch)}

    @property
    def confirm(self) -> str:
        return _("Stop")

    @property
    def done(self) -> str:
        return _("Stopped. The batch waits for review again.")

    def figures(self) -> list[DialogFigure]:
        left = max(0, self.batch.rejected - self._final)
        found = [DialogFigure("0", _("messages go out for now"))]
        if self._final:
            text = ngettext(
                "rejection was sent or is on its way: it stays, and cannot be put back",
                "rejections were sent or are on their way: they stay, and cannot be put back",
                self._final,
            )
            found.append(DialogFigure(number(self._final), text))
        text = ngettext("rejection is not sent any more", "rejections are not sent any more", left)
        return [*found, DialogFigure(number(left), text)]

    def consequences(self) -> list[str]:
        found = [_("The batch waits for review again, and nobody gets the message meanwhile.")]
        if not self._final:
            found.append(_("No rejection was sent yet: every decision can be changed again."))
        if self.batch.status == Status.REFUSED:
            found.append(_("Whoever is not rejected yet is again what the checks and people had said."))
        found.append(_("The deadline stays: %(time)s.") % {"time": self._deadline})
        if self._clock_acts:
            found.append(_("What is declared for the deadline still holds."))
        return found
