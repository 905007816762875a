"""Faults and unusual figures."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Case, CharField, Count, IntegerField, Min, Q, Sum, Value, When
from django.db.models.functions import Cast

from actions.models import Project, Sendout
from actions.rule_request import RuleRequest, to_confirm
from desk.home.figures import ended
from desk.home.figures.cached import kept
from desk.home.figures.in_review import ReviewLine, Waiting
from notices.alarms import sentences as alarms
from notices.models import Alarm, Code
from sendouts.intake.closures import Closure, recent
from sendouts.models import Batch
from sendouts.outlook.usual import DAYS, UsualRange

LINES = 5
DAY = timedelta(days=1)
# A share needs at least this many contacts.
CONTACTS = 500


@dataclass(frozen=True, slots=True)
class Share:
    """A project's share of rejections in the last 24 hours, in percent, and the usual share of a day."""

    project: int
    name: str
    share: float
    usual: UsualRange


@dataclass(frozen=True, slots=True)
class Unusual:
    """Everything that is unusual, gravest first: at most LINES of each, and whether there are more.

    `asked`: open requests to lift a rule of two people that the reader may confirm. `closures`: times in which the door
    was closed. `troubled`: waiting lines that need attention. `alarms`: (id, sentence, advice) of open alarms.
    `timed_out`: batches and contacts of the last 24 hours that took the “timed out” way, and the id of the first batch.
    """

    asked: list[RuleRequest]
    closures: list[Closure]
    troubled: list[ReviewLine]
    more_troubled: int
    alarms: list[tuple[int, str, str]]
    more_alarms: bool
    timed_out: dict[str, Any]
    shares: list[Share]
    days: int = DAYS.remembered

    def __bool__(self) -> bool:
        found = self.asked or self.closures or self.troubled or self.alarms
        return bool(found or self.timed_out["batches"] or self.shares)


def unusual(
    seen: Q, waiting: Waiting, now: datetime, *, sees_alarms: bool, sees_all: bool, confirms: User | None = None
) -> Unusual:
    """Return everything that is unusual now. waiting: the waiting batches, including those that need attention.

    sees_alarms: the reader may look at alarms; sees_all: the reader sees all projects, and so the gateway's alarms.
    confirms: the reader, if they may change projects.
    """
    troubled = [line for line in waiting.lines if line.troubled]
    open_alarms = _find_alarms(seen, sees_all=sees_all) if sees_alarms else []
    return Unusual(
        asked=to_confirm(seen, confirms, LINES) if confirms is not None else [],
        closures=recent(now)[-LINES:] if sees_alarms and sees_all else [],
        troubled=troubled[:LINES],
        more_troubled=max(0, len(troubled) - LINES),
        alarms=[(each.pk, alarms.sentence(each), alarms.advice(each.code)) for each in open_alarms[:LINES]],
        more_alarms=len(open_alarms) > LINES,
        timed_out=Batch.objects.filter(seen, ended.NOT_IN_TIME, ended_at__gt=now - DAY, ended_at__lte=now).aggregate(
            batches=Count("pk"), contacts=ended.TIMED_OUT, uncounted=ended.UNCOUNTED_BATCHES, first=Min("pk")
        ),
        shares=shares(seen, now),
    )


def _find_alarms(seen: Q, *, sees_all: bool) -> list[Alarm]:
    """Return open alarms, one more than LINES, without batches in attention, which have a line of their own."""
    rows = Alarm.objects.filter(closed_at=None).exclude(code=Code.ATTENTION).order_by("opened_at", "id")
    if not sees_all:
        # An alarm about a sendout needs access to its project; every other alarm needs access to all projects.
        mine = Sendout.objects.filter(seen).annotate(subject=Cast("pk", CharField())).values("subject")
        rows = rows.filter(code=Code.SENDOUT_SILENT, subject__in=mine)
    return list(rows[: LINES + 1])


def shares(seen: Q, now: datetime) -> list[Share]:
    """Return projects whose last share of rejections differs from all days before; cached for a minute."""
    return kept("shares", seen, lambda: _shares(seen, now))


def _shares(seen: Q, now: datetime) -> list[Share]:
    starts = [now - DAY * back for back in range(DAYS.remembered + 2)]
    back = Case(
        *(When(ended_at__gt=start, then=Value(number)) for number, start in enumerate(starts[1:])),
        output_field=IntegerField(),
    )
    rows = (
        Batch.objects.filter(seen, ended.RELEASED, ended_at__gt=starts[-1], ended_at__lte=now)
        .order_by()
        .annotate(back=back)
        .values("project", "back")
        .annotate(kept=Sum("accepted"), lost=Sum("rejected"))
        .values_list("project", "back", "kept", "lost")
    )
    by_project: dict[int, dict[int, float]] = defaultdict(dict)
    for project, number, kept_, lost in rows:
        if kept_ + lost >= CONTACTS:
            by_project[project][number] = 100 * lost / (kept_ + lost)
    found = {pk: usual for pk, days in by_project.items() if (usual := _compare_days(days))}
    projects = Project.objects.in_bulk(list(found))
    lines = [Share(pk, projects[pk].name, by_project[pk][0], usual) for pk, usual in found.items()]
    return sorted(lines, key=lambda line: -abs(line.share - line.usual.middle))[:LINES]


def _compare_days(days: dict[int, float]) -> UsualRange | None:
    """Return what the days before were, if the last share (0) stands out among them."""
    usual = UsualRange.of([share for back, share in sorted(days.items()) if back], DAYS)
    return usual if usual and 0 in days and usual.stands_out(days[0]) else None
