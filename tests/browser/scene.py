"""Sample data of a busy desk: batches in every state, people in their roles, a month of history.

Run by Django's shell before a gateway starts: what is on it stands still, since nothing is due and what is in work is claimed for
a day. Everything is invented; contacts are at example.com.
"""

import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone

from actions.catalog.shared.field_problems import FieldProblem
from actions.models import ActionDefinition, CodePool, Credential, Project, Sendout, SuppressionList
from actions.plan.merge import canonical
from sendouts.models import Attention, Batch, Chunk, Decision, DecisionVerdict, Outcome, Plan, Status
from sendouts.symplify.payload import BodyProblem
from tests.factories import batch, plan, webhook

PASSWORD = "a-long-password-for-tests"
ROLES = {
    "Viewer": "viewer.lille",
    "Reviewer": "reviewer.lyon",
    "Manager": "manager.nantes",
    "Administrator": "admin.paris",
}
CONSENT = {
    "field": "properties.consent",
    "reject_if": {"equals": False},
    "if_missing": "hold",
    "reason": "Pas de consentement",
}
AGE = {"field": "properties.age", "reject_if": {"less": 18}, "if_missing": "hold", "reason": "Moins de 18 ans"}
PRESSURE = {
    "field": "properties.sent_this_week",
    "reject_if": {"greater": 4},
    "if_missing": "accept",
    "reason": "Pression marketing",
}
REASONS = (
    ("Pas de consentement", "consent-check", 74),
    ("Liste d’exclusion", "exclusion", 16),
    ("Pression marketing", "pression", 10),
)
CITIES = ("Lyon", "Nantes", "Lille", "Nîmes", "Brest", "Genève")
_WAY = {
    Status.IN_REVIEW: (Status.SCREENED,),
    Status.ACCEPTED: (Status.SCREENED,),
    Status.FINISHED: (Status.SCREENED, Status.IN_REVIEW, Status.ACCEPTED, Status.DELIVERED),
    Status.EXPIRED: (Status.SCREENED, Status.IN_REVIEW),
}
# The whole desk is the same at each run; only the clock goes on.
_chance = random.Random(20260630)


def build(now: datetime | None = None) -> dict[str, int]:
    """Make everything; returns the numbers of the batches, and of a project, by what is special about them."""
    now = now or timezone.now()
    people = _people()
    newsletter, boutique, club = _projects()
    sendouts = {
        "soldes": _sendout(newsletter, "Campagne d’été", "Soldes d’été, dernier jour"),
        "ventes": _sendout(newsletter, "Ventes privées", "Invitation ventes privées"),
        "nouveautes": _sendout(newsletter, "", "Nouveautés juillet"),
        "bienvenue": _sendout(boutique, "Bienvenue", "Bienvenue J+1"),
        "panier": _sendout(boutique, "Panier", "Panier abandonné"),
        "points": _sendout(club, "Fidélité", "Points de juin"),
    }
    _history(sendouts, now)
    numbers = {
        name: made.pk
        for name, made in {
            "held": _held(sendouts["soldes"], now),
            "unknown": _unknown(sendouts["bienvenue"], now),
            "calm": _calm(sendouts["ventes"], now),
            "screening": _screening(sendouts["nouveautes"], now),
            "delivering": _delivering(sendouts["panier"], people["reviewer.lyon"], now),
            "stuck": _stuck(sendouts["points"], people["reviewer.lyon"], now),
            "released": _released(sendouts["soldes"], people["reviewer.lyon"], now),
            "expired": _expired(sendouts["points"], now),
        }.items()
    }
    for place in range(6):
        batch(
            sendout=sendouts["bienvenue"],
            source="single",
            accepted=1,
            now=now,
            left=timedelta(minutes=41 + place),
            review="always",
            held_for=["always"],
        )
    webhook("unreadable", detail=BodyProblem.NOT_JSON(line=1, column=1), due_at=None)
    return numbers | {"newsletter": newsletter.pk}


def _people() -> dict[str, User]:
    made = {"root": User.objects.create_superuser("root", "root@example.com", PASSWORD)}
    for role, name in ROLES.items():
        made[name] = User.objects.create_user(name, f"{name}@example.com", PASSWORD, is_staff=True)
        made[name].groups.add(Group.objects.get(name=role))
    return made


def _projects() -> tuple[Project, Project, Project]:
    newsletter = Project.objects.create(
        name="Newsletter FR", review="always", keep_contacts="all", keep_fields=["properties.city", "email"]
    )
    boutique = Project.objects.create(name="Boutique", review="never")
    club = Project.objects.create(name="Club fidélité", review="unusual", at_deadline="reject")
    for project in (newsletter, boutique, club):
        for position, (identifier, config) in enumerate(
            (("consent-check", CONSENT), ("age", AGE), ("pression", PRESSURE))
        ):
            ActionDefinition.objects.create(
                project=project, identifier=identifier, kind="field_rule", config=config, position=position
            )
    SuppressionList.objects.create(name="opposition", project=newsletter)
    CodePool.objects.create(name="ete-2026", project=newsletter)
    Credential.objects.create(name="service-consentement", secret="kept-from-every-page")
    return newsletter, boutique, club


def _sendout(project: Project, journey: str, name: str) -> Sendout:
    return Sendout.objects.create(project=project, journey=journey, name=name)


def _plan(project: Project, *, unknown: tuple[str, ...] = ()) -> Plan:
    """What its project defines, as planning would have frozen it."""
    actions = [
        {
            "identifier": each.identifier,
            "kind": each.kind,
            "config": canonical(each.config),
            "on_failure": "hold",
            "details": "{}",
            "phase": "check",
            "origins": [{"level": "project", "definition_id": each.pk, "asked": True, "identifier": each.identifier}],
        }
        for each in project.actions.order_by("position")
    ]
    return plan(*actions, unknown=unknown)


def _shares(rejected: int, undecided: int = 0) -> list[list[Any]]:
    parts = [rejected * share // 100 for _text, _action, share in REASONS]
    parts[0] += rejected - sum(parts)
    found: list[list[Any]] = [
        [2, "rule", text, action, part] for (text, action, _share), part in zip(REASONS, parts, strict=True) if part
    ]
    if undecided:
        found.append([0, "missing", FieldProblem.MISSING(name="properties.consent"), "consent-check", undecided])
    return found


def _rows(made: Batch, *, rejected: int, accepted: int) -> None:
    """Some of the contacts of a batch: as many as its first pages show."""
    rows = []
    for row in range(rejected + accepted):
        text, action, _share = REASONS[0 if row % 7 else row % 3]
        out = row < rejected
        rows.append(
            Decision(
                id=made.first_decision + row,
                contact_id=f"A-{41_000 + 37 * row}",
                uri=f"https://gate.example.com/cancel/{row}".encode(),
                verdict=DecisionVerdict.REJECTED if out else DecisionVerdict.ACCEPTED,
                reason="rule" if out else "",
                text=text if out else "",
                action=action if out else "",
                evidence_at=made.received_at + timedelta(seconds=40),
                kept={"properties.city": _chance.choice(CITIES), "email": f"contact{row}@example.com"},
            )
        )
    Decision.objects.bulk_create(rows)


def _big(sendout: Sendout, status: Status, counts: tuple[int, int, int], **columns: Any) -> Batch:
    """A batch of (accepted, rejected, undecided) contacts, of which only the first are rows."""
    accepted, rejected, undecided = counts
    made = batch(
        status,
        accepted=accepted,
        rejected=rejected,
        undecided=undecided,
        decisions=False,
        sendout=sendout,
        plan=_plan(sendout.project),
        way=_WAY[status],
        **({"reasons": _shares(rejected, undecided)} | columns),
    )
    _rows(made, rejected=min(rejected, 120), accepted=min(accepted, 60))
    return made


def _held(sendout: Sendout, now: datetime) -> Batch:
    return _big(
        sendout,
        Status.IN_REVIEW,
        (131_734, 9_657, 0),
        now=now,
        left=timedelta(minutes=21, seconds=20),
        review="always",
        held_for=["always"],
    )


def _calm(sendout: Sendout, now: datetime) -> Batch:
    due = now + timedelta(minutes=48)
    return _big(
        sendout,
        Status.IN_REVIEW,
        (50_925, 1_088, 5),
        now=now,
        left=timedelta(minutes=53),
        review="always",
        held_for=["undecided", "always"],
        at_deadline="accept",
        due_at=due,
    )


def _unknown(sendout: Sendout, now: datetime) -> Batch:
    return batch(
        Status.IN_REVIEW,
        accepted=8_412,
        decisions=False,
        now=now,
        left=timedelta(minutes=34),
        sendout=sendout,
        plan=_plan(sendout.project, unknown=("vip-2026",)),
        held_for=["unknown_action"],
        reasons=[],
    )


def _working(now: datetime) -> dict[str, Any]:
    return {"claim_id": uuid.uuid4(), "claimed_until": now + timedelta(days=1), "now": now}


def _screening(sendout: Sendout, now: datetime) -> Batch:
    made = batch(
        Status.PLANNED,
        decisions=False,
        left=timedelta(minutes=39),
        sendout=sendout,
        plan=_plan(sendout.project),
        **_working(now),
    )
    Batch.objects.filter(pk=made.pk).update(total=212_600, accepted=203_000, rejected=9_600, read_share=0.6)
    for number in range(3):
        Chunk.objects.create(
            batch=made,
            number=number,
            rows=9_000,
            accepted=8_600,
            rejected=400,
            undecided=0,
            unread=0,
            digest=bytes(32),
            reasons=_shares(400),
            stored_at=now - timedelta(seconds=3 * (2 - number)),
        )
    return made


def _delivering(sendout: Sendout, reviewer: User, now: datetime) -> Batch:
    return _big(
        sendout,
        Status.ACCEPTED,
        (40_310, 3_118, 0),
        left=timedelta(minutes=23),
        confirmed=1_204,
        by=reviewer,
        decided_at=now - timedelta(seconds=40),
        **_working(now),
    )


def _stuck(sendout: Sendout, reviewer: User, now: datetime) -> Batch:
    return _big(
        sendout,
        Status.ACCEPTED,
        (12_040, 212, 0),
        now=now,
        left=timedelta(minutes=12),
        confirmed=200,
        by=reviewer,
        decided_at=now - timedelta(minutes=4),
        attention=Attention.UNCONFIRMED,
        attention_data={"rows": 12},
    )


def _released(sendout: Sendout, reviewer: User, now: datetime) -> Batch:
    received = now - timedelta(hours=3)
    return _big(
        sendout,
        Status.FINISHED,
        (128_400, 8_921, 0),
        now=received + timedelta(minutes=20),
        confirmed=8_921,
        outcome=Outcome.RELEASED,
        received_at=received,
        deadline=received + timedelta(hours=1),
        finish_status=204,
        decided_at=received + timedelta(minutes=20),
        ended_at=received + timedelta(minutes=21),
        by=reviewer,
        finish_sent_at=received + timedelta(minutes=21),
        finish_attempts=1,
    )


def _expired(sendout: Sendout, now: datetime) -> Batch:
    received = now - timedelta(hours=9)
    return _big(
        sendout,
        Status.EXPIRED,
        (412, 9, 0),
        now=received,
        received_at=received,
        review="always",
        deadline=received + timedelta(hours=1),
        ended_at=received + timedelta(hours=1),
        held_for=["always"],
    )


def _history(sendouts: dict[str, Sendout], now: datetime) -> None:
    """Thirty days of batches that are over: more on working days, a share of rejections that hardly moves."""
    for days in range(30, 0, -1):
        for name, size, minutes in _usual_day():
            made_at = now - timedelta(days=days, minutes=_chance.randrange(240))
            total = int(size * _chance.uniform(0.9, 1.1))
            rejected = int(total * _chance.uniform(0.042, 0.06))
            ended = made_at + timedelta(seconds=60 * minutes * _chance.uniform(0.5, 2))
            batch(
                Status.FINISHED,
                accepted=total - rejected,
                rejected=rejected,
                confirmed=rejected,
                decisions=False,
                sendout=sendouts[name],
                now=made_at,
                received_at=made_at,
                deadline=made_at + timedelta(hours=1),
                decided_at=ended,
                ended_at=ended,
                finish_sent_at=ended,
                finish_attempts=1,
                finish_status=204,
                outcome=Outcome.RELEASED,
                plan=_plan(sendouts[name].project),
                reasons=_shares(rejected),
            )


def _usual_day() -> Iterator[tuple[str, int, float]]:
    yield "bienvenue", 8_000, 2.2
    yield "panier", 42_000, 2.6
    yield "nouveautes", 61_000, 4.4
    if _chance.random() < 0.4:
        yield "soldes", 138_000, 16
    if _chance.random() < 0.5:
        yield "points", 12_000, 21
