"""Batches that wait for a person now, most urgent first; the singles of one sendout share a line."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from django.db.models import Count, Min, Q, Sum

from actions.models import AtDeadline, Sendout
from sendouts import deadlines
from sendouts.models import Batch, Status
from sendouts.models.batch import OPEN
from sendouts.outlook import forecast
from sendouts.outlook.forecast import Lately
from sendouts.outlook.usual import Usual, usual_in
from sendouts.wording import batch_sentences

WAITING = Q(status__in=OPEN) & (Q(status=Status.IN_REVIEW) | ~Q(attention=""))
# More lines are shown on the list, a page of its own.
LINES = 20
# A larger number of waiting batches is not read as an exact number.
COUNTED = 1_000
COUNTS = ("total", "accepted", "rejected", "undecided", "unread")


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """One batch, or all waiting singles of one sendout.

    `batch`: its id; None for singles. `count`: the number of singles.
    `troubled`: how many of them, or of the one batch, need attention; `trouble` says why.
    `accepting`, `rejecting`: how many the gateway accepts or rejects without a decision; it leaves the others.
    `acts_at`: the first moment at which it does so. The times of singles are those of the most urgent one.
    `left`: the time from now until `decide_before`.
    """

    sendout: int
    batch: int | None
    title: str
    project: str
    journey: str
    count: int
    troubled: int
    trouble: str
    total: int
    accepted: int
    rejected: int
    undecided: int
    unread: int
    accepting: int
    rejecting: int
    acts_at: datetime | None
    received_at: datetime
    deadline: datetime
    decide_before: datetime
    left: timedelta
    usual: Usual | None = None

    @property
    def key(self) -> str:
        """Return a key of the line that does not change while it waits."""
        return f"s{self.sendout}" if self.batch is None else f"b{self.batch}"

    @property
    def policy(self) -> str:
        """Return what happens without a decision: accept, reject, leave, or mixed."""
        if self.leaving == self.count:
            return "leave"
        return {self.accepting: "accept", self.rejecting: "reject"}.get(self.count, "mixed")

    @property
    def leaving(self) -> int:
        return self.count - self.accepting - self.rejecting

    @property
    def sound(self) -> int:
        """Return how many need no attention."""
        return self.count - self.troubled

    @property
    def far(self) -> bool:
        """Return whether the share is remarkably higher than usual."""
        return self.usual is not None and self.usual.range.stands_out(self.share) > 0

    @property
    def not_getting(self) -> int:
        return self.rejected + self.undecided + self.unread

    @property
    def share(self) -> float:
        """Return the share of rejected contacts, in percent."""
        return 100 * self.rejected / self.total if self.total else 0.0

    @property
    def soon_seconds(self) -> int:
        """Return below how many seconds the time left is short: twenty minutes, or the last fifth."""
        return max(1200, int((self.decide_before - self.received_at) / timedelta(seconds=5)))

    @property
    def tone(self) -> str:
        """Return the tone of the clock: late, soon or calm."""
        if self.left < timedelta(minutes=5):
            return "late"
        return "soon" if self.left < timedelta(seconds=self.soon_seconds) else "calm"


@dataclass(frozen=True, slots=True)
class Waiting:
    """The lines, and the number of all waiting batches and singles (each counted up to COUNTED)."""

    lines: list[ReviewLine]
    batches: int
    singles: int

    @property
    def all(self) -> int:
        return self.batches + self.singles

    @property
    def hidden(self) -> int:
        """Return the number of batches without a line."""
        return self.batches - sum(line.batch is not None for line in self.lines)


def waiting(seen: Q, known: Lately, now: datetime) -> Waiting:
    """Return at most LINES batches and LINES sendouts of singles that wait in projects the person sees; four queries.

    known: the platform's speed, which determines when a decision comes too late.
    """
    there = Batch.objects.filter(seen, WAITING, deadline__gt=now)
    files = there.filter(source=Batch.Source.BATCH)
    found = list(
        files.select_related("project", "sendout", "plan")
        .defer("finish_uri", "download_uri", "reasons", "failures")
        .order_by("deadline", "id")[:LINES]
    )
    count = len(found) if len(found) < LINES else files.order_by().values("pk")[:COUNTED].count()
    usually = usual_in([batch.sendout_id for batch in found])
    lines = [_line(batch, known, now, usually.get(batch.sendout_id)) for batch in found]
    singles = _singles(there.filter(source=Batch.Source.SINGLE), known, now)
    lines = sorted(lines + singles, key=attrgetter("decide_before"))
    return Waiting(lines, count, sum(line.count for line in singles))


def name_of(sendout: Sendout) -> str:
    """Return the name of a sendout, as batch_sentences.title() names its batches."""
    return sendout.name or sendout.journey or sendout.project.name or "–"


def _line(batch: Batch, known: Lately, now: datetime, usually: Usual | None) -> ReviewLine:
    acts_at = forecast.acts_at(batch, known, now) if batch.status == Status.IN_REVIEW else None
    declared = batch.at_deadline if acts_at is not None else ""
    before = forecast.decide_before(batch, known, now)
    return ReviewLine(
        sendout=batch.sendout_id,
        batch=batch.pk,
        title=batch_sentences.title(batch),
        project=batch.project.name,
        journey=batch.sendout.journey,
        count=1,
        troubled=int(bool(batch.attention)),
        trouble=batch_sentences.trouble(batch),
        **{name: getattr(batch, name) for name in COUNTS},
        accepting=int(declared == AtDeadline.ACCEPT),
        rejecting=int(declared == AtDeadline.REJECT),
        acts_at=acts_at,
        received_at=batch.received_at,
        deadline=batch.deadline,
        decide_before=before,
        left=before - now,
        usual=usually,
    )


def _singles(there: Any, known: Lately, now: datetime) -> list[ReviewLine]:
    """Return one line for each sendout, summed by the database."""
    rows = list(
        there.order_by()
        .values("sendout")
        .annotate(
            count=Count("pk"),
            troubled=Count("pk", filter=~Q(attention="")),
            accepting=Count("pk", filter=Q(at_deadline=AtDeadline.ACCEPT, attention="", due_at__isnull=False)),
            rejecting=Count("pk", filter=Q(at_deadline=AtDeadline.REJECT, attention="", due_at__isnull=False)),
            acts_at=Min("due_at", filter=Q(status=Status.IN_REVIEW, attention="")),
            soonest=Min("deadline"),
            oldest=Min("received_at"),
            **{f"sum_{name}": Sum(name) for name in COUNTS},
        )
        .order_by("soonest", "sendout")[:LINES]
    )
    named = Sendout.objects.select_related("project").in_bulk([row["sendout"] for row in rows])
    return [_line_of_singles(row, named[row["sendout"]], known, now) for row in rows]


def _line_of_singles(row: dict[str, Any], of: Sendout, known: Lately, now: datetime) -> ReviewLine:
    rejections = row["sum_rejected"] + row["sum_undecided"] + row["sum_unread"]
    silence = known.silence(now)
    before = deadlines.decide_before(row["oldest"], row["soonest"], rejections, known.cautious, silence)
    before = min(before, row["acts_at"] or before)
    return ReviewLine(
        sendout=of.pk,
        batch=None,
        title=name_of(of),
        project=of.project.name,
        journey=of.journey,
        count=row["count"],
        troubled=row["troubled"],
        trouble="",
        **{name: row[f"sum_{name}"] for name in COUNTS},
        accepting=row["accepting"],
        rejecting=row["rejecting"],
        acts_at=row["acts_at"],
        received_at=row["oldest"],
        deadline=row["soonest"],
        decide_before=before,
        left=before - now,
    )
