"""The verb that stops a release."""

from copy import copy
from functools import cached_property

from django.utils.translation import gettext_lazy as _

from desk.verbs.base import VerbPage, VerbWords
from sendouts.models.hold_reason import HoldReason
from sendouts.outlook import forecast
from sendouts.verbs import StopRelease, stop


class StopPage(VerbPage):
    """Take an acceptance or a rejection back before the messages go out."""

    verb = StopRelease
    name = "undo"
    words = VerbWords(
        button=_("Stop before release…"),
        question=_("Stop “%(name)s” before its release?"),
        confirm=_("Stop"),
        done=_("Stopped. The batch waits for review again."),
    )

    @property
    def is_possible(self) -> bool:
        return super().is_possible and self.batch.finish_sent_at is None

    @cached_property
    def sent(self) -> int:
        return stop.count_sent_rejections(self.batch)

    @property
    def unsent(self) -> int:
        return max(0, self.batch.rejected - self.sent)

    @property
    def clock_acts(self) -> bool:
        """Return whether the gateway acts on the stopped batch at its declared moment; not if that has passed."""
        stopped = copy(self.batch)
        stopped.attention, stopped.held_for = "", [*self.batch.held_for, HoldReason.STOPPED]
        return forecast.acts_at(stopped, forecast.lately(self.now), self.now) is not None
