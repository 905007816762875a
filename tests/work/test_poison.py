"""Rows that kill workers, or fail: each is left to a person in the end, and takes nobody with it."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone, translation

from sendouts.models import Batch, Event, Webhook
from sendouts.stages import advance
from sendouts.stages.screening import contact_file, singles
from sendouts.verbs import RunAgain, TryAgain, run_again
from sendouts.verbs.base import NotDone
from tests.factories import client_of, plain_english, text_of
from tests.gate import Gate, carry_out, person, reviewer
from work import claims


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


def die(model: type, *ids: int) -> None:
    """Leave what a worker leaves that took these rows and was killed: claims that run out."""
    for pk in ids:
        with claims.alone(model, pk) as one:
            assert one.ids == (pk,)
            left = model.objects.filter(pk=pk).values("claim_id", "deaths").get()
        model.objects.filter(pk=pk).update(**left, claimed_until=timezone.now() - timedelta(seconds=1))


def all_ids(model: type) -> list[int]:
    return list(model.objects.order_by("pk").values_list("pk", flat=True))


def test_who_takes_over_a_claim_that_ran_out_counts_a_death_and_works_alone(gate: Gate) -> None:
    gate.project()
    gate.fire("single", hooks=5)
    gate.plan()
    ids = all_ids(Batch)
    die(Batch, *ids[:3])
    claim = claims.take(Batch, ids)
    assert (claim.ids, claim.suspects) == (tuple(ids[3:]), tuple(ids[:3]))
    with claims.alone(Batch, ids[0]) as one:
        assert (one.ids, one.deaths) == ((ids[0],), 1)
        with claims.alone(Batch, ids[1]) as another:
            assert another.ids == (), "one such row at a time"
        one.extend(one.ids, progress=True)
        with claims.alone(Batch, ids[1]) as another:
            assert another.ids == (ids[1],), "what has got further is no suspect any more"
    assert Batch.objects.get(pk=ids[0]).deaths == 0


def test_a_claim_that_was_given_back_or_taken_away_is_no_death(gate: Gate) -> None:
    gate.project()
    gate.fire()
    gate.plan()
    claims.take(Batch, all_ids(Batch)).release()
    claims.take(Batch, all_ids(Batch))
    carry_out(RunAgain(), gate.batch(), reviewer(), note="")
    assert claims.take(Batch, all_ids(Batch)).suspects == ()
    assert gate.batch().deaths == 0


def test_the_embedded_start_counts_who_was_at_work(gate: Gate) -> None:
    gate.project()
    gate.fire("single", hooks=2)
    gate.plan()
    held, free = all_ids(Batch)
    claims.take(Batch, [held])
    assert claims.drop_all(Batch) == 1
    claim = claims.take(Batch, [held, free])
    assert (claim.ids, claim.suspects) == ((free,), (held,))


def test_the_third_death_in_a_row_asks_for_a_person_who_can_have_it_tried_again(gate: Gate) -> None:
    gate.project()
    sent = gate.fire()
    gate.plan()
    for _ in range(3):
        die(Batch, gate.batch().pk)
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.attention, batch.due_at, batch.claim_id) == ("planned", "worker_died", None, None)
    assert batch.attention_data == {"deaths": 3, "status": "planned"}
    assert gate.words()[-1] == "attention"
    carry_out(TryAgain(), batch, reviewer())
    gate.work()
    assert gate.batch().status == "finished" and gate.platform.sendout(sent["id"])["violations"] == []


def test_two_deaths_then_a_stored_chunk_then_two_more_ask_for_nobody(gate: Gate, settings: Any) -> None:
    settings.CHUNK_ROWS = 10
    gate.project()
    gate.fire()
    gate.plan()
    die(Batch, gate.batch().pk)
    die(Batch, gate.batch().pk)

    original = contact_file.insert_decisions
    stored: list[int] = []

    def killed_after_one(decisions: Any) -> None:
        if stored:
            raise SystemExit
        original(decisions)
        stored.append(1)

    contact_file.insert_decisions = killed_after_one
    try:
        with pytest.raises(SystemExit):
            gate.work()
    finally:
        contact_file.insert_decisions = original
    assert gate.batch().chunks.count() == 1 and gate.batch().deaths == 0
    die(Batch, gate.batch().pk)
    die(Batch, gate.batch().pk)
    gate.work()
    assert (gate.batch().status, gate.batch().deaths) == ("finished", 0)


def test_a_crash_over_many_singles_asks_for_nobody_and_they_all_go_on(gate: Gate) -> None:
    gate.project()
    sent = gate.fire("single", hooks=30)
    gate.plan()
    for _ in range(2):
        die(Batch, *all_ids(Batch))
    gate.work()
    seen = gate.platform.sendout(sent["id"])
    assert (seen["finished"], seen["violations"]) == (30, [])
    assert set(Batch.objects.values_list("deaths", "attention")) == {(0, "")}


@pytest.mark.parametrize("error", [MemoryError, RecursionError, ValueError])
def test_one_poisoned_single_among_two_hundred_takes_nobody_with_it(gate: Gate, error: type[Exception]) -> None:
    gate.project()
    sent = gate.fire("single", hooks=200, no_consent=0)
    gate.plan()
    poisoned = all_ids(Batch)[77]
    original = singles.insert_decisions

    def insert(decisions: Any) -> None:
        rows = list(decisions)
        if any(row.id >> 32 == poisoned for row in rows):
            raise error
        original(rows)

    singles.insert_decisions = insert
    try:
        gate.work(rounds=3)
    finally:
        singles.insert_decisions = original
    assert gate.platform.sendout(sent["id"])["finished"] == 199
    assert list(Batch.objects.exclude(status="finished").values_list("pk", "attention")) == [
        (poisoned, "screening_failed")
    ]


def poisoned_hook(gate: Gate) -> Webhook:
    gate.project()
    gate.fire("single", hooks=3)
    hook = Webhook.objects.order_by("pk")[1]
    for _ in range(3):
        die(Webhook, hook.pk)
    assert len(gate.plan()) == 2, "the others are planned"
    hook.refresh_from_db()
    return hook


def test_a_hook_that_kills_workers_is_kept_shown_and_planned_again_on_request(gate: Gate, settings: Any) -> None:
    plain_english(settings)
    hook = poisoned_hook(gate)
    assert (hook.outcome, hook.due_at, hook.claim_id) == ("failed", None, None)
    assert bytes(hook.body)
    client = client_of("Reviewer")
    assert "could not be planned" in text_of(client.get("/admin/sendouts/webhook/?outcome__exact=failed"))
    page = text_of(client.get(f"/admin/sendouts/webhook/{hook.pk}/change/"))
    assert "Planning ended the worker 3 times" in page and f"/admin/sendouts/webhook/{hook.pk}/again/" in page
    assert "tried again, alone" in text_of(client.get(f"/admin/sendouts/webhook/{hook.pk}/again/"))
    assert client.post(f"/admin/sendouts/webhook/{hook.pk}/again/").status_code == 302
    assert client.post(f"/admin/sendouts/webhook/{hook.pk}/again/").status_code == 409
    hook.refresh_from_db()
    assert (hook.outcome, hook.deaths) == ("", 0)
    assert len(gate.plan()) == 1 and Batch.objects.count() == 3


@pytest.mark.parametrize("role", ["staff", "Viewer"])
def test_who_may_only_look_plans_no_hook_again(gate: Gate, role: str) -> None:
    hook = poisoned_hook(gate)
    assert client_of(role).post(f"/admin/sendouts/webhook/{hook.pk}/again/").status_code == 403
    assert Client().post(f"/admin/sendouts/webhook/{hook.pk}/again/")["Location"].startswith("/admin/login/")
    with pytest.raises(NotDone):
        run_again.plan_again(hook.pk, user=person("viewer", "view_batch"), now=timezone.now())
    assert Webhook.objects.get(pk=hook.pk).outcome == "failed"


def test_a_batch_that_fails_after_screening_can_be_tried_again(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.project()
    gate.fire()

    def failing(*_: Any) -> None:
        raise ValueError

    with monkeypatch.context() as broken:
        stages = [(names, failing if names == ("screened",) else work) for names, work in advance.STAGES]
        broken.setattr(advance, "STAGES", stages)
        gate.work(rounds=3)
    batch = gate.batch()
    assert (batch.status, batch.attention) == ("screened", "screening_failed")
    carry_out(TryAgain(), batch, reviewer())
    gate.work()
    assert gate.batch().status == "finished"
    assert Event.objects.filter(word="retried").count() == 1
