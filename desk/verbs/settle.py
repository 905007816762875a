"""The verbs that settle a batch which cannot go on: run again, try again, take on, give up."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from actions.models import Review
from desk.verbs.base import DialogFigure, VerbPage
from sendouts import rules
from sendouts.models import Attention, Status
from sendouts.models.decision import DecisionReason
from sendouts.verbs import GiveUp, RunAgain, TakeOn, TryAgain, run_again, stop
from sendouts.wording.batch_sentences import contacts, number, quoted, title


class RunAgainPage(VerbPage):
    """Merge the actions as they are defined now, and screen from the start."""

    verb = RunAgain
    name = "run-again"
    changes = True

    @property
    def is_possible(self) -> bool:
        # Screening cannot run again while it runs, or once a rejection was sent, because new checks would lose it.
        waits = self.batch.status == Status.IN_REVIEW or bool(self.batch.attention)
        return super().is_possible and waits and not self.batch.final

    @property
    def quiet(self) -> bool:
        return not self.batch.unjudged() and not self.batch.attention

    @property
    def button(self) -> str:
        return _("Run the checks again…")

    @property
    def question(self) -> str:
        return _("Run the checks of “%(name)s” again?") % {"name": title(self.batch)}

    @property
    def confirm(self) -> str:
        return _("Run again")

    @property
    def done(self) -> str:
        return _("The checks run again.")

    @property
    def _count_notes(self) -> int:
        """Count people's decisions whose text is a note."""
        return sum(
            count for _v, code, text, _action, count in self.batch.reasons if code == DecisionReason.PERSON and text
        )

    def figures(self) -> list[DialogFigure]:
        total = self.batch.total
        if not total:
            return []
        if self.batch.is_single:
            text = ngettext("contact is checked again", "contacts are checked again", total)
        else:
            text = ngettext(
                "contact is downloaded and checked again", "contacts are downloaded and checked again", total
            )
        own = ngettext(
            "decision of people is kept and applied again",
            "decisions of people are kept and applied again",
            self._count_notes,
        )
        return [DialogFigure(number(total), text), DialogFigure(number(self._count_notes), own)]

    @property
    def _needs_no_review(self) -> bool:
        """Return whether the batch needs no review if the checks find nothing."""
        waits = run_again.still_held(self.batch) or rules.changed_by_people(self.batch)
        return self.batch.review != Review.ALWAYS and not waits

    def consequences(self) -> list[str]:
        found = [
            _("The actions are taken as they are defined now."),
            _("Until the checks are through, nobody accepts or rejects the batch."),
        ]
        if self._needs_no_review:
            found.append(_("Where they find nothing to ask a person about, the batch goes on by itself."))
        return [*found, _("The deadline stays: %(time)s.") % {"time": self._deadline}]


class TryAgainPage(VerbPage):
    """Retry the stage that could not complete."""

    verb = TryAgain
    name, tone = "retry", "primary"

    @property
    def is_possible(self) -> bool:
        return super().is_possible and bool(self.batch.attention)

    @property
    def button(self) -> str:
        return _("Try again…")

    @property
    def question(self) -> str:
        return _("Try again with “%(name)s”?") % {"name": title(self.batch)}

    @property
    def confirm(self) -> str:
        return _("Try again")

    @property
    def done(self) -> str:
        return _("It is being tried again.")

    def consequences(self) -> list[str]:
        batch = self.batch
        if batch.attention == Attention.FINISH_UNCONFIRMED:
            return [_("The release is called once more. Where it had an effect before, Symplify may refuse it.")]
        if batch.attention == Attention.EFFECT_FAILED:
            names = {"name": quoted([batch.attention_data.get("identifier") or "–"])}
            return [
                _("The action %(name)s is tried once more for the contacts that it failed for.") % names,
                _("Nothing goes out until it has acted on all of them."),
            ]
        if batch.status in {Status.ACCEPTED, Status.REFUSED}:
            left = batch.rejected - batch.confirmed - batch.taken_on
            text = ngettext(
                "The %(n)s rejection that is not confirmed is sent once more.",
                "The %(n)s rejections that are not confirmed are sent once more.",
                left,
            )
            return [text % {"n": number(left)}, _("Nothing goes out until all of them are settled.")]
        return [_("The step that could not be completed is tried once more.")]


class TakeOnPage(VerbPage):
    """Take responsibility for rejections that the platform did not confirm."""

    verb = TakeOn
    name, tone = "take-on", "danger"

    @property
    def is_possible(self) -> bool:
        taken = {Attention.UNCONFIRMED, Attention.FINISH_UNCONFIRMED}
        return super().is_possible and self.batch.attention in taken

    @property
    def _left(self) -> int:
        return self.batch.rejected - self.batch.confirmed - self.batch.taken_on

    @property
    def button(self) -> str:
        return _("Take on…")

    @property
    def question(self) -> str:
        if self.batch.attention == Attention.FINISH_UNCONFIRMED:
            return _("Take on that “%(name)s” is released?") % {"name": title(self.batch)}
        text = ngettext("Take on %(n)s unconfirmed rejection?", "Take on %(n)s unconfirmed rejections?", self._left)
        return text % {"n": number(self._left)}

    @property
    def confirm(self) -> str:
        if self.batch.attention == Attention.FINISH_UNCONFIRMED:
            return _("Take on")
        return _("Take on %(n)s") % {"n": number(self._left)}

    @property
    def done(self) -> str:
        return _("Taken on. Your name and note stay with the batch.")

    def consequences(self) -> list[str]:
        if self.batch.attention == Attention.FINISH_UNCONFIRMED:
            return [
                _("The batch counts as released, although Symplify did not confirm it. Nothing more is called."),
                _("If the release had no effect, its contacts take the “timed out” way at %(time)s.")
                % {"time": self._deadline},
            ]
        text = ngettext(
            "%(n)s contact that should not get the message may get it: its rejection was not confirmed.",
            "%(n)s contacts that should not get the message may get it: their rejections were not confirmed.",
            self._left,
        )
        found = [text % {"n": number(self._left)}]
        if self.batch.accepted:
            text = ngettext("%(contacts)s gets the message.", "%(contacts)s get the message.", self.batch.accepted)
            found.append(text % {"contacts": contacts(self.batch.accepted)})
        return found


class GiveUpPage(VerbPage):
    """Stop working on the batch."""

    verb = GiveUp
    name, tone = "give-up", "danger"

    @property
    def is_possible(self) -> bool:
        return super().is_possible and self.batch.finish_sent_at is None

    @property
    def quiet(self) -> bool:
        return True

    @property
    def button(self) -> str:
        return _("Give up…")

    @property
    def question(self) -> str:
        return _("Give up on “%(name)s”?") % {"name": title(self.batch)}

    @property
    def confirm(self) -> str:
        return _("Give up")

    @property
    def done(self) -> str:
        return _("Given up. Nothing more is sent for this batch.")

    def figures(self) -> list[DialogFigure]:
        sent = stop.count_sent_rejections(self.batch)
        late = self.batch.total - sent
        found = [DialogFigure("0", _("messages go out"))]
        if sent:
            text = ngettext(
                "rejection was sent or is on its way: it stays, and cannot be put back",
                "rejections were sent or are on their way: they stay, and cannot be put back",
                sent,
            )
            found.append(DialogFigure(number(sent), text))
        text = ngettext(
            "contact takes the “timed out” way at %(time)s", "contacts take the “timed out” way at %(time)s", late
        )
        if late:
            found.append(DialogFigure(number(late), text % {"time": self._deadline}))
        return found

    def consequences(self) -> list[str]:
        return [_("Nothing more is sent. The batch is not released, and cannot be taken up again.")]
