"""Everything that the page of a batch shows, built once; the templates only lay it out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.contrib.auth.models import AbstractUser
from django.urls import reverse
from django.utils.translation import gettext as _

from actions.plan.merge import words_of
from desk.batch.contacts import Contacts, contacts_page
from desk.batch.define import Definable, definable
from desk.batch.effects import Acting, acting
from desk.batch.parts.clock import Clock, Lengths, clock, lengths
from desk.batch.parts.comparison import Comparison, comparison
from desk.batch.parts.events import EventLine, history
from desk.batch.parts.figures import Figure, figures
from desk.batch.parts.headline import Headline, Label
from desk.batch.parts.headline import label as make_label
from desk.batch.parts.outlook import Outlook, outlook
from desk.batch.parts.plan import CheckLine, checks
from desk.batch.parts.reasons import Reasons, reasons
from desk.batch.parts.stages import Stage, moments, stages
from desk.batch.parts.work import Progress, Reconciled, progress, reconciled
from desk.verbs import VERBS, VerbPage, offered
from desk.verbs.ask import AskPage, ask_page
from desk.verbs.change import Ticked, alike, ticked
from sendouts.models import Batch, EffectRun, Hold, Status
from sendouts.models.batch import OPEN
from sendouts.outlook import forecast
from sendouts.outlook.progress import readings
from sendouts.outlook.usual import usual_of
from sendouts.verbs import base, hold, second_person
from sendouts.verbs.use_file import can_be_saved
from sendouts.wording import batch_sentences
from sendouts.wording.batch_sentences import time_of

# Poll interval of an open page, in seconds: while numbers move, and while only people can change something.
IN_WORK, WAITING = 2, 10


@dataclass(frozen=True, slots=True)
class BatchPage:
    """Everything on the page of one batch, for one reader. `every`: seconds until the next poll; None: it is over."""

    now: datetime
    label: Label
    title: str
    headline: Headline
    hint: str
    first_accepted: str
    hold: Hold | None
    holds: list[str]
    definable: list[Definable]
    file_url: str
    comparison: Comparison | None
    progress: list[Progress]
    reconciled: Reconciled | None
    figures: list[Figure]
    reasons: Reasons
    stages: list[Stage]
    checks: list[CheckLine]
    # The words for nothing that it was planned with.
    empty_words: list[str]
    acting: list[Acting]
    contacts: Contacts
    ticked: list[Ticked]
    alike: list[VerbPage]
    history: list[EventLine]
    clock: Clock
    lengths: Lengths | None
    outlook: Outlook | None
    verbs: list[VerbPage]
    not_allowed: bool
    ask: AskPage | None
    say: str
    every: int | None
    query: str

    @property
    def more(self) -> list[VerbPage]:
        """Return the verbs that are seldom used."""
        return [verb for verb in self.verbs if verb.quiet]

    @property
    def main(self) -> list[VerbPage]:
        """Return the verbs shown side by side."""
        return [verb for verb in self.verbs if not verb.quiet]

    @property
    def under_thumb(self) -> list[VerbPage]:
        """Return the two verbs that fit on a phone, the first one nearest to the thumb."""
        return self.main[1::-1]

    @property
    def under_more(self) -> list[VerbPage]:
        """Return the verbs that a phone shows on demand."""
        return self.main[2:] + self.more


def page(batch: Batch, user: AbstractUser, asked: Mapping[str, str], now: datetime) -> BatchPage:
    """Build the page of a batch for a reader. asked: tab, reason, contact and after of the contacts."""
    decides, sees = user.has_perm(base.REVIEW), user.has_perm(base.VIEW_CONTACTS)
    in_review = batch.status == Status.IN_REVIEW
    held = in_review and now < batch.deadline
    saves = decides and sees and can_be_saved(batch) and now < batch.deadline
    label = make_label(batch, decides=decides)
    known = forecast.lately(now) if batch.status in (Status.IN_REVIEW, *forecast.SENDING) else None
    # A batch whose stage could not complete has no foreseeable end.
    expected = forecast.forecast_of(batch, known, now) if known and not batch.attention else None
    usual = usual_of(batch)
    sizes = {batch.sendout_id: usual.total} if usual else {}
    reading = readings([batch], sizes, now).get(batch.pk)
    runs = list(EffectRun.objects.filter(batch=batch).order_by("step"))
    seen = moments(batch)
    changes = decides and held and batch.running_change is None
    listed = contacts_page(batch, asked, sees=sees, changes=changes)
    return BatchPage(
        now=now,
        label=label,
        title=batch_sentences.title(batch),
        headline=Headline.of(batch, expected, reading),
        hint=_hint(batch, now),
        first_accepted=second_person.first_acceptance_sentence(batch, user, now) if in_review else "",
        hold=hold.on_hold(batch),
        holds=batch_sentences.holds(batch) if in_review else [],
        definable=definable(batch, user, now),
        file_url=reverse("admin:sendouts_batch_file", args=[batch.pk]) if saves else "",
        comparison=comparison(batch, usual),
        progress=progress(batch, runs, now, known=known, expected=expected, reading=reading),
        reconciled=reconciled(batch),
        figures=figures(batch, usual),
        reasons=reasons(batch, usual),
        stages=stages(batch, seen, runs, now, decides=decides, known=known, expected=expected),
        checks=checks(batch),
        empty_words=sorted(words_of(batch.plan.content)),
        acting=acting(batch, sees=sees),
        contacts=listed,
        ticked=ticked(batch, listed.to) if changes else [],
        alike=alike(batch, user, listed.tab, listed.reason, now) if changes else [],
        history=history(batch, now),
        clock=clock(batch, now, known=known, expected=expected, reading=reading),
        lengths=lengths(batch, seen),
        outlook=outlook(batch, user, now, known),
        verbs=offered(batch, user, now),
        not_allowed=held and not decides,
        ask=ask_page(VERBS["accept"](batch, user, now)) if held and not decides else None,
        say=f"{batch_sentences.title(batch)}: {label.text}",
        every=every(batch, runs),
        query=_write_query(asked, sees=sees),
    )


def _write_query(asked: Mapping[str, str], *, sees: bool) -> str:
    """Return the query of the contacts for polling; with a contact id only if the reader may search for it."""
    names = ("tab", "reason", "after", *(("contact",) if sees else ()))
    return urlencode({name: asked[name] for name in names if name in asked})


def every(batch: Batch, runs: list[EffectRun]) -> int | None:
    """Return the seconds until the page of a batch is polled again; None if it is over."""
    if batch.status not in OPEN:
        return IN_WORK if any(run.due_at is not None and run.ended_at is None for run in runs) else None
    if batch.running_change is not None:
        return IN_WORK
    moves = batch.status != Status.IN_REVIEW and (not batch.attention or batch.due_at is not None)
    return IN_WORK if moves else WAITING


def _hint(batch: Batch, now: datetime) -> str:
    """Say what the gateway does without the person, or that nothing goes on."""
    if not batch.is_open:
        done = batch.status == Status.FINISHED and batch.rejected == batch.confirmed
        return _("Nothing left to do. What was decided here is what Symplify confirmed.") if done else ""
    if batch.attention:
        if batch.due_at is not None and batch.status != Status.IN_REVIEW:
            text = _("The gateway tries again by itself, next at %(time)s. Nothing goes out in the meantime.")
            return text % {"time": time_of(batch.due_at, now)}
        return _("Nothing goes out until somebody settles this.")
    if batch.status == Status.ACCEPTED and batch.rejected:
        return _("No message leaves before the last rejection is confirmed. You can close this page.")
    return ""
