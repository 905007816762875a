"""The stages of a batch, from the hook to the last system informed: when, by whom, and how long each took."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from actions.contract import Phase
from sendouts.models import Batch, EffectRun, Event, EventWord, Outcome, Status
from sendouts.outlook.forecast import Forecast, Lately, decide_before
from sendouts.wording.batch_sentences import column_time, number, span

_ICONS = {
    "done": "check_circle",
    "now": "hourglass_top",
    "work": "sync",
    "todo": "radio_button_unchecked",
    "failed": "error",
}
_SENT = (Status.DELIVERED, Status.FINISHED)


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. `when` and `who` may be empty.

    `state`: done, now (a person's turn), work (the gateway's), todo, failed.
    """

    name: str
    state: str
    when: str = ""
    who: str = ""

    @property
    def icon(self) -> str:
        return _ICONS[self.state]


@dataclass(frozen=True, slots=True)
class Moments:
    """When a batch last reached its statuses, counted from the last start of its checks, and who decided."""

    began: datetime
    screened: datetime | None
    held: datetime | None
    decided: datetime | None
    decided_by: str
    delivered: datetime | None


def moments(batch: Batch) -> Moments:
    """Read the moves of a batch: one query."""
    moves = Event.objects.filter(batch=batch, word__in=(EventWord.MOVED, EventWord.RESTARTED)).select_related("user")
    began, last = batch.received_at, dict[str, Event]()
    for event in reversed(list(moves.order_by("-pk")[:100])):
        if event.word == EventWord.RESTARTED or event.new == Status.PLANNED:
            began, last = event.at, {}
        last[event.new] = event
    decision = max((last[each] for each in (Status.ACCEPTED, Status.REFUSED) if each in last), key=_key, default=None)
    held = last.get(Status.IN_REVIEW)
    if held is not None and decision is not None and held.pk > decision.pk:
        # The release was stopped, so earlier moves do not count any more.
        decision = None
        last.pop(Status.DELIVERED, None)
    delivered = last.get(Status.DELIVERED)
    return Moments(
        began=began,
        screened=last[Status.SCREENED].at if Status.SCREENED in last else None,
        held=held.at if held else None,
        decided=decision.at if decision else batch.decided_at,
        decided_by=decision.author if decision else "",
        delivered=delivered.at if delivered else None,
    )


def _key(event: Event) -> int:
    return event.pk


def stages(
    batch: Batch,
    seen: Moments,
    runs: Sequence[EffectRun],
    now: datetime,
    *,
    decides: bool,
    known: Lately | None,
    expected: Forecast | None,
) -> list[Stage]:
    """Return the stages in order.

    decides: the reader may decide; known, expected: the platform's speed and the forecast, if they matter.
    """
    found = [Stage(_("Received"), "done", _at(batch.received_at, now))]
    found.append(_screened(batch, seen, now))
    found.append(_reviewed(batch, seen, now, decides=decides))
    found.append(_rejections(batch, seen, now, known, expected))
    if before := [run for run in runs if run.phase == Phase.ENRICH]:
        found.append(_written(batch, before, now))
    found.append(_released(batch, now, known))
    if after := [run for run in runs if run.phase == Phase.TRANSFER]:
        found.append(_told(batch, after, now))
    return found


def _at(moment: datetime, now: datetime) -> str:
    return column_time(moment, now)


def _took(start: datetime, end: datetime) -> str:
    return _("took %(span)s") % {"span": span(end - start)}


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _screened(batch: Batch, seen: Moments, now: datetime) -> Stage:
    if seen.screened is not None:
        return Stage(_("Screened"), "done", _joined(_at(seen.screened, now), _took(seen.began, seen.screened)))
    if batch.status in (Status.EXPIRED, Status.ABANDONED):
        return Stage(_("Not screened"), "failed")
    if batch.status != Status.PLANNED:
        return Stage(_("Screened"), "done")
    if batch.attention and batch.due_at is None:
        return Stage(_("Screening"), "failed", _("a person must act"))
    since = _("since %(time)s") % {"time": _at(seen.began, now)} if batch.total else ""
    return Stage(_("Screening") if batch.total else _("Downloading"), "work", since)


def _reviewed(batch: Batch, seen: Moments, now: datetime, *, decides: bool) -> Stage:
    if seen.decided is not None:
        refused = batch.status == Status.REFUSED or batch.outcome == Outcome.REFUSED
        name = _("Rejected") if refused else pgettext("stage", "Accepted")
        waited = _("after %(span)s") % {"span": span(seen.decided - seen.held)} if seen.held else ""
        return Stage(name, "done", _joined(_at(seen.decided, now), waited), seen.decided_by or _("by itself"))
    if batch.status == Status.IN_REVIEW:
        since = _("since %(time)s") % {"time": _at(seen.held, now)} if seen.held else ""
        return Stage(_("Waiting for you") if decides else _("Waiting for review"), "now", since)
    if not batch.is_open:
        return Stage(_("Not decided"), "failed" if seen.screened else "todo")
    return Stage(_("Review"), "todo")


def _rejections(batch: Batch, seen: Moments, now: datetime, known: Lately | None, expected: Forecast | None) -> Stage:
    name = _("Rejections confirmed")
    if seen.decided is None:
        return Stage(name, "todo", _needs(batch, known))
    if seen.delivered is not None or batch.status in _SENT:
        end = seen.delivered or batch.ended_at or now
        if not batch.rejected:
            return Stage(_("No rejection to send"), "done")
        return Stage(name, "done", _joined(_at(end, now), _took(seen.decided, end)))
    counts = _("%(done)s of %(all)s") % {"done": number(batch.confirmed), "all": number(batch.rejected)}
    if not batch.is_open:
        return Stage(name, "failed", counts)
    if batch.attention and batch.due_at is None and batch.confirmed + batch.taken_on < batch.rejected:
        return Stage(name, "failed", counts)
    if batch.confirmed + batch.taken_on >= batch.rejected:
        return Stage(name, "done" if batch.rejected else "work", counts if batch.rejected else "")
    ready = _("ready %(time)s") % {"time": column_time(expected.ends_at, now, seconds=True)} if expected else ""
    return Stage(_("Sending rejections"), "work", _joined(counts, ready))


def _needs(batch: Batch, known: Lately | None) -> str:
    """Return how long the rejections will take once the batch is accepted."""
    left = batch.rejected + batch.undecided - batch.confirmed
    if known is None or batch.status != Status.IN_REVIEW or left <= 0:
        return ""
    return _("about %(span)s") % {"span": span(timedelta(seconds=max(1.0, left / known.rate)))}


def _written(batch: Batch, runs: Iterable[EffectRun], now: datetime) -> Stage:
    runs = list(runs)
    done, total = sum(run.done for run in runs), sum(run.total - run.left_out for run in runs)
    counts = _("%(done)s of %(all)s") % {"done": number(done), "all": number(total)}
    name = _("Written to contacts")
    if all(run.ended_at for run in runs):
        ended = max(run.ended_at for run in runs if run.ended_at)
        return Stage(name, "done", _joined(_at(ended, now), counts))
    if batch.status == Status.ACCEPTED and batch.confirmed + batch.taken_on >= batch.rejected:
        failed = batch.attention and batch.due_at is None
        return Stage(name, "failed" if failed else "work", counts)
    return Stage(name, "todo" if batch.is_open else "failed", counts if done else "")


def _released(batch: Batch, now: datetime, known: Lately | None) -> Stage:
    ended = _at(batch.ended_at, now) if batch.ended_at else ""
    spare = ""
    if batch.ended_at and batch.ended_at < batch.deadline:
        spare = _("%(span)s to spare") % {"span": span(batch.deadline - batch.ended_at)}
    match batch.status:
        case Status.FINISHED:
            names = {Outcome.REFUSED: _("Closed, nobody gets it"), Outcome.EMPTY: _("Closed, nobody left")}
            return Stage(names.get(Outcome(batch.outcome), _("Released")), "done", _joined(ended, spare))
        case Status.EXPIRED:
            return Stage(_("Deadline passed"), "failed", _at(batch.deadline, now))
        case Status.ABANDONED:
            return Stage(_("Given up"), "failed", ended)
        case Status.DELIVERED:
            return Stage(_("Releasing"), "failed" if batch.attention and batch.due_at is None else "work")
        case Status.IN_REVIEW if known is not None:
            by = _("by %(time)s") % {"time": _at(decide_before(batch, known, now), now)}
            return Stage(_("Released"), "todo", by)
    name = _("Closed, nobody gets it") if batch.status == Status.REFUSED else _("Released")
    return Stage(name, "todo", _("right after") if batch.status in (Status.ACCEPTED, Status.REFUSED) else "")


def _told(batch: Batch, runs: Iterable[EffectRun], now: datetime) -> Stage:
    runs = list(runs)
    name = ngettext("Told to %(n)s system", "Told to %(n)s systems", len(runs)) % {"n": number(len(runs))}
    if batch.is_open:
        return Stage(name, "todo")
    if any(run.error and run.due_at is None and run.ended_at is None for run in runs):
        return Stage(name, "failed")
    if all(run.ended_at for run in runs):
        return Stage(name, "done", _at(max(run.ended_at for run in runs if run.ended_at), now))
    return Stage(name, "work")
