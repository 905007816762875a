"""Stored data of past batches: the candidates for a rehearsal, their kept fields, and their contacts in windows."""

from collections.abc import Iterator
from typing import Any

from actions.models import Project, Sendout
from sendouts.inquiries.rehearsal.results import Keeps, Past, Rehearsal
from sendouts.models import Batch, Decision, DecisionVerdict, Status
from sendouts.models.decision import DecisionReason, rows_of

# Number of past batches to choose from, and of decisions checked for kept fields.
CHOICES = 12
LOOKED_AT = 200
FIRST_ROWS = 5_000
# People or the deadline made decisions with these codes; the checks' own verdicts are lost.
_NOT_OF_CHECKS = frozenset(DecisionReason) - {DecisionReason.ACTION_FAILED}
_COLUMNS = ("pk", "contact_id", "verdict", "reason", "text", "action", "decided_by", "kept")


def candidates(project: Project, sendout: Sendout | None = None) -> list[Batch]:
    """Return the newest batches with a contact file and kept fields, of a project or of one sendout."""
    rows = Batch.objects.filter(project=project, source=Batch.Source.BATCH, retired_at__isnull=True, total__gt=0)
    if sendout is not None:
        rows = rows.filter(sendout=sendout)
    newest = rows.exclude(status=Status.PLANNED).select_related("project", "sendout", "plan").order_by("-pk")
    found = newest.defer("finish_uri", "download_uri")[: 2 * CHOICES]
    return [batch for batch in found if keeps(batch) is not Keeps.NOBODY][:CHOICES]


def keeps(batch: Batch) -> Keeps:
    """Return whose fields are kept, judged by some of the first decisions."""
    # Use only contacts that screening accepted: a rejected contact that a person put back keeps its fields in any case.
    first = Decision.objects.filter(
        rows_of(batch.pk, 0, FIRST_ROWS), verdict=DecisionVerdict.ACCEPTED, reason="", unread=False
    )
    accepted = first.filter(decided_by__isnull=True).order_by("pk").values_list("kept", flat=True)[:1]
    if any(kept is not None for kept in accepted):
        return Keeps.ALL
    others = (
        Decision.objects.filter(rows_of(batch.pk), unread=False)
        .exclude(verdict=DecisionVerdict.ACCEPTED)
        .order_by("pk")
    )
    rejected = list(others.values_list("kept", flat=True)[:LOOKED_AT])
    return Keeps.REJECTED if any(kept is not None for kept in rejected) else Keeps.NOBODY


def fields_kept(batch: Batch, whose: Keeps) -> frozenset[str]:
    """Return the fields that the project kept when the batch came in, and those of its first contacts."""
    then = batch.project.history.filter(history_date__lte=batch.received_at).order_by("-history_date", "-history_id")
    declared = then.values_list("keep_fields", flat=True).first()
    rows = Decision.objects.filter(rows_of(batch.pk), unread=False, kept__isnull=False).order_by("pk")
    if whose is Keeps.REJECTED:
        rows = rows.exclude(verdict=DecisionVerdict.ACCEPTED)
    seen = {name for kept in rows.values_list("kept", flat=True)[:LOOKED_AT] for name in kept or ()}
    return frozenset(seen | set(declared or ()))


def windows(found: Rehearsal, *, most: int, size: int) -> Iterator[list[Past]]:
    """Yield contacts with their fields: all, or for more than `most`, windows spread evenly over the file."""
    batch = found.batch
    if found.keeps is Keeps.REJECTED:
        yield from _rejected_windows(found, most=most, size=size)
        return
    if batch.total <= most:
        starts = list(range(0, batch.total, size))
    else:
        found.whole = False
        number = most // size
        starts = [place * (batch.total - size) // (number - 1) for place in range(number)]
    for start in starts:
        rows = Decision.objects.filter(rows_of(batch.pk, start, size), unread=False, kept__isnull=False)
        yield _keep_comparable(found, rows.order_by("pk").values_list(*_COLUMNS))


def _rejected_windows(found: Rehearsal, *, most: int, size: int) -> Iterator[list[Past]]:
    """Yield the first contacts that were not accepted, found by an index."""
    after, read = found.batch.first_decision - 1, 0
    while read < most:
        rows = Decision.objects.filter(rows_of(found.batch.pk), pk__gt=after, unread=False).exclude(
            verdict=DecisionVerdict.ACCEPTED
        )
        page = list(rows.order_by("pk").values_list(*_COLUMNS)[:size])
        yield _keep_comparable(found, [row for row in page if row[-1] is not None])
        if len(page) < size:
            return
        read, after = read + len(page), page[-1][0]
    found.whole = False


def _keep_comparable(found: Rehearsal, rows: Any) -> list[Past]:
    """Return the contacts that the checks decided; count and drop the others."""
    pasts = [Past(*row) for row in rows]
    own = [past for past in pasts if past.decided_by is None and past.reason not in _NOT_OF_CHECKS]
    found.not_comparable += len(pasts) - len(own)
    return own
