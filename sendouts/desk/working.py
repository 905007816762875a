"""What is in work and needs nobody: how far it is, and when it will be ready."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, Q, Sum

from actions.models import Sendout
from sendouts import forecast, sentences
from sendouts.desk.usual import usual
from sendouts.desk.waiting import WAITING, name_of
from sendouts.forecast import Lately
from sendouts.models import Batch, Chunk, Status
from sendouts.models.batch import OPEN

LINES = 20
# The pace of screening is that of the last half minute; before a minute has passed it says nothing.
PACE = timedelta(seconds=30)
FIRST = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Work:
    """One batch in work, or all singles of one sendout that are.

    `batch`: its id; None for singles, of which there are `count`. `stage`: received, screening, screened, sending, writing,
    releasing, or singles. `done` of `of` contacts or rejections; `of` is None where nobody knows yet, and only what is usual
    for the sendout where `guessed`. `ready_at` and `spare`, its distance from the deadline, are None without a forecast;
    `early`: because it is too early for one. `silent`: the platform takes no calls at the moment.
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
    def percent(self) -> int | None:
        """How far it is; never full as long as it is in work."""
        return min(99, 100 * self.done // self.of) if self.of else None


@dataclass(frozen=True, slots=True)
class Working:
    """The lines, and how many batches have none."""

    lines: list[Work]
    hidden: int


def working(seen: Q, known: Lately, now: datetime) -> Working:
    """What is in work in the projects that a person sees, first what has to be ready first; at most six queries."""
    there = Batch.objects.filter(seen, status__in=OPEN).exclude(WAITING)
    files = there.filter(source=Batch.Source.BATCH)
    found = list(
        files.select_related("project", "sendout")
        .defer("finish_uri", "download_uri", "reasons", "failures")
        .order_by("deadline", "id")[: LINES + 1]
    )
    hidden = files.order_by().values("pk")[:1_000].count() - LINES if len(found) > LINES else 0
    found = found[:LINES]
    screening = [batch for batch in found if batch.status == Status.PLANNED and batch.total]
    pace = _pace(screening, now)
    sizes = usual([batch.sendout_id for batch in screening])
    lines = []
    for batch in found:
        size = sizes[batch.sendout_id].size if batch.sendout_id in sizes else 0
        lines.append(_screening(batch, *pace[batch.pk], size, now) if batch.pk in pace else _line(batch, known, now))
    return Working(lines + _singles(there.filter(source=Batch.Source.SINGLE)), hidden)


def _pace(batches: list[Batch], now: datetime) -> dict[int, tuple[float, bool]]:
    """Rows a second over the last half minute, and whether screening began less than a minute ago."""
    rows = (
        Chunk.objects.filter(batch__in=[batch.pk for batch in batches])
        .values("batch")
        .annotate(first=Min("stored_at"), lately=Sum("rows", filter=Q(stored_at__gt=now - PACE), default=0))
    )
    found = {row["batch"]: (row["lately"] / PACE.total_seconds(), row["first"] > now - FIRST) for row in rows}
    return {batch.pk: found.get(batch.pk, (0.0, True)) for batch in batches}


def _work(batch: Batch, stage: str, **more: Any) -> Work:
    return Work(
        sendout=batch.sendout_id,
        batch=batch.pk,
        title=sentences.title(batch),
        project=batch.project.name,
        journey=batch.sendout.journey,
        stage=stage,
        deadline=batch.deadline,
        **more,
    )


def _screening(batch: Batch, rate: float, early: bool, size: int, now: datetime) -> Work:
    """How many contacts a file holds is known at its end; until then only what is usual can be set against what was read."""
    if size <= batch.total:
        return _work(batch, "screening", done=batch.total, early=early)
    seconds = (size - batch.total) / rate if rate else 0.0
    ready_at = now + timedelta(seconds=min(seconds, 1e8)) if seconds and not early else None
    return _work(batch, "screening", done=batch.total, of=size, guessed=True, early=early, ready_at=ready_at)


def _line(batch: Batch, known: Lately, now: datetime) -> Work:
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


def _singles(there: Any) -> list[Work]:
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
            Work(of.pk, None, name_of(of), of.project.name, of.journey, "singles", row["soonest"], row["count"])
        )
    return found
