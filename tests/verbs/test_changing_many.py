"""Many decisions changed at once: few while the person waits, many piece by piece, and nobody decides on the batch meanwhile."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from sendouts import lifecycle
from sendouts.models import Answer, Batch, BulkChange, Decision, DecisionVerdict, Event, EventWord, Status
from sendouts.models.decision import rows_of
from sendouts.outlook import forecast
from sendouts.stages import review
from sendouts.verbs import Accept, CancelChange, ChangeAlike, change_many
from sendouts.verbs.change_many import Which
from tests.factories import batch
from tests.gate import carry_out
from tests.lanes import work_on
from tests.verbs.rows import adds_up, do, let_the_clock_act, near_the_deadline, now_of, refusal, words
from work import claims

pytestmark = pytest.mark.django_db
REASON = Which(DecisionVerdict.REJECTED, ("rule", "consent-check"))
UNDECIDED = Which(DecisionVerdict.UNDECIDED)


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


def begin(
    made: Batch, user: User, which: Which = REASON, to: DecisionVerdict = DecisionVerdict.ACCEPTED, **more: Any
) -> BulkChange:
    return carry_out(ChangeAlike(which, to), now_of(made), user, **{"note": "They agreed."} | more)


def one_piece(bulk: BulkChange) -> bool:
    """What a worker does in one transaction, and then it is gone."""
    claim = claims.take(BulkChange, [bulk.pk])
    assert claim.ids == (bulk.pk,)
    more = change_many._piece(claim, bulk.pk, timezone.now())
    claim.release()
    return more


def work(bulk: BulkChange) -> tuple[str, int]:
    """Let a worker go on with a change; returns its state, and how many are changed."""
    work_on("changes", [bulk.pk])
    bulk.refresh_from_db()
    return bulk.state, bulk.changed


def numbers(made: Batch) -> tuple[int, int, int, int]:
    made.refresh_from_db()
    return made.accepted, made.rejected, made.undecided, made.unread


def test_few_are_changed_at_once_with_one_event_and_the_reason_is_the_note(anna: User) -> None:
    made = held()
    bulk = begin(made, anna)
    assert (bulk.state, bulk.changed, bulk.expected) == ("done", 7, 7)
    assert numbers(made) == (12, 0, 0, 0)
    assert made.reasons == [[1, "person", "They agreed.", "", 7]]
    rows = Decision.objects.filter(rows_of(made.pk), reason="person")
    assert set(rows.values_list("verdict", "text", "decided_by")) == {
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
    assert work(bulk) == ("done", 7) and bulk.due_at is None
    assert numbers(made) == (12, 0, 0, 0) and made.revision == seen + 2
    assert words(made) == ["change_begun", "change_ended"]
    assert Event.objects.filter(batch=made).last().data["contacts"] == 7  # type: ignore[union-attr]
    adds_up(made)


def test_a_worker_that_dies_is_followed_by_one_that_goes_on_where_it_stopped(anna: User, by_task: None) -> None:
    made = held()
    bulk = begin(made, anna)
    dead = claims.take(BulkChange, [bulk.pk])
    assert change_many._piece(dead, bulk.pk, timezone.now())
    assert work(bulk) == ("running", 4) and bulk.next_row == 4, "as long as the claim holds, it is nobody else's"
    BulkChange.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert work(bulk) == ("done", 7)
    with pytest.raises(claims.ClaimLost):
        change_many._piece(dead, bulk.pk, timezone.now())
    assert numbers(made) == (12, 0, 0, 0)
    adds_up(made)


@pytest.mark.parametrize("why", ["deaths", "defect"])
def test_a_change_that_gets_no_further_fails_and_frees_the_batch(
    anna: User, by_task: None, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    made = held()
    bulk = begin(made, anna)
    assert one_piece(bulk)
    if why == "deaths":
        BulkChange.objects.update(deaths=claims.DEATHS)
        work(bulk)
    else:
        # A piece that cannot be counted is a defect.
        monkeypatch.setattr(change_many, "_change", None)
        for _ in range(3):
            BulkChange.objects.filter(state="running").update(due_at=timezone.now())
            work(bulk)
    bulk.refresh_from_db()
    assert (bulk.state, bulk.changed) == ("failed", 4)
    assert numbers(made) == (9, 3, 0, 0)
    assert do(Accept(), made, anna).status == "accepted"


def test_nobody_decides_on_the_batch_meanwhile(anna: User, ben: User, by_task: None) -> None:
    made = held(undecided=2)
    begin(made, anna)
    refused = refusal(Accept(), made, ben)
    assert refused.code == "changing"
    assert "anna is changing 7 decisions of this batch at the moment" in str(refused)


def test_the_clock_does_not_act_while_decisions_are_changed_and_acts_when_it_is_done(anna: User, by_task: None) -> None:
    made = held(at_deadline="accept", due_at=timezone.now() + timedelta(minutes=1))
    bulk = begin(made, anna)
    near_the_deadline(made)
    forecast.foresee(timezone.now())
    assert now_of(made).due_at is None and let_the_clock_act(made).status == Status.IN_REVIEW
    work(bulk)
    acted = let_the_clock_act(made)
    assert (acted.status, acted.accepted) == (Status.ACCEPTED, 12)


def test_a_cancelled_change_keeps_what_is_done_and_says_so_and_the_clock_leaves_it(
    anna: User, ben: User, by_task: None
) -> None:
    made = held(at_deadline="accept", due_at=timezone.now() + timedelta(minutes=1))
    bulk = begin(made, anna)
    assert one_piece(bulk)
    near_the_deadline(made)
    worker = claims.take(BulkChange, [bulk.pk])
    cancelled = do(CancelChange(), made, ben, note="Enough.")
    with pytest.raises(claims.ClaimLost):
        change_many._piece(worker, bulk.pk, timezone.now())
    assert work(bulk) == ("cancelled", 4) and numbers(made) == (9, 3, 0, 0)
    assert cancelled.due_at is None, "nobody looked at what is half done"
    event = Event.objects.filter(batch=made).last()
    assert event is not None and (event.user, event.note) == (ben, "Enough.")
    assert (event.data["state"], event.data["contacts"]) == ("cancelled", 4)
    assert "nothing to stop" in str(refusal(CancelChange(), made, ben))
    adds_up(made)


def test_a_change_ends_with_the_batch_whose_deadline_passes(anna: User, by_task: None) -> None:
    made = held()
    bulk = begin(made, anna)
    assert one_piece(bulk)
    Batch.objects.update(deadline=timezone.now() - timedelta(seconds=1))
    lifecycle.expire(timezone.now())
    assert work(bulk) == ("overtaken", 4)
    assert now_of(made).status == Status.EXPIRED
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
    assert work(back) == ("done", 5)
    away = begin(made, anna, UNDECIDED, DecisionVerdict.REJECTED)
    assert work(away) == ("done", 3)
    assert (back.sent, away.no_address) == (2, 1)
    assert numbers(made) == (10, 5, 1, 2), "who cannot be read is not among the undecided"
    told = Event.objects.filter(batch=made).exclude(word=EventWord.CHANGE_BEGUN).order_by("pk")
    assert [event.data.get("sent") or event.data.get("no_address") for event in told[2:]] == [2, 1]
    adds_up(made)


def test_unreadable_rows_are_rejected_with_a_reason_and_never_let_through(anna: User) -> None:
    made = held(unread=3)
    row = Which(DecisionVerdict.UNDECIDED, ("no_id", ""))
    assert "could not be read" in str(refusal(ChangeAlike(row, DecisionVerdict.ACCEPTED), made, anna))
    begin(made, anna, row, DecisionVerdict.REJECTED)
    assert numbers(made) == (5, 10, 0, 0)
    adds_up(made)


def test_where_nothing_can_be_changed_it_is_said_why_and_nothing_is_stored(anna: User) -> None:
    made = held()
    other = Which(DecisionVerdict.REJECTED, ("rule", "another-check"))
    assert "nothing to change" in str(refusal(ChangeAlike(other, DecisionVerdict.ACCEPTED), made, anna))
    Decision.objects.update(uri=b"")
    accepted = Which(DecisionVerdict.ACCEPTED)
    assert "have no address" in str(refusal(ChangeAlike(accepted, DecisionVerdict.REJECTED), made, anna))
    Decision.objects.filter(verdict=DecisionVerdict.REJECTED).update(answer=Answer.CONFIRMED)
    assert "were sent before" in str(refusal(ChangeAlike(REASON, DecisionVerdict.ACCEPTED), made, anna))
    assert not BulkChange.objects.exists()


def test_nobody_is_undecided_any_more_once_all_are_rejected_or_put_back(anna: User) -> None:
    made = held(undecided=3, held_for=["undecided"])
    begin(made, anna, UNDECIDED, DecisionVerdict.REJECTED)
    assert numbers(made) == (5, 10, 0, 0)
    assert made.held_for == ["changed"]
