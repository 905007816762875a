"""The verbs that settle a batch which cannot go on: run again, try again, take on, go without, send again, give up."""

from functools import cached_property

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from actions.models import Review
from desk.verbs.base import VerbPage, VerbWords
from sendouts import rules
from sendouts.models import Attention, Status
from sendouts.models.decision import DecisionReason
from sendouts.outlook.usual import usual_of
from sendouts.stages import effects
from sendouts.verbs import (
    AllowHost,
    GiveUp,
    GoWithout,
    RunAgain,
    SendAgain,
    TakeOn,
    TryAgain,
    WholeFile,
    run_again,
    settle,
    stop,
)
from sendouts.verbs.settle import may_be_whole
from sendouts.wording.batch_sentences import number, quoted


class _FailedEffectPage(VerbPage):
    """Common part of the verbs after a failed action: its name, as a sentence quotes it, and how many it failed for."""

    @property
    def failed(self) -> str:
        return quoted([self.batch.attention_data.get("identifier") or "–"])

    @property
    def rows(self) -> int:
        return int(self.batch.attention_data.get("rows", 0))


class RunAgainPage(VerbPage):
    """Merge the actions as they are defined now, and screen from the start."""

    verb = RunAgain
    name = "run-again"
    changes = True
    words = VerbWords(
        button=gettext_lazy("Run the checks again…"),
        question=gettext_lazy("Run the checks of “%(name)s” again?"),
        confirm=gettext_lazy("Run again"),
        done=gettext_lazy("The checks run again."),
    )

    @property
    def is_possible(self) -> bool:
        # Screening cannot run again while it runs, or once a rejection was sent, because new checks would lose it.
        waits = self.batch.status == Status.IN_REVIEW or bool(self.batch.attention)
        return super().is_possible and waits and not self.batch.final

    @property
    def quiet(self) -> bool:
        return not self.batch.unjudged() and not self.batch.attention

    @property
    def kept(self) -> int:
        """Count people's decisions whose text is a note."""
        return sum(
            count for _v, code, text, _action, count in self.batch.reasons if code == DecisionReason.PERSON and text
        )

    @property
    def needs_no_review(self) -> bool:
        """Return whether the batch needs no review if the checks find nothing."""
        waits = run_again.still_held(self.batch) or rules.changed_by_people(self.batch)
        return self.batch.review != Review.ALWAYS and not waits


class AllowHostPage(RunAgainPage):
    """Allow the hosts of the batch's addresses, then screen from the start."""

    verb = AllowHost
    name, tone = "allow-host", "primary"
    quiet = False
    words = VerbWords(
        button=gettext_lazy("Allow this host…"),
        question=gettext_lazy("Allow the gateway to call the addresses of “%(name)s”?"),
        confirm=gettext_lazy("Allow and check again"),
        done=gettext_lazy("The host is allowed. The checks run again."),
    )

    @property
    def is_permitted(self) -> bool:
        return super().is_permitted and self.user.has_perm(RunAgain.permission)

    @property
    def is_possible(self) -> bool:
        return super().is_possible and bool(self.hosts)

    @property
    def hosts(self) -> list[str]:
        return run_again.allowable(self.batch)


class TryAgainPage(_FailedEffectPage):
    """Retry the stage that could not complete."""

    verb = TryAgain
    name, tone = "retry", "primary"
    words = VerbWords(
        button=gettext_lazy("Try again…"),
        question=gettext_lazy("Try again with “%(name)s”?"),
        confirm=gettext_lazy("Try again"),
        done=gettext_lazy("It is being tried again."),
    )

    @property
    def is_possible(self) -> bool:
        return super().is_possible and bool(self.batch.attention)


class TakeOnPage(VerbPage):
    """Take responsibility for rejections that the platform did not confirm."""

    verb = TakeOn
    name, tone = "take-on", "danger"
    words = VerbWords(
        button=gettext_lazy("Take on…"),
        question=gettext_lazy("Take on the release of “%(name)s”?"),
        confirm=gettext_lazy("Take on"),
        done=gettext_lazy("Taken on. Your name and note stay with the batch."),
    )

    @property
    def is_possible(self) -> bool:
        return super().is_possible and (self.batch.attention == Attention.UNCONFIRMED or self.is_released)

    @property
    def is_released(self) -> bool:
        return settle.may_be_released(self.batch)

    @property
    def question(self) -> str:
        if self.is_released:
            return super().question
        left = self.batch.unsettled
        text = ngettext("Take on %(n)s unconfirmed rejection?", "Take on %(n)s unconfirmed rejections?", left)
        return text % {"n": number(left)}

    @property
    def confirm(self) -> str:
        return super().confirm if self.is_released else _("Take on %(n)s") % {"n": number(self.batch.unsettled)}


class WholeFilePage(VerbPage):
    """State that what was read is the whole contact file."""

    verb = WholeFile
    name, tone = "whole-file", "danger"
    changes = True
    words = VerbWords(
        button=gettext_lazy("This is the whole file…"),
        question=gettext_lazy("Is that the whole file of “%(name)s”?"),
        confirm=gettext_lazy("It is the whole file"),
        done=gettext_lazy("Stated. The batch waits for its acceptance. Your name and note stay with it."),
    )

    @property
    def is_possible(self) -> bool:
        return super().is_possible and may_be_whole(self.batch)

    @property
    def announced(self) -> int:
        """Return how many contacts the file says it has; 0 if it says nothing."""
        return settle.contradiction(self.batch).get("announced", 0)

    @property
    def has_more_pages(self) -> bool:
        return "more_pages" in settle.contradiction(self.batch)

    @cached_property
    def usual(self) -> int | None:
        """Return how many contacts this sendout usually has."""
        found = usual_of(self.batch)
        return found.total if found else None

    @property
    def question(self) -> str:
        text = ngettext(
            "Does the whole file hold %(n)s contact?", "Does the whole file hold %(n)s contacts?", self.batch.total
        )
        return text % {"n": number(self.batch.total)}


class GoWithoutPage(_FailedEffectPage):
    """Release the accepted contacts although an action failed for some of them."""

    verb = GoWithout
    name, tone = "go-without", "danger"
    words = VerbWords(
        button=gettext_lazy("Go on without…"),
        question=gettext_lazy("Go on without %(name)s?"),
        confirm=gettext_lazy("Go on without"),
        done=gettext_lazy("The release goes on. Your name and note stay with the batch."),
    )

    @property
    def is_possible(self) -> bool:
        return super().is_possible and self.batch.attention == Attention.EFFECT_FAILED

    @property
    def question(self) -> str:
        return self.words.question % {"name": self.failed}


class SendAgainPage(VerbPage):
    """Retry informing other systems of the outcome after a permanent failure."""

    verb = SendAgain
    name, tone = "send-again", "primary"
    words = VerbWords(
        button=gettext_lazy("Send again…"),
        question=gettext_lazy("Send the outcome of “%(name)s” again?"),
        confirm=gettext_lazy("Send again"),
        done=gettext_lazy("It is being sent again."),
    )

    @property
    def is_possible(self) -> bool:
        return super().is_possible and bool(self.stuck)

    @property
    def stuck(self) -> list[str]:
        return effects.stuck_transfers(self.batch.pk)


class GiveUpPage(VerbPage):
    """Stop working on the batch."""

    verb = GiveUp
    name, tone = "give-up", "danger"
    quiet = True
    words = VerbWords(
        button=gettext_lazy("Give up…"),
        question=gettext_lazy("Give up on “%(name)s”?"),
        confirm=gettext_lazy("Give up"),
        done=gettext_lazy("Given up. Nothing more is sent for this batch."),
    )

    @property
    def is_possible(self) -> bool:
        return super().is_possible and self.batch.finish_sent_at is None

    @property
    def sent(self) -> int:
        return stop.count_sent_rejections(self.batch)

    @property
    def late(self) -> int:
        """Count the contacts that the platform will treat as timed out."""
        return self.batch.total - self.sent
