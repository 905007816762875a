"""The current progress of a batch; once it is over, our decisions beside the platform's confirmations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from actions.contract import Phase
from desk.batch.parts.figures import percent, share_of
from sendouts.models import Batch, BulkChange, DecisionVerdict, EffectRun, Outcome, Status
from sendouts.outlook.forecast import Forecast, Lately
from sendouts.outlook.progress import Reading
from sendouts.wording.batch_sentences import column_time, number, span, time_of

# Shown for a fact that is not known yet.
_UNKNOWN = "–"


@dataclass(frozen=True, slots=True)
class Progress:
    """One bar with its numbers. `share` in percent, None if the total is unknown; `facts`: (name, value)."""

    value: str
    text: str
    share: float | None
    percent: str
    facts: tuple[tuple[str, str], ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class WorkLine:
    """One way of contacts: decided here, confirmed by the platform, and the difference (“–”: unknown)."""

    name: str
    decided: str
    done: str
    difference: str
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Decided here, done at the platform; `sentence` sums up, `agrees` colours it."""

    lines: list[WorkLine]
    sentence: str
    agrees: bool


def progress(
    batch: Batch,
    runs: Sequence[EffectRun],
    now: datetime,
    *,
    known: Lately | None,
    expected: Forecast | None,
    reading: Reading | None,
) -> list[Progress]:
    """Return the running work in order; empty if there is none."""
    found: list[Progress] = []
    if batch.running_change is not None:
        found.append(_change_progress(batch.running_change, batch))
    if reading is not None:
        found.append(_screening_progress(batch, reading, now))
    if batch.status in (Status.ACCEPTED, Status.REFUSED) and batch.rejected:
        found.append(_sending_progress(batch, now, known, expected))
    if batch.status == Status.ACCEPTED:
        found += [_effect_progress(run, batch) for run in runs if run.phase == Phase.ENRICH and run.total]
    if batch.status == Status.FINISHED:
        open_runs = [run for run in runs if run.phase == Phase.TRANSFER and run.ended_at is None]
        found += [_effect_progress(run, batch) for run in open_runs if run.due_at is not None]
    return found


def _screening_progress(batch: Batch, reading: Reading, now: datetime) -> Progress:
    pace = (_("Pace"), _pace(reading.pace))
    if reading.of is None:
        text = ngettext("contact checked so far", "contacts checked so far", batch.total)
        return Progress(number(batch.total), text, None, "", (pace,))
    share = round(share_of(batch.total, reading.of), 1)
    about = {"n": number(max(batch.total, round(reading.of, -2)))}
    text = _("contacts checked, usually about %(n)s") if reading.guessed else _("of about %(n)s contacts checked")
    ready = column_time(reading.ends_at, now, seconds=True) if reading.ends_at else _("no forecast yet")
    spare = span(reading.spare) if reading.spare is not None else _UNKNOWN
    facts = (pace, (_("Ready"), ready), (_("To spare"), spare))
    # A guessed total may be far from this file: use it for the time left, not for the percentage.
    return Progress(number(batch.total), text % about, share, "" if reading.guessed else percent(share, 0), facts)


def _change_progress(bulk: BulkChange, batch: Batch) -> Progress:
    if bulk.verdict == DecisionVerdict.ACCEPTED:
        text = ngettext("of %(n)s contact put back", "of %(n)s contacts put back", bulk.expected)
    else:
        text = ngettext("of %(n)s contact rejected", "of %(n)s contacts rejected", bulk.expected)
    share = share_of(min(bulk.next_row, batch.total), batch.total)
    facts = ((_("By"), bulk.user.get_username()), (_("Rows looked at"), number(min(bulk.next_row, batch.total))))
    said = _("Until this is done, nobody accepts or rejects the batch.")
    words = text % {"n": number(bulk.expected)}
    return Progress(number(bulk.changed), words, round(share, 1), percent(share, 0), facts, said)


def _sending_progress(batch: Batch, now: datetime, known: Lately | None, expected: Forecast | None) -> Progress:
    left = batch.rejected - batch.confirmed - batch.taken_on
    text = ngettext(
        "of %(n)s rejection confirmed by Symplify", "of %(n)s rejections confirmed by Symplify", batch.rejected
    )
    share = share_of(batch.confirmed, batch.rejected)
    facts = [
        (_("Still to send"), number(max(0, left))),
        (pgettext("rejections", "Tried again"), number(batch.repeated)),
    ]
    if left > 0 and known is not None and not batch.attention:
        facts.insert(0, (_("Pace"), _pace(known.rate if batch.confirmed else 0.0)))
        if expected is not None:
            facts.append((_("Ready"), column_time(expected.ends_at, now, seconds=True)))
    if batch.taken_on:
        facts.append((_("Taken on"), number(batch.taken_on)))
    trouble = ""
    if batch.due_at is not None and left > 0 and batch.attempts:
        trouble = _("What was not confirmed is sent again at %(time)s.") % {"time": time_of(batch.due_at, now)}
    return Progress(
        number(batch.confirmed),
        text % {"n": number(batch.rejected)},
        round(share, 1),
        percent(share, 0),
        tuple(facts),
        trouble,
    )


def _effect_progress(run: EffectRun, batch: Batch) -> Progress:
    total = run.total - run.left_out
    share = share_of(run.done, total)
    if run.phase == Phase.TRANSFER:
        text = ngettext("of %(n)s outcome told by %(name)s", "of %(n)s outcomes told by %(name)s", total)
    else:
        text = ngettext("of %(n)s contact written by %(name)s", "of %(n)s contacts written by %(name)s", total)
    facts = [(_("Still to do"), number(run.waiting))]
    if run.refused:
        facts.append((_("Not carried out"), number(run.refused)))
    return Progress(
        number(run.done),
        text % {"n": number(total), "name": run.identifier},
        round(share, 1),
        percent(share, 0),
        tuple(facts),
    )


def _pace(rate: float) -> str:
    if not rate:
        return _("no pace yet")
    return _("%(n)s a second") % {"n": number(round(rate) if rate >= 10 else round(rate, 1))}


def reconciled(batch: Batch) -> Reconciled | None:
    """Compare our decisions with the platform's confirmations; None if the batch is open or was not counted."""
    if batch.is_open or not batch.total:
        return None
    sent = batch.status == Status.FINISHED and batch.outcome == Outcome.RELEASED
    unknown = _("not reported")
    confirmed = batch.confirmed
    rejected = batch.rejected if batch.status == Status.FINISHED else confirmed
    late = batch.timed_out
    lines = [
        WorkLine(
            _("Sent"),
            number(batch.accepted if sent else 0),
            unknown if sent else number(0),
            _UNKNOWN if sent else number(0),
        ),
        WorkLine(
            _("Rejected"),
            number(rejected),
            number(confirmed),
            number(rejected - confirmed),
            apart=rejected != confirmed,
        ),
        WorkLine(_("Timed out"), number(late), unknown if late else number(0), _UNKNOWN if late else number(0)),
    ]
    lines.append(WorkLine(_("Held"), number(batch.total), "", ""))
    return Reconciled(lines, _sum_up(batch, rejected - confirmed), agrees=rejected == confirmed and not late)


def _sum_up(batch: Batch, apart: int) -> str:
    if batch.status != Status.FINISHED:
        return _("Not released")
    if apart:
        text = ngettext("%(n)s rejection without confirmation", "%(n)s rejections without confirmation", apart)
        return text % {"n": number(apart)}
    if not batch.finish_status:
        return _("Taken on without confirmation")
    return _("Every rejection and the release are confirmed") if batch.rejected else _("The release is confirmed")
