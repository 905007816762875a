"""Factories for rows and for people in their roles, for tests of the screens."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from importlib import import_module
from itertools import count, pairwise
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from actions.catalog.shared.field_problems import FieldProblem
from actions.models import Project, Sendout
from sendouts.lifecycle import record
from sendouts.models import Batch, Decision, DecisionVerdict, EventWord, Plan, Spool, Status, Webhook

SECRET = "secret.example.com"
ROLES: Mapping[str, set[tuple[str, str]]] = import_module("sendouts.migrations.0003_roles").ROLES
CONSENT = {
    "identifier": "consent-check",
    "kind": "field_rule",
    "config": "{}",
    "on_failure": "hold",
    "details": "{}",
    "phase": "check",
    "origins": [{"level": "project", "definition_id": 1, "asked": True, "identifier": "consent-check"}],
}
_numbers = count(1)


def plain_english(settings: Any) -> None:
    """English screens; and no static files, which nobody collected for tests."""
    settings.LANGUAGE_CODE = "en"
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if not each.startswith("whitenoise.")]


def user_in(role: str) -> User:
    """Somebody with exactly the permissions of a role; `staff` may log in and nothing else."""
    user = User.objects.create_user(f"{role.lower()}.lyon", is_staff=True)
    for app, codename in ROLES.get(role, ()):
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return user


def client_of(role: str) -> Client:
    client = Client()
    client.force_login(user_in(role))
    return client


def sendout(project: str = "Newsletter", journey: str = "Summer", name: str = "Day 1") -> Sendout:
    made, _ = Project.objects.get_or_create(name=project)
    return Sendout.objects.get_or_create(project=made, journey=journey, name=name)[0]


def plan(*actions: Mapping[str, Any], unknown: Sequence[str] = ()) -> Plan:
    content = {"actions": list(actions), "unknown": [{"identifier": name, "details": "{}"} for name in unknown]}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return Plan.objects.get_or_create(digest=digest, defaults={"content": content})[0]


def batch(
    status: Status = Status.IN_REVIEW,
    *,
    accepted: int = 0,
    rejected: int = 0,
    undecided: int = 0,
    unread: int = 0,
    addresses: bool = True,
    now: datetime | None = None,
    left: timedelta = timedelta(minutes=30),
    decisions: bool = True,
    way: Sequence[Status] = (),
    by: User | None = None,
    **columns: Any,
) -> Batch:
    """A batch with so many contacts. addresses: the unreadable rows can be rejected; way: statuses between; by: who decided."""
    now = now or timezone.now()
    number = next(_numbers)
    where = columns.pop("sendout", None) or sendout()
    values: dict[str, Any] = {
        "source": "batch",
        "delivery_key": f"{number:064}",
        "finish_key": f"{number:064}",
        "finish_uri": f"https://{SECRET}/finish/{number}".encode(),
        "download_uri": f"https://{SECRET}/file/{number}".encode(),
        "project": where.project,
        "sendout": where,
        "plan": plan(CONSENT),
        "review": "never",
        "at_deadline": "leave",
        "received_at": now + left - timedelta(hours=1),
        "deadline": now + left,
        "file_complete": True,
        "total": accepted + rejected + undecided + unread,
        "chunk_rows": 2000,
        "reasons": _reasons(rejected, undecided),
    }
    counts = {"accepted": accepted, "rejected": rejected, "undecided": undecided, "unread": unread}
    made = Batch.objects.create(status=status, **(values | counts | columns))
    if decisions:
        Decision.objects.bulk_create(_rows(made, addresses=addresses))
    record([made.pk], EventWord.MOVED, now=values["received_at"], new=Status.PLANNED)
    steps = [Status.PLANNED, *way, status]
    for old, new in pairwise(steps if status != Status.PLANNED else []):
        person = by if new in {Status.ACCEPTED, Status.REFUSED} else None
        record([made.pk], EventWord.MOVED, now=now, old=old, new=new, user=person)
    return made


def _reasons(rejected: int, undecided: int) -> list[list[Any]]:
    found: list[list[Any]] = []
    if rejected:
        found.append([2, "rule", "No consent", "consent-check", rejected])
    if undecided:
        found.append([0, "missing", FieldProblem.MISSING(name="properties.consent"), "consent-check", undecided])
    return found


def _rows(made: Batch, *, addresses: bool) -> list[Decision]:
    rows = []
    kinds = (
        [(DecisionVerdict.REJECTED, False, "rule", "No consent")] * made.rejected
        + [(DecisionVerdict.UNDECIDED, False, "missing", FieldProblem.MISSING(name="properties.consent"))]
        * made.undecided
        + [(DecisionVerdict.UNDECIDED, True, "no_id", "")] * made.unread
        + [(DecisionVerdict.ACCEPTED, False, "", "")] * made.accepted
    )
    for row, (verdict, unread, code, text) in enumerate(kinds):
        rows.append(
            Decision(
                id=made.first_decision + row,
                contact_id="" if unread else f"A-{row}",
                uri=b"" if unread and not addresses else f"https://{SECRET}/cancel/{row}".encode(),
                verdict=verdict,
                unread=unread,
                reason=code,
                text=text,
                action="consent-check" if code and not unread else "",
                kept={"place": row + 1} if unread else None,
            )
        )
    return rows


def webhook(outcome: str = "planned", **columns: Any) -> Webhook:
    number = next(_numbers)
    values: dict[str, Any] = {
        "uuid": f"00000000-0000-4000-8000-{number:012}",
        "body": f'{{"finishUri": "https://{SECRET}/{number}"}}'.encode(),
        "received_at": timezone.now(),
        "due_at": None if outcome else timezone.now(),
    }
    return Webhook.objects.create(outcome=outcome, **(values | columns))


def page_url(made: Batch, query: str = "") -> str:
    return reverse("admin:sendouts_batch_change", args=[made.pk]) + query


def verb_url(made: Batch, verb: str, *more: Any) -> str:
    return reverse(f"admin:sendouts_batch_{verb}", args=[made.pk, *more])


def offer(made: Batch, **numbers: int) -> Spool:
    """A file that somebody has sent for a batch, and that was compared."""
    counts = {"rows": 5, "unread": 0, "same": 5, "new": 0, "missing": 0, "other": 0} | numbers
    said = {"key": "0123456789ab", "state": "ready", "size": 900, "by": "reviewer.nantes", "mark": "", **counts}
    return Spool.objects.create(pk=made.pk, batch=made, state="complete", offered=said)


def text_of(response: Any) -> str:
    """The page as text, for comparisons."""
    return response.content.decode()


def everything() -> dict[str, list[Any]]:
    """All rows of all tables, but for the visits themselves and the signs of life that health writes."""
    found = {}
    for model in apps.get_models():
        if model._meta.db_table not in {"django_session", "sendouts_pulse"}:
            with connection.cursor() as cursor:
                cursor.execute(f'SELECT * FROM "{model._meta.db_table}" ORDER BY 1')
                found[model._meta.db_table] = cursor.fetchall()
    return found
