"""Many decisions changed at once: few while the person waits, many piece by piece, and nobody decides on the batch meanwhile."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone, translation

from sendouts import lifecycle
from sendouts.models import Answer, Batch, BulkChange, Decision, DecisionVerdict, Event, EventWord, Status
from sendouts.models.decision import rows_of
from sendouts.outlook import forecast
from sendouts.stages import review
from sendouts.verbs import (
    Accept,
    CancelChange,
    ChangeAlike,
    StopRelease,
    change_many,
)
from sendouts.verbs.base import NotDone
from sendouts.verbs.change_many import Which
from tests.factories import batch
from tests.gate import carry_out, reviewer
from tests.lanes import work_on
from tests.stages.invariants import counts_are_those_of_the_decisions, revisions_rise
from work import claims

pytestmark = pytest.mark.django_db
REASON = Which(DecisionVerdict.REJECTED, ("rule", "consent-check"))
MISSING = ("missing", "consent-check")
UNDECIDED = Which(DecisionVerdict.UNDECIDED)


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


@pytest.fixture
def anna(db: None) -> User:
    return reviewer("anna")


@pytest.fixture
def by_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is few, and a piece is four rows."""
    monkeypatch.setattr(change_many, "AT_ONCE", 0)
    monkeypatch.setattr(change_many, "PIECE", 4)


def held(**values: Any) -> Batch:
    made = batch(**({"accepted": 5, "rejected": 7, "held_for": ["always"]} | values))
    made.reasons = review.count_reasons(made.pk)
    made.save(update_fields=["reasons"])
    return made


def adds_up(made: Batch) -> None:
    made.refresh_from_db()
    counts_are_those_of_the_decisions(made)
    revisions_rise(made, list(Event.objects.filter(batch=made).order_by("pk")))
    assert sorted(made.reasons) == sorted(review.count_reasons(made.pk))


def begin(
    made: Batch, user: User, which: Which = REASON, to: DecisionVerdict = DecisionVerdict.ACCEPTED, **more: Any
) -> BulkChange:
    made.refresh_from_db()
    return carry_out(ChangeAlike(which, to), made, user, **{"note": "They agreed."} | more)


def one_piece(bulk: BulkChange) -> bool:
    """What a worker does in one transaction, and then it is gone."""
    claim = claims.take(BulkChange, [bulk.pk])
    assert claim.ids == (bulk.pk,)
    more = change_many._piece(claim, bulk.pk, timezone.now())
    claim.release()
    return more


def numbers(made: Batch) -> tuple[int, int, int, int]:
    made.refresh_from_db()
    return made.accepted, made.rejected, made.undecided, made.unread


def words(made: Batch) -> list[str]:
    return [event.new or event.word for event in Event.objects.filter(batch=made).order_by("pk")][2:]


def test_few_are_changed_at_once_with_one_event_and_the_reason_is_the_note(anna: User) -> None:
    made = held()
    bulk = begin(made, anna)
    assert (bulk.state, bulk.changed, bulk.expected) == ("done", 7, 7)
    assert numbers(made) == (12, 0, 0, 0)
    assert made.reasons == [[1, "person", "They agreed.", "", 7]] == review.count_reasons(made.pk)
    rows = Decision.objects.filter(rows_of(made.pk), reason="person")
    assert {(row.verdict, row.text, row.decided_by_id) for row in rows} == {
        (DecisionVerdict.ACCEPTED, "They agreed.", anna.pk)
    }
    event = Event.objects.get(batch=made, word=EventWord.CHANGED)
    assert (event.user, event.note, event.data["contacts"]) == (anna, "They agreed.", 7)
    adds_up(made)


def test_many_are_changed_piece_by_piece_with_an_event_at_the_start_and_one_at_the_end(
    anna: User, by_task: None
) -> None:
    made = held()
    seen = made.revision
    bulk = begin(made, anna)
    assert bulk.is_running and numbers(made) == (5, 7, 0, 0)
    assert made.revision == seen + 1
    assert one_piece(bulk)
    assert numbers(made) == (9, 3, 0, 0)
    assert made.reasons == review.count_reasons(made.pk)
    assert made.revision == seen + 1, "nobody decides meanwhile, so that no number has to move"
    work_on("changes", [bulk.pk])
    bulk.refresh_from_db()
    assert (bulk.state, bulk.changed, bulk.due_at) == ("done", 7, None)
    assert numbers(made) == (12, 0, 0, 0) and made.revision == seen + 2
    assert words(made) == ["change_begun", "change_ended"]
    assert Event.objects.filter(batch=made).last().data["contacts"] == 7  # type: ignore[union-attr]
    adds_up(made)


def test_a_worker_that_dies_is_followed_by_one_that_goes_on_where_it_stopped(anna: User, by_task: None) -> None:
    made = held()
    bulk = begin(made, anna)
    dead = claims.take(BulkChange, [bulk.pk])
    assert change_many._piece(dead, bulk.pk, timezone.now())
    work_on("changes", [bulk.pk])
    bulk.refresh_from_db()
    assert (bulk.next_row, bulk.changed) == (4, 4), "as long as the claim holds, it is nobody else's"
    BulkChange.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    work_on("changes", [bulk.pk])
    bulk.refresh_from_db()
    assert (bulk.state, bulk.changed) == ("done", 7)
    with pytest.raises(claims.ClaimLost):
        change_many._piece(dead, bulk.pk, timezone.now())
    assert numbers(made) == (12, 0, 0, 0)
    adds_up(made)


def test_a_change_at_which_three_workers_died_fails_and_frees_the_batch(anna: User, by_task: None) -> None:
    made = held()
    bulk = begin(made, anna)
    assert one_piece(bulk)
    BulkChange.objects.update(deaths=claims.DEATHS)
    work_on("changes", [bulk.pk])
    bulk.refresh_from_db()
    assert (bulk.state, bulk.changed) == ("failed", 4)
    assert numbers(made) == (9, 3, 0, 0)
    carry_out(Accept(), made, anna)


def test_a_change_that_fails_again_and_again_frees_the_batch(
    anna: User, by_task: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = held()
    bulk = begin(made, anna)

    def broken(*_: Any) -> None:
        raise ValueError("a defect")

    monkeypatch.setattr(change_many, "_change", broken)
    for _ in range(3):
        BulkChange.objects.filter(state="running").update(due_at=timezone.now())
        work_on("changes", [bulk.pk])
    bulk.refresh_from_db()
    assert (bulk.state, bulk.changed) == ("failed", 0)
    assert numbers(made) == (5, 7, 0, 0) and made.running_change is None


def test_nobody_decides_on_the_batch_meanwhile(anna: User, by_task: None) -> None:
    made = held(undecided=2)
    begin(made, anna)
    made.refresh_from_db()
    before = numbers(made), made.status, made.revision
    with pytest.raises(NotDone, match="anna is changing 7 decisions of this batch at the moment") as refused:
        carry_out(Accept(), made, reviewer("ben"))
    assert refused.value.code == "changing"
    assert (numbers(made), made.status, made.revision) == before


def test_the_clock_does_not_act_while_decisions_are_changed_and_acts_when_it_is_done(anna: User, by_task: None) -> None:
    made = held(at_deadline="accept", due_at=timezone.now() + timedelta(minutes=1))
    bulk = begin(made, anna)
    now = timezone.now()
    Batch.objects.update(received_at=now - timedelta(minutes=57), deadline=now + timedelta(minutes=3))
    forecast.foresee(now)
    made.refresh_from_db()
    assert made.due_at is None
    claim = claims.take(Batch, [made.pk])
    assert claim.ids == (), "nothing is due"
    work_on("changes", [bulk.pk])
    made.refresh_from_db()
    assert made.due_at is not None and made.due_at <= timezone.now()
    claim = claims.take(Batch, [made.pk])
    review.at_deadline(claim, [made], timezone.now())
    made.refresh_from_db()
    assert (made.status, made.accepted) == (Status.ACCEPTED, 12)


def test_a_cancelled_change_keeps_what_is_done_and_says_so(anna: User, by_task: None) -> None:
    made = held()
    bulk = begin(made, anna)
    assert one_piece(bulk)
    made.refresh_from_db()
    ben = reviewer("ben")
    carry_out(CancelChange(), made, ben, note="Enough.")
    bulk.refresh_from_db()
    assert (bulk.state, bulk.changed, numbers(made)) == ("cancelled", 4, (9, 3, 0, 0))
    event = Event.objects.filter(batch=made).last()
    assert event is not None and (event.user, event.note) == (ben, "Enough.")
    assert (event.data["state"], event.data["contacts"]) == ("cancelled", 4)
    work_on("changes", [bulk.pk])
    assert numbers(made) == (9, 3, 0, 0)
    with pytest.raises(NotDone, match="nothing to stop"):
        carry_out(CancelChange(), made, ben)
    adds_up(made)


def test_the_clock_leaves_what_was_cancelled_half_way_after_its_moment(anna: User, by_task: None) -> None:
    made = held(at_deadline="accept", due_at=timezone.now() + timedelta(minutes=1))
    bulk = begin(made, anna)
    assert one_piece(bulk)
    now = timezone.now()
    Batch.objects.update(received_at=now - timedelta(minutes=57), deadline=now + timedelta(minutes=3))
    carry_out(CancelChange(), made, anna, revision=None, now=now)
    made.refresh_from_db()
    assert made.due_at is None


def test_a_worker_whose_change_is_cancelled_loses_its_claim(anna: User, by_task: None) -> None:
    made = held()
    bulk = begin(made, anna)
    claim = claims.take(BulkChange, [bulk.pk])
    carry_out(CancelChange(), made, anna, revision=None)
    with pytest.raises(claims.ClaimLost):
        change_many._piece(claim, bulk.pk, timezone.now())
    assert numbers(made) == (5, 7, 0, 0)


def test_a_change_ends_with_the_batch_whose_deadline_passes(anna: User, by_task: None) -> None:
    made = held()
    bulk = begin(made, anna)
    assert one_piece(bulk)
    Batch.objects.update(deadline=timezone.now() - timedelta(seconds=1))
    lifecycle.expire(timezone.now())
    work_on("changes", [bulk.pk])
    bulk.refresh_from_db()
    assert (bulk.state, bulk.changed) == ("overtaken", 4)
    made.refresh_from_db()
    assert made.status == Status.EXPIRED
    assert words(made) == ["change_begun", "expired", "change_ended"]


@pytest.mark.parametrize("task", [False, True], ids=["at once", "by task"])
def test_what_nobody_can_change_stays_and_is_counted(anna: User, monkeypatch: pytest.MonkeyPatch, task: bool) -> None:
    if task:
        monkeypatch.setattr(change_many, "AT_ONCE", 0)
        monkeypatch.setattr(change_many, "PIECE", 3)
    made = held(undecided=4, unread=2)
    Decision.objects.filter(pk__in=[made.first_decision, made.first_decision + 1]).update(answer=Answer.CONFIRMED)
    Batch.objects.update(confirmed=2, final=2)
    Decision.objects.filter(pk=made.first_decision + 7).update(uri=b"")
    back = begin(made, anna)
    work_on("changes", [back.pk])
    away = begin(made, anna, UNDECIDED, DecisionVerdict.REJECTED)
    work_on("changes", [away.pk])
    back.refresh_from_db()
    away.refresh_from_db()
    assert (back.changed, back.sent, away.changed, away.no_address) == (5, 2, 3, 1)
    assert numbers(made) == (10, 5, 1, 2), "who cannot be read is not among the undecided"
    told = Event.objects.filter(batch=made).exclude(word=EventWord.CHANGE_BEGUN).order_by("pk")
    assert [event.data.get("sent") or event.data.get("no_address") for event in told[2:]] == [2, 1]
    adds_up(made)


def test_unreadable_rows_are_rejected_with_a_reason_and_never_let_through(anna: User) -> None:
    made = held(unread=3)
    row = Which(DecisionVerdict.UNDECIDED, ("no_id", ""))
    with pytest.raises(NotDone, match="could not be read"):
        begin(made, anna, row)
    begin(made, anna, row, DecisionVerdict.REJECTED)
    assert numbers(made) == (5, 10, 0, 0)
    adds_up(made)


def test_nobody_is_undecided_any_more_once_all_are_rejected_or_put_back(anna: User) -> None:
    made = held(undecided=3, held_for=["undecided"])
    begin(made, anna, UNDECIDED, DecisionVerdict.REJECTED)
    assert numbers(made) == (5, 10, 0, 0)
    assert made.held_for == ["changed"]


def test_where_no_contact_is_like_that_nothing_is_changed(anna: User) -> None:
    made = held()
    with pytest.raises(NotDone, match="nothing to change"):
        begin(made, anna, Which(DecisionVerdict.REJECTED, ("rule", "another-check")))
    assert not BulkChange.objects.exists() and numbers(made) == (5, 7, 0, 0)


def test_the_same_click_twice_changes_once(anna: User, by_task: None) -> None:
    made = held()
    seen = made.revision
    begin(made, anna)
    with pytest.raises(NotDone) as refused:
        begin(made, anna, revision=seen)
    assert refused.value.code == "changing"
    assert BulkChange.objects.count() == 1


def test_a_batch_whose_many_decisions_were_changed_is_accepted_with_the_new_numbers(anna: User) -> None:
    made = held(undecided=2)
    begin(made, anna)
    begin(made, anna, Which(DecisionVerdict.UNDECIDED, MISSING), DecisionVerdict.REJECTED)
    carry_out(Accept(), made, reviewer("ben"), revision=None)
    carry_out(StopRelease(), made, anna, revision=None)
    assert numbers(made) == (12, 2, 0, 0)
    adds_up(made)
