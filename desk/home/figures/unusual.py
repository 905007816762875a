"""Faults and unusual figures, one sentence each, gravest first."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.db.models import Case, CharField, Count, IntegerField, Min, Q, Sum, Value, When
from django.db.models.functions import Cast
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from actions.models import Project, Sendout
from desk.home.figures import ended
from desk.home.figures.cached import kept
from desk.home.figures.in_review import Waiting
from notices.alarms import sentences as alarms
from notices.models import Alarm, Code
from sendouts.models import Batch
from sendouts.wording import batch_sentences

LINES = 5
DAY = timedelta(days=1)
DAYS = 30
# A share needs at least this many contacts, and a history this many days.
CONTACTS = 500
ENOUGH = 5
# Unusual: outside the earlier range, and this far from its median, in percentage points and as a factor.
POINTS = 2.0
TIMES = 1.5


@dataclass(frozen=True, slots=True)
class Unusual:
    """One finding: a bold sentence and details. `grave`: contacts may be lost by it."""

    grave: bool
    what: str
    more: str
    link: str
    url: str


@dataclass(frozen=True, slots=True)
class Share:
    """A project's share of rejections in the last 24 hours, in percent, and the shares of single days before."""

    project: int
    name: str
    share: float
    usual: float
    lowest: float
    highest: float


def unusual(seen: Q, waiting: Waiting, now: datetime, *, sees_alarms: bool, sees_all: bool) -> list[Unusual]:
    """Return everything that is unusual now. waiting: the waiting batches, including those that need attention.

    sees_alarms: the reader may look at alarms; sees_all: the reader sees all projects, and so the gateway's alarms.
    """
    found = _find_troubled(waiting, now) + (_find_alarms(seen, sees_all=sees_all) if sees_alarms else [])
    return found + _find_timed_out(seen, now) + [_describe_share(share) for share in shares(seen, now)]


def _find_troubled(waiting: Waiting, now: datetime) -> list[Unusual]:
    lines = [line for line in waiting.lines if line.troubled]
    found = []
    for line in lines[:LINES]:
        name = {"name": line.title}
        until = {"project": line.project or "–", "time": batch_sentences.time_of(line.decide_before, now)}
        if line.batch is not None:
            what = _("“%(name)s” cannot go on: %(reason)s.") % {**name, "reason": line.trouble}
            url = reverse("admin:sendouts_batch_change", args=[line.batch])
        else:
            text = ngettext(
                "%(n)s single of “%(name)s” cannot go on.", "%(n)s singles of “%(name)s” cannot go on.", line.troubled
            )
            what = text % {**name, "n": batch_sentences.number(line.troubled)}
            url = reverse("desk:singles", args=[line.sendout])
        more = (
            _("%(project)s, %(contacts)s, until %(time)s.")
            % {**until, "contacts": batch_sentences.contacts(line.total)}
            if line.total
            else _("%(project)s, until %(time)s.") % until
        )
        found.append(Unusual(True, what, more, _("See why"), url))
    if len(lines) > LINES:
        more = ngettext("%(n)s more batch cannot go on.", "%(n)s more batches cannot go on.", len(lines) - LINES) % {
            "n": batch_sentences.number(len(lines) - LINES)
        }
        found.append(Unusual(True, more, "", _("See all"), reverse("admin:sendouts_batch_changelist")))
    return found


def _find_alarms(seen: Q, *, sees_all: bool) -> list[Unusual]:
    """Return open alarms, without batches in attention, which have a line of their own."""
    rows = Alarm.objects.filter(closed_at=None).exclude(code=Code.ATTENTION).order_by("opened_at", "id")
    if not sees_all:
        # An alarm about a sendout needs access to its project; every other alarm needs access to all projects.
        mine = Sendout.objects.filter(seen).annotate(subject=Cast("pk", CharField())).values("subject")
        rows = rows.filter(code=Code.SENDOUT_SILENT, subject__in=mine)
    found = []
    for alarm in rows[: LINES + 1]:
        url = reverse("admin:sendouts_alarm_change", args=[alarm.pk])
        found.append(Unusual(True, alarms.sentence(alarm), alarms.advice(alarm.code), _("See the alarm"), url))
    if len(found) > LINES:
        text = _("There are more than %(n)s open alarms.") % {"n": LINES}
        found[LINES] = Unusual(True, text, "", _("See all"), reverse("admin:sendouts_alarm_changelist"))
    return found


def _find_timed_out(seen: Q, now: datetime) -> list[Unusual]:
    """Return one line about batches of the last 24 hours whose contacts took the “timed out” way."""
    row = Batch.objects.filter(seen, ended.NOT_IN_TIME, ended_at__gt=now - DAY, ended_at__lte=now).aggregate(
        batches=Count("pk"), contacts=ended.TIMED_OUT, uncounted=ended.UNCOUNTED_BATCHES, first=Min("pk")
    )
    if not row["batches"]:
        return []
    text = ngettext(
        "%(n)s batch timed out in the last 24 hours.", "%(n)s batches timed out in the last 24 hours.", row["batches"]
    )
    more = ngettext(
        "%(n)s contact took the “timed out” way.", "%(n)s contacts took the “timed out” way.", row["contacts"]
    ) % {"n": batch_sentences.number(row["contacts"])}
    if row["uncounted"]:
        more += " " + ngettext(
            "The contacts of %(n)s of them were never counted.",
            "The contacts of %(n)s of them were never counted.",
            row["uncounted"],
        ) % {"n": batch_sentences.number(row["uncounted"])}
    one = row["batches"] == 1
    url = (
        reverse("admin:sendouts_batch_change", args=[row["first"]])
        if one
        else reverse("admin:sendouts_batch_changelist") + "?show=expired"
    )
    what = text % {"n": batch_sentences.number(row["batches"])}
    return [Unusual(True, what, more, _("See the batch") if one else _("See them"), url)]


def shares(seen: Q, now: datetime) -> list[Share]:
    """Return projects whose last share of rejections differs from all days before; cached for a minute."""
    return kept("shares", seen, lambda: _shares(seen, now))


def _shares(seen: Q, now: datetime) -> list[Share]:
    starts = [now - DAY * back for back in range(DAYS + 2)]
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
    found = {pk: shown for pk, days in by_project.items() if (shown := _compare_days(days))}
    projects = Project.objects.in_bulk(list(found))
    lines = [Share(pk, projects[pk].name, *values) for pk, values in found.items()]
    return sorted(lines, key=lambda line: -abs(line.share - line.usual))[:LINES]


def _compare_days(days: dict[int, float]) -> tuple[float, float, float, float] | None:
    """Return last share, median, lowest and highest; None if the last share is not far from the days before."""
    before = [share for number, share in days.items() if number]
    if 0 not in days or len(before) < ENOUGH:
        return None
    share, middle, lowest, highest = days[0], median(before), min(before), max(before)
    far = abs(share - middle) >= POINTS and (share >= middle * TIMES or share <= middle / TIMES)
    return (share, middle, lowest, highest) if far and not lowest <= share <= highest else None


def _describe_share(share: Share) -> Unusual:
    values = {"project": share.name, "share": batch_sentences.percent(share.share)}
    if share.share > share.usual:
        what = _("%(project)s rejects more than usual: %(share)s in the last 24 hours.") % values
    else:
        what = _("%(project)s rejects less than usual: %(share)s in the last 24 hours.") % values
    more = _("In the %(days)s days before it was %(lowest)s to %(highest)s a day.") % {
        "days": DAYS,
        "lowest": batch_sentences.percent(share.lowest),
        "highest": batch_sentences.percent(share.highest),
    }
    url = f"{reverse('admin:sendouts_batch_changelist')}?show=over&project__id__exact={share.project}"
    return Unusual(False, what, more, _("See its batches"), url)
