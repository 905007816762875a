"""Rows that kill workers, or fail: each is left to a person in the end, and takes nobody with it."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.utils import timezone

from sendouts.models import Batch, Event, Status, Webhook
from sendouts.stages import advance
from sendouts.stages.screening import contact_file, singles
from sendouts.verbs import RunAgain, TryAgain
from tests.factories import batch, client_of, plain_english, text_of
from tests.gate import Gate, carry_out, reviewer
from work import claims, outages, pulses
from work.models import Pulse

pytestmark = pytest.mark.django_db


def die(model: type, *ids: int) -> None:
    """Leave what a worker leaves that took these rows and was killed: claims that run out."""
    for pk in ids:
        with claims.alone(model, pk) as one:
            assert one.ids == (pk,)
            left = model.objects.filter(pk=pk).values("claim_id", "deaths").get()
        model.objects.filter(pk=pk).update(**left, claimed_until=timezone.now() - timedelta(seconds=1))


def due(count: int) -> list[int]:
    return [batch(Status.SCREENED, accepted=1, source="single", due_at=timezone.now()).pk for _ in range(count)]


def all_ids(model: type) -> list[int]:
    return list(model.objects.order_by("pk").values_list("pk", flat=True))


def test_who_takes_over_a_claim_that_ran_out_counts_a_death_and_works_alone() -> None:
    ids = due(5)
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


@pytest.mark.parametrize(
    ("state", "failed_before", "died"),
    [("57P01", timedelta(0), False), ("57P01", timedelta(hours=1), True), ("40P01", timedelta(0), True)],
)
def test_a_claim_that_ran_out_while_the_surroundings_failed_is_no_death(
    state: str, failed_before: timedelta, died: bool
) -> None:
    (pk,) = due(1)
    die(Batch, pk)
    outages.saw(psycopg.errors.lookup(state)())
    outages.tell()
    Pulse.objects.filter(pk=pulses.OUTAGE).update(at=timezone.now() - failed_before)
    claim = claims.take(Batch, [pk])
    assert (claim.ids, claim.suspects) == (((), (pk,)) if died else ((pk,), ()))
    claim.release()


def test_a_start_excuses_the_claims_before_it_but_no_start_soon_after_another() -> None:
    (pk,) = due(1)
    outages.tell_start()
    Pulse.objects.filter(pk=pulses.OUTAGE).update(at=timezone.now() - timedelta(minutes=9))
    die(Batch, pk)
    outages.tell_start()
    assert claims.take(Batch, [pk]).suspects == (pk,)
    Pulse.objects.filter(pk=pulses.OUTAGE).update(at=timezone.now() - timedelta(minutes=11))
    outages.tell_start()
    assert claims.take(Batch, [pk]).ids == (pk,)


def test_a_claim_that_was_given_back_or_taken_away_is_no_death(gate: Gate) -> None:
    gate.project()
    gate.fire()
    gate.plan()
    claims.take(Batch, all_ids(Batch)).release()
    claims.take(Batch, all_ids(Batch))
    carry_out(RunAgain(), gate.batch(), reviewer(), note="")
    assert claims.take(Batch, all_ids(Batch)).suspects == ()
    assert gate.batch().deaths == 0


def test_the_embedded_start_counts_who_was_at_work() -> None:
    held, free = due(2)
    claims.take(Batch, [held])
    assert claims.drop_all(Batch) == 1
    claim = claims.take(Batch, [held, free])
    assert (claim.ids, claim.suspects) == ((free,), (held,))


def test_a_single_restart_of_all_says_nothing_about_the_rows() -> None:
    (held,) = due(1)
    claims.take(Batch, [held])
    for died in (False, True):
        assert outages.tell_start() is not died
        claims.drop_all(Batch, died=died)
        claim = claims.take(Batch, [held])
        assert (claim.ids, claim.suspects) == (((), (held,)) if died else ((held,), ()))


def test_the_third_death_in_a_row_asks_for_a_person_who_can_have_it_tried_again(gate: Gate) -> None:
    gate.project()
    sent = gate.fire()
    gate.plan()
    for _ in range(3):
        die(Batch, gate.batch().pk)
    gate.work()
    made = gate.batch()
    assert (made.status, made.attention, made.due_at, made.claim_id) == ("planned", "worker_died", None, None)
    assert made.attention_data == {"deaths": 3, "status": "planned"}
    assert gate.words()[-1] == "attention"
    carry_out(TryAgain(), made, reviewer())
    gate.work()
    assert gate.batch().status == "finished" and gate.platform.sendout(sent["id"])["violations"] == []


def test_two_deaths_then_a_stored_chunk_then_two_more_ask_for_nobody(
    gate: Gate, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CHUNK_ROWS = 10
    gate.project()
    gate.fire(contacts=30)
    (pk,) = gate.plan()
    die(Batch, pk)
    die(Batch, pk)
    original, stored = contact_file.insert_decisions, []

    def killed_after_one(decisions: Any) -> None:
        if stored:
            raise SystemExit
        original(decisions)
        stored.append(1)

    with monkeypatch.context() as dying:
        dying.setattr(contact_file, "insert_decisions", killed_after_one)
        with pytest.raises(SystemExit):
            gate.work()
    assert gate.batch().chunks.count() == 1 and gate.batch().deaths == 0
    die(Batch, pk)
    die(Batch, pk)
    gate.work()
    assert (gate.batch().status, gate.batch().deaths) == ("finished", 0)


def test_one_poisoned_single_takes_nobody_with_it_nor_does_a_crash_over_all(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.project()
    sent = gate.fire("single", hooks=9, no_consent=0)
    gate.plan(directly=False)
    die(Batch, *all_ids(Batch))
    original, poisoned = singles.insert_decisions, all_ids(Batch)[5]

    def insert(decisions: Any) -> None:
        rows = list(decisions)
        if any(row.id >> 32 == poisoned for row in rows):
            raise MemoryError
        original(rows)

    monkeypatch.setattr(singles, "insert_decisions", insert)
    gate.work(rounds=3)
    seen = gate.platform.sendout(sent["id"])
    assert (seen["finished"], seen["violations"]) == (8, [])
    left = list(Batch.objects.exclude(status="finished").values_list("pk", "attention"))
    assert left == [(poisoned, "screening_failed")]
    assert set(Batch.objects.exclude(pk=poisoned).values_list("deaths", "attention")) == {(0, "")}


def test_a_hook_that_kills_workers_is_kept_shown_and_planned_again_on_request(gate: Gate, settings: Any) -> None:
    plain_english(settings)
    gate.project()
    gate.fire("single", hooks=3)
    hook = Webhook.objects.order_by("pk")[1]
    for _ in range(3):
        die(Webhook, hook.pk)
    assert len(gate.plan(directly=False)) == 2, "the others are planned"
    hook.refresh_from_db()
    assert (hook.outcome, hook.due_at, hook.claim_id) == ("failed", None, None)
    assert bytes(hook.body)
    client, page = client_of("Reviewer"), f"/admin/sendouts/webhook/{hook.pk}"
    assert "Planning ended the worker 3 times" in text_of(client.get(f"{page}/change/"))
    assert [client.post(f"{page}/again/").status_code for _ in range(2)] == [302, 409]
    hook.refresh_from_db()
    assert (hook.outcome, hook.deaths) == ("", 0)
    assert len(gate.plan(directly=False)) == 1 and Batch.objects.count() == 3


def test_a_batch_that_fails_after_screening_can_be_tried_again(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.project()
    gate.fire()

    def failing(*_: Any) -> None:
        raise ValueError

    with monkeypatch.context() as broken:
        stages = [(names, failing if names == ("screened",) else work) for names, work in advance.STAGES]
        broken.setattr(advance, "STAGES", stages)
        gate.work(rounds=3)
    made = gate.batch()
    assert (made.status, made.attention) == ("screened", "screening_failed")
    carry_out(TryAgain(), made, reviewer())
    gate.work()
    assert gate.batch().status == "finished"
    assert Event.objects.filter(word="retried").count() == 1
