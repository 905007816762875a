"""Reasons for rejections in the last seven days, compared with the seven days before."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Q, QuerySet, Sum
from django.utils.translation import gettext as _

from desk.home.figures.cached import kept
from desk.home.figures.days import WEEK, days
from desk.home.figures.ended import NOT_IN_TIME
from sendouts.models import Batch, DecisionVerdict, Outcome, Status
from sendouts.models.decision import DecisionReason
from sendouts.wording import batch_sentences

# The remaining reasons share one line.
LINES = 8
# Confirmed rejections of batches that ended without a release: their reasons are not stored apart from the unconfirmed
# ones.
UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Reason:
    """The number of rejections for one reason, and its share of all rejections, in percent.

    `code` and `text` are as on a decision; the code is empty for the rest. `share_before`: the share in the week
    before; None if that week had no rejections.
    """

    code: str
    text: str
    count: int
    share: float
    before: int
    share_before: float | None

    @property
    def sentence(self) -> str:
        if not self.code:
            return _("Other reasons")
        if self.code == UNFINISHED:
            return _("In batches that were not finished in time")
        return batch_sentences.reason(self.code, self.text)


def reasons(seen: Q, now: datetime) -> list[Reason]:
    """Return the reasons, most frequent first, the rest as one line at the end; cached for a minute."""
    last, earlier = days(now), days(now, before=WEEK)
    return kept(f"reasons.{last[-1].date}", seen, lambda: _reasons(seen, earlier[0].start, last[0].start, last[-1].end))


def _reasons(seen: Q, before: datetime, start: datetime, end: datetime) -> list[Reason]:
    counts: dict[tuple[str, str], list[int]] = {}
    for week, (first, until) in enumerate(((start, end), (before, start))):
        for code, text, count in _count_rejections(Batch.objects.filter(seen, ended_at__gte=first, ended_at__lt=until)):
            counts.setdefault((code, text), [0, 0])[week] += count
    all_now, all_then = (sum(pair[week] for pair in counts.values()) for week in (0, 1))
    ranked = sorted((key for key in counts if counts[key][0]), key=lambda key: (-counts[key][0], key))
    lines = [(code, text, counts[code, text][0], counts[code, text][1]) for code, text in ranked[:LINES]]
    if len(ranked) > LINES:
        lines.append(("", "", all_now - sum(row[2] for row in lines), all_then - sum(row[3] for row in lines)))
    return [
        Reason(code, text, count, 100 * count / all_now, past, 100 * past / all_then if all_then else None)
        for code, text, count, past in lines
    ]


# Unfold the reasons column into rows: [verdict, code, text, action, count]. A person's note does not make a reason of
# its own.
_UNFOLDED = {
    "postgresql": """
        SELECT each.value->>1, CASE each.value->>1 WHEN 'person' THEN '' ELSE each.value->>2 END,
               SUM((each.value->>4)::bigint)::bigint
        FROM ({ended}) AS ended CROSS JOIN LATERAL jsonb_array_elements(ended.reasons) AS each(value)
        WHERE (each.value->>0)::int = %s GROUP BY 1, 2
    """,
    "sqlite": """
        SELECT json_extract(each.value, '$[1]'),
               CASE json_extract(each.value, '$[1]') WHEN 'person' THEN '' ELSE json_extract(each.value, '$[2]') END,
               SUM(json_extract(each.value, '$[4]'))
        FROM ({ended}) AS ended, json_each(ended.reasons) AS each
        WHERE json_extract(each.value, '$[0]') = %s GROUP BY 1, 2
    """,
}


def _count_rejections(ended: QuerySet[Batch]) -> list[tuple[str, str, int]]:
    """Count every rejection of ended batches, by code and text."""
    finished = ended.filter(status=Status.FINISHED, rejected__gt=0).exclude(outcome=Outcome.REFUSED)
    sql, values = finished.order_by().values("reasons").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_UNFOLDED[connection.vendor].format(ended=sql), (*values, DecisionVerdict.REJECTED.value))
        found = [(code, text, count) for code, text, count in cursor.fetchall()]
    others = ended.aggregate(
        refused=Sum("rejected", filter=Q(status=Status.FINISHED, outcome=Outcome.REFUSED), default=0),
        unfinished=Sum("confirmed", filter=NOT_IN_TIME, default=0),
    )
    return found + [(code, "", others[code]) for code in (DecisionReason.REFUSED.value, UNFINISHED) if others[code]]
