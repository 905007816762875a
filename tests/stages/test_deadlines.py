"""Deadlines: per project and sendout, an hour where nothing is set, and what the clock does before and at them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from actions.models import Sendout
from gateway.lanes import make_sweep
from sendouts import deadlines
from sendouts.models import Event, Status, Webhook
from sendouts.outlook import forecast
from sendouts.stages import review
from tests.factories import CONSENT, batch, plan
from tests.gate import Gate
from tests.stages.rows import claimed, now_of, take

pytestmark = pytest.mark.django_db
AT = datetime(2026, 6, 30, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("minutes", [10, 60])
def test_a_sendouts_own_time_wins_and_runs_from_when_the_hook_arrived(gate: Gate, minutes: int) -> None:
    project = gate.project(**{"answer_within": timedelta(minutes=30)} if minutes == 10 else {})
    if minutes == 10:
        own = timedelta(minutes=minutes)
        Sendout.objects.create(project=project, journey="Welcome", name="Day 1", answer_within=own)
    gate.fire()
    arrived = timezone.now() - timedelta(minutes=3)
    Webhook.objects.update(received_at=arrived)
    gate.plan()
    assert gate.batch().deadline == arrived + timedelta(minutes=minutes)


@pytest.mark.parametrize("kind", ["batch", "single"])
def test_a_hook_that_is_planned_too_late_ends_at_once_without_a_download(gate: Gate, kind: str) -> None:
    gate.project()
    sent = gate.fire(kind)
    Webhook.objects.update(received_at=timezone.now() - timedelta(hours=2))
    gate.work()
    assert (gate.batch().status, gate.words()) == ("expired", ["expired"])
    assert not any(gate.platform.sendout(sent["id"])["calls"].values())


def test_the_sweep_ends_what_nobody_decided_and_counts_who_timed_out() -> None:
    held = batch(Status.IN_REVIEW, accepted=3, left=timedelta(minutes=-1))
    sent = batch(Status.ACCEPTED, accepted=3, rejected=2, confirmed=1, left=timedelta(minutes=-1))
    make_sweep().round()
    for made, timed_out in ((held, 3), (sent, 4)):
        ended = now_of(made)
        assert (ended.status, ended.timed_out, ended.due_at) == ("expired", timed_out, None)


@pytest.mark.parametrize(
    ("declared", "status", "ways"),
    [("leave", "in_review", (90, 8, 2)), ("accept", "accepted", (90, 10, 0)), ("reject", "refused", (0, 100, 0))],
)
def test_what_happens_near_the_deadline_is_declared(declared: str, status: str, ways: tuple[int, int, int]) -> None:
    counts = {"accepted": 90, "rejected": 8, "undecided": 2}
    claim, made = claimed(
        Status.SCREENED, **counts, review="always", at_deadline=declared, left=timedelta(hours=1), now=timezone.now()
    )
    review.settle(claim, [made], timezone.now())
    claim.release()
    made = now_of(made)
    if declared == "leave":
        assert made.due_at is None
        return
    assert made.due_at == made.deadline - timedelta(minutes=5), "the reserve is five minutes of an hour"
    claim, made = take(made)
    review.at_deadline(claim, [made], timezone.now())
    made = now_of(made)
    assert (made.status, (made.accepted, made.rejected, made.undecided)) == (status, ways)
    assert Event.objects.get(batch=made, new=status).data["by"] == "at_deadline"


def test_accepting_near_the_deadline_rejects_the_undecided() -> None:
    claim, made = claimed(Status.IN_REVIEW, accepted=1, undecided=1, at_deadline="accept")
    review.at_deadline(claim, [made], timezone.now())
    made = now_of(made)
    assert (made.status, made.accepted, made.rejected) == ("accepted", 1, 1)


@pytest.mark.parametrize(
    "columns",
    [
        {"held_for": ["unknown_action"], "plan": "unknown"},
        {"attention": "unread_rows"},
        {"accepted": 0},
    ],
)
def test_the_clock_never_accepts_what_nobody_could_judge(columns: dict[str, Any]) -> None:
    if "plan" in columns:
        columns = columns | {"plan": plan(CONSENT, unknown=["vip"])}
    claim, made = claimed(Status.IN_REVIEW, **{"accepted": 2, "at_deadline": "accept"} | columns)
    now = timezone.now()
    assert forecast.acts_at(made, forecast.lately(now), now) is None
    if made.attention:
        review.at_deadline(claim, [made], now)
        assert (now_of(made).status, now_of(made).due_at) == ("in_review", None)


@pytest.mark.parametrize(
    ("minutes", "rejections", "before"),
    [
        (60, 0, timedelta(minutes=5)),
        (10, 0, timedelta(minutes=2)),
        (60, 100_000, timedelta(seconds=2_000)),
    ],
)
def test_the_reserve_grows_with_what_must_be_sent(minutes: int, rejections: int, before: timedelta) -> None:
    deadline = AT + timedelta(minutes=minutes)
    assert deadline - deadlines.acts_at(AT, deadline, rejections, 100.0) == before


@pytest.mark.parametrize(("minutes", "before"), [(60, timedelta(seconds=150)), (10, timedelta(seconds=60))])
def test_screening_leaves_half_of_the_reserve_to_the_answers(minutes: int, before: timedelta) -> None:
    deadline = AT + timedelta(minutes=minutes)
    assert deadline - deadlines.screening_ends(AT, deadline) == before
