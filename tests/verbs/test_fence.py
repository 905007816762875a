"""What a restored backup holds open is left to people: nothing of it is sent until a person decides."""

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from actions.models import CodePool, PromoCode
from notices.models import Message
from sendouts import lifecycle
from sendouts.models import Batch, BulkChange, EffectRun, Hold, Spool, Status, Webhook
from sendouts.stages import effects
from sendouts.verbs import GiveUp, LiftHold, PutOnHold, RunAgain, SendAgain, StopRelease, TakeOn, TryAgain
from sendouts.verbs.fence import fence_all
from sendouts.verbs.run_again import plan_again
from sendouts.wording import batch_sentences
from tests.factories import batch, sendout
from tests.gate import Gate, carry_out, person, reviewer
from tests.verbs.rows import do, let_the_clock_act, near_the_deadline, now_of
from work import pulses
from work.models import Pulse

pytestmark = pytest.mark.django_db
FAILING: dict[str, Any] = {"faults": {"faults": [{"kind": "status", "on": "reject", "status": 500, "total": 60}]}}


@pytest.fixture(autouse=True)
def _own_data_dir(settings: Any, tmp_path: Path) -> None:
    """The command locks DATA_DIR, which tests that run at the same time share."""
    settings.DATA_DIR = tmp_path


def calls(gate: Gate, sent: Any) -> dict[str, int]:
    return dict(gate.platform.sendout(sent["id"])["calls"])


def test_a_delivery_in_the_middle_calls_nobody_until_a_person_goes_on(gate: Gate) -> None:
    gate.project()
    sent = gate.fire(contacts=300, **FAILING)
    gate.work()
    assert gate.batch().status == "accepted" and gate.batch().due_at is not None
    before = calls(gate, sent)
    assert fence_all(timezone.now()).batches == [gate.batch().pk]
    gate.work(rounds=3)
    assert calls(gate, sent) == before and before.get("finish", 0) == 0
    assert "rejections sent by then: 30; release not called" in batch_sentences.trouble(gate.batch())
    gate.platform.faults()
    do(TryAgain(), gate.batch(), reviewer())
    gate.work(rounds=8)
    assert (gate.batch().status, calls(gate, sent)["finish"]) == ("finished", 1)


@pytest.mark.parametrize("kind", ["batch", "single"])
def test_a_batch_that_was_received_is_checked_at_a_persons_word_and_then_waits(gate: Gate, kind: str) -> None:
    gate.project()
    sent = gate.fire(kind)
    gate.plan(directly=False)
    fence_all(timezone.now())
    gate.work(rounds=3)
    assert set(calls(gate, sent).values()) <= {0}
    do(TryAgain(), gate.batch(), reviewer())
    gate.work(rounds=3)
    assert (gate.batch().status, gate.batch().held_for) == ("in_review", ["restored"])
    do(RunAgain(), gate.batch(), reviewer("another"))
    gate.work(rounds=3)
    assert (gate.batch().status, gate.batch().held_for, gate.batch().at_deadline) == (
        *("in_review", ["restored"]),
        "leave",
    )
    assert calls(gate, sent).get("finish", 0) == 0


@pytest.mark.parametrize("status", [Status.PLANNED, Status.ACCEPTED, Status.REFUSED, Status.DELIVERED])
def test_work_that_calls_somebody_waits_for_a_person(status: Status) -> None:
    now = timezone.now()
    made = batch(status, accepted=3, at_deadline="accept", due_at=now, tell_at=now, claimed_until=now)
    fence_all(now)
    found = now_of(made)
    assert (found.due_at, found.tell_at, found.claimed_until) == (None, None, None)
    assert (found.attention, found.held_for, found.at_deadline) == ("restored", ["restored"], "leave")
    assert found.revision == made.revision + 1


def test_trouble_of_the_hook_outlasts_the_backup() -> None:
    made = batch(Status.PLANNED, attention="hook_unclear", attention_data={"problems": ["no_finish"]})
    fence_all(timezone.now())
    assert do(TryAgain(), made, reviewer()).attention == "hook_unclear"


def test_what_is_screened_goes_to_review() -> None:
    made = batch(Status.SCREENED, accepted=3, at_deadline="accept", due_at=None)
    fence_all(timezone.now())
    found = now_of(made)
    assert found.due_at is not None and (found.attention, found.at_deadline) == ("", "leave")


def test_no_clock_acts_and_nobody_is_told_that_the_deadline_passed() -> None:
    made = batch(accepted=3, attention="", at_deadline="accept", due_at=timezone.now())
    near_the_deadline(made)
    fence_all(timezone.now())
    Batch.objects.filter(pk=made.pk).update(due_at=timezone.now())
    assert let_the_clock_act(made).status == "in_review"
    Batch.objects.filter(pk=made.pk).update(deadline=timezone.now() - timedelta(seconds=2))
    assert lifecycle.expire(timezone.now()) == [made.pk]
    assert (now_of(made).status, now_of(made).tell_at) == ("expired", None)


def test_a_hold_that_is_lifted_lets_no_clock_act() -> None:
    made = batch(accepted=3, at_deadline="accept")
    do(PutOnHold(), made, reviewer(), note="Wait")
    fence_all(timezone.now())
    assert Hold.objects.get().declared == "leave"
    assert do(LiftHold(), made, reviewer("another")).due_at is None


def test_a_stopped_release_stays_with_people() -> None:
    made = batch(Status.ACCEPTED, accepted=3, at_deadline="accept")
    fence_all(timezone.now())
    found = do(StopRelease(), made, reviewer())
    assert (found.held_for, found.due_at, found.at_deadline) == (["restored", "stopped"], None, "leave")


def test_a_release_that_the_backup_called_is_taken_on_or_called_again() -> None:
    made = batch(Status.DELIVERED, accepted=3, outcome="released", finish_sent_at=timezone.now(), finish_lost=True)
    fence_all(timezone.now())
    assert "release called" in batch_sentences.trouble(now_of(made))
    manager = person("manager", "review_batch", "take_on_batch")
    assert do(TakeOn(), made, manager, note="It went out").status == "finished"


def test_a_second_run_leaves_what_people_have_decided_since() -> None:
    first, second = batch(Status.ACCEPTED, accepted=3), batch(Status.ACCEPTED, accepted=3)
    assert fence_all(timezone.now()).batches == [first.pk, second.pk]
    do(TryAgain(), first, reviewer())
    do(GiveUp(), second, reviewer("another"), note="Answered before")
    again = fence_all(timezone.now())
    assert (again.batches, again.hooks, again.transfers, again.changes, again.codes) == ([], [], [], [], 0)
    assert now_of(first).due_at is not None


def test_a_download_begins_at_a_persons_word(gate: Gate) -> None:
    gate.project()
    gate.fire()
    gate.plan()
    Spool.objects.update(failure={"status": 503}, attempts=9, due_at=timezone.now())
    fence_all(timezone.now())
    spool = Spool.objects.get()
    assert (spool.due_at, spool.failure, spool.attempts) == (None, {}, 0)


def test_a_hook_is_planned_at_a_persons_word(gate: Gate) -> None:
    gate.project()
    gate.fire("single")
    hook = Webhook.objects.get()
    assert fence_all(timezone.now()).hooks == [hook.pk]
    gate.work()
    assert not Batch.objects.exists()
    plan_again(hook.pk, user=reviewer())
    gate.work()
    assert gate.batch().status == "finished"


def test_transfers_changes_codes_and_messages_wait_or_are_left() -> None:
    now = timezone.now()
    done, held = batch(Status.FINISHED, accepted=3, outcome="released", finish_sent_at=now), batch(undecided=3)
    run = EffectRun.objects.create(
        batch=done, step=0, identifier="tell", kind="x", phase="transfer", total=3, due_at=now
    )
    person_ = reviewer()
    change = BulkChange.objects.create(
        batch=held, user=person_, note="n", verdict=1, before=0, begun_at=now, expected=3, due_at=now
    )
    pool = CodePool.objects.create(name="summer")
    PromoCode.objects.create(pool=pool, text="A", reserved_for=held.pk, holder=uuid4())
    PromoCode.objects.create(pool=pool, text="B")
    Message.objects.create(sendout=sendout(), batch=held, occasion="waiting", user=person_, due_at=now)
    out = StringIO()
    call_command("after_restore", stdout=out)
    assert f"Batches left to people: 1 (ids {held.pk})" in out.getvalue()
    assert f"Transfers that wait for “Send again”: 1 (ids {run.pk})" in out.getvalue()
    assert effects.stuck_transfers(done.pk) == ["tell"]
    change.refresh_from_db()
    assert (change.state, change.due_at) == ("cancelled", None)
    assert list(PromoCode.objects.filter(used_at__isnull=False).values_list("text", flat=True)) == ["A"]
    assert Message.objects.get().state == "lost"
    carry_out(SendAgain(), done, person_)
    run.refresh_from_db()
    assert run.due_at is not None


def test_it_refuses_while_processes_work() -> None:
    made = batch(Status.ACCEPTED, accepted=3, due_at=timezone.now())
    pulses.write("sweep")
    with pytest.raises(CommandError, match="sweep"):
        call_command("after_restore")
    assert now_of(made).due_at is not None
    Pulse.objects.update(at=timezone.now() - timedelta(minutes=2))
    call_command("after_restore", stdout=StringIO())
    assert now_of(made).due_at is None
