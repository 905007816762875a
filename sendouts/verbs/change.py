"""Change single decisions of a held batch."""

from collections.abc import Collection
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sendouts import lifecycle
from sendouts.models import Answer, Decision, Status, Verdict, Word
from sendouts.models.decision import DecisionReason, rows_of
from sendouts.stages.review import recount
from sendouts.verbs import base
from sendouts.verbs.base import NotDone


def change(
    batch_id: int,
    decision_ids: Collection[int],
    verdict: Verdict,
    *,
    user: User,
    revision: int | None,
    note: str,
    now: datetime,
) -> int:
    """Change single decisions of a held batch to accepted or rejected; returns how many changed. Raises NotDone."""
    if verdict not in {Verdict.ACCEPTED, Verdict.REJECTED}:
        raise ValueError("a person accepts or rejects")
    note = base.require_note(note)
    with transaction.atomic():
        batch = base.lock(batch_id, user, revision, now=now, statuses=(Status.IN_REVIEW,))
        wanted = Decision.objects.filter(rows_of(batch.pk), pk__in=decision_ids).exclude(verdict=verdict)
        if verdict == Verdict.REJECTED and wanted.filter(uri=b"").exists():
            raise NotDone("no_address", _("This row has no address through which it could be rejected."))
        _none_is_final(wanted)
        if verdict == Verdict.ACCEPTED and wanted.filter(unread=True).exists():
            base.check_permission(user, base.TAKE_ON)
        changed = wanted.update(
            verdict=verdict, decided_by=user, reason=DecisionReason.PERSON, text=note[:500], action=""
        )
        if not changed:
            raise NotDone("nothing", _("There is nothing to change: the decision is already that."))
        rows = [pk & 0xFFFF_FFFF for pk in list(decision_ids)[:50]]
        data = {"verdict": verdict.name.lower(), "rows": rows, "contacts": changed}
        lifecycle.change(batch, Word.CHANGED, now=now, user=user, note=note, data=data, **recount(batch, now))
    return changed


def _none_is_final(rows: QuerySet[Decision]) -> None:
    """A rejection that was sent before the release was stopped cannot be taken back. Raises NotDone."""
    sent = rows.filter(verdict=Verdict.REJECTED).exclude(answer=Answer.NONE).count()
    if sent:
        sentence = ngettext(
            "This rejection was sent before the release was stopped: it cannot be taken back.",
            "%(n)d of these rejections were sent before the release was stopped: they cannot be taken back.",
            sent,
        )
        raise NotDone("final", sentence % {"n": sent})
