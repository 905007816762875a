"""Batches in work that need no person: their progress and their forecast."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, Q

from actions.models import Sendout
from desk.home.figures.in_review import WAITING, name_of
from sendouts.models import Batch, Status
from sendouts.models.batch import OPEN
from sendouts.outlook import forecast
from sendouts.outlook.forecast import Lately
from sendouts.outlook.progress import Reading, readings
from sendouts.outlook.usual import usual_in
from sendouts.wording import batch_sentences

LINES = 20


@dataclass(frozen=True, slots=True)
class WorkInProgress:
    """One batch in work, or all singles in work of one sendout.

    `batch`: its id; None for singles, of which there are `count`.
    `stage`: received, screening, screened, sending, writing, releasing, or singles.
    `done` of `of` contacts or rejections; `of` is None if unknown, and the sendout's usual number if `guessed`.
    `ready_at` and `spare`, its distance from the deadline: None without a forecast; `early`: too early for one.
    `silent`: the platform takes no calls at the moment.
    """

    sendout: int
    batch: int | None
    title: str
    project: str
    journey: str
    stage: str
    deadline: datetime
    count: int = 1
    done: int = 0
    of: int | None = None
    guessed: bool = False
    early: bool = False
    silent: bool = False
    ready_at: datetime | None = None

    @property
    def spare(self) -> timedelta | None:
        return self.deadline - self.ready_at if self.ready_at is not None else None

    @property
    def late(self) -> bool:
        """Return whether the work will not be ready before the deadline."""
        return self.spare is not None and self.spare <= timedelta()

    @property
    def about(self) -> int:
        """Return the length of a file, estimated in hundreds."""
        return max(self.done, round(self.of or 0, -2))

    @property
    def percent(self) -> int | None:
        """Return the progress in percent, below 100 as long as the work runs."""
        return min(99, 100 * self.done // self.of) if self.of else None


@dataclass(frozen=True, slots=True)
class Working:
    """The lines, and the number of batches without a line."""

    lines: list[WorkInProgress]
    hidden: int


def working(seen: Q, known: Lately, now: datetime) -> Working:
    """Return the work in the projects that a person sees, earliest deadline first; at most six queries."""
    there = Batch.objects.filter(seen, status__in=OPEN).exclude(WAITING)
    files = there.filter(source=Batch.Source.BATCH)
    found = list(
        files.select_related("project", "sendout")
        .defer("finish_uri", "download_uri", "reasons", "failures")
        .order_by("deadline", "id")[: LINES + 1]
    )
    hidden = files.order_by().values("pk")[:1_000].count() - LINES if len(found) > LINES else 0
    found = found[:LINES]
    read = [batch.sendout_id for batch in found if batch.status == Status.PLANNED and batch.total]
    sizes = {sendout: usual.total for sendout, usual in usual_in(read).items()}
    reading = readings(found, sizes, now)
    lines = []
    for batch in found:
        lines.append(_screening(batch, reading[batch.pk]) if batch.pk in reading else _line(batch, known, now))
    return Working(lines + _singles(there.filter(source=Batch.Source.SINGLE)), hidden)


def _work(batch: Batch, stage: str, **more: Any) -> WorkInProgress:
    return WorkInProgress(
        sendout=batch.sendout_id,
        batch=batch.pk,
        title=batch_sentences.title(batch),
        project=batch.project.name,
        journey=batch.sendout.journey,
        stage=stage,
        deadline=batch.deadline,
        **more,
    )


def _screening(batch: Batch, reading: Reading) -> WorkInProgress:
    return _work(
        batch,
        "screening",
        done=batch.total,
        of=reading.of,
        guessed=reading.guessed,
        early=reading.early,
        ready_at=reading.ends_at,
    )


def _line(batch: Batch, known: Lately, now: datetime) -> WorkInProgress:
    if batch.status == Status.PLANNED:
        return _work(batch, "received", early=True)
    if batch.status == Status.SCREENED:
        return _work(batch, "screened", done=batch.total)
    settled = batch.confirmed + batch.taken_on
    if batch.status not in forecast.SENDING or settled >= batch.rejected:
        return _work(batch, "writing" if batch.enrichments else "releasing", done=batch.accepted)
    foreseen = forecast.forecast_of(batch, known, now)
    return _work(
        batch,
        "sending",
        done=settled,
        of=batch.rejected,
        ready_at=foreseen.ends_at if foreseen else None,
        silent=bool(foreseen and foreseen.silent),
    )


def _singles(there: Any) -> list[WorkInProgress]:
    rows = list(
        there.order_by()
        .values("sendout")
        .annotate(count=Count("pk"), soonest=Min("deadline"))
        .order_by("soonest", "sendout")[:LINES]
    )
    named = Sendout.objects.select_related("project").in_bulk([row["sendout"] for row in rows])
    found = []
    for row in rows:
        of = named[row["sendout"]]
        found.append(
            WorkInProgress(
                of.pk, None, name_of(of), of.project.name, of.journey, "singles", row["soonest"], row["count"]
            )
        )
    return found
