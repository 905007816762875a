"""Decisions of people outlive the checks that run again: by contact, whatever the second file looks like."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import translation

from sendouts.models import Batch, Decision, DecisionVerdict, Event, EventWord, KeptDecision
from sendouts.stages import review
from sendouts.stages.screening import own_decisions
from sendouts.verbs import ChangeAlike, ChangeDecisions, RunAgain
from sendouts.verbs.base import NotDone
from sendouts.verbs.change_many import Which
from tests.gate import CONSENT, Gate, carry_out, person, reviewer
from tests.stages.invariants import hold


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


@pytest.fixture
def anna(db: None) -> User:
    return reviewer("anna")


def rows(*wanted: tuple[str, bool | None]) -> list[dict[str, Any]]:
    """Contacts with their consent; None: nothing is known of it."""
    return [
        {"contactId": name, "properties": {} if consent is None else {"consent": consent}} for name, consent in wanted
    ]


def held(gate: Gate, *wanted: tuple[str, bool | None]) -> Batch:
    gate.project(review="always")
    gate.fire(rows=rows(*wanted), contacts=len(wanted), due="none")
    gate.work()
    assert gate.batch().status == "in_review"
    return gate.batch()


def decide(gate: Gate, user: User, row: int, verdict: DecisionVerdict, note: str = "I know them.") -> None:
    batch = gate.batch()
    carry_out(ChangeDecisions([batch.first_decision + row], verdict), batch, user, note=note)


def run_again(gate: Gate, user: User) -> None:
    batch = gate.batch()
    carry_out(RunAgain(), batch, user, note="")


def second_file(monkeypatch: pytest.MonkeyPatch, order: list[int]) -> None:
    """The platform hands the rows out in another order, some perhaps twice or not at all."""
    from sendouts.stages.screening import contact_file

    chunks = contact_file.ItemReader.chunks

    def again(self: Any, size: int) -> Any:
        everything = [row for chunk in chunks(self, size) for row in chunk]
        wanted = [everything[place] for place in order]
        for start in range(0, len(wanted), size):
            yield wanted[start : start + size]

    monkeypatch.setattr(contact_file.ItemReader, "chunks", again)


def said(gate: Gate) -> dict[str, list[str]]:
    """What is said about each contact, row by row: the verdict, with a star where a person said it."""
    found: dict[str, list[str]] = {}
    for row in gate.decisions():
        word = DecisionVerdict(row.verdict).name.lower() + ("*" if row.decided_by_id else "")
        found.setdefault(row.contact_id, []).append(word)
    return found


def kept(gate: Gate) -> dict[str, Any]:
    event = Event.objects.filter(batch=gate.batch(), word=EventWord.KEPT).last()
    return event.data if event is not None else {}


def test_what_people_decided_holds_again_after_the_checks(gate: Gate, anna: User) -> None:
    held(gate, ("A", False), ("B", True), ("C", None), ("D", True))
    decide(gate, anna, 0, DecisionVerdict.ACCEPTED, "VIP")
    decide(gate, reviewer("ben"), 1, DecisionVerdict.REJECTED, "Asked us by phone")
    run_again(gate, anna)
    gate.work()
    batch = gate.batch()
    assert batch.status == "in_review"
    assert said(gate) == {"A": ["accepted*"], "B": ["rejected*"], "C": ["undecided"], "D": ["accepted"]}
    decisions = gate.decisions()
    assert [(row.reason, row.text, row.decided_by and row.decided_by.username) for row in decisions[:2]] == [
        ("person", "VIP", "anna"),
        ("person", "Asked us by phone", "ben"),
    ]
    assert (batch.accepted, batch.rejected, batch.undecided) == (2, 1, 1)
    assert sorted(batch.reasons) == sorted(review.count_reasons(batch.pk))
    assert kept(gate) == {"accepted": 1, "rejected": 1}
    assert not KeptDecision.objects.exists()
    hold([batch])


def test_a_person_outweighs_what_the_checks_find_newly(gate: Gate, anna: User) -> None:
    held(gate, ("A", False), ("B", True))
    decide(gate, anna, 0, DecisionVerdict.ACCEPTED)
    gate.define(gate.batch().project, "all", run="always", config=CONSENT | {"reject_if": {"equals": True}})
    run_again(gate, anna)
    gate.work()
    assert said(gate) == {"A": ["accepted*"], "B": ["rejected"]}


@pytest.mark.parametrize("size", [1, 3, 100])
def test_in_a_second_file_with_another_order_the_contact_counts_and_not_the_place(
    gate: Gate, anna: User, monkeypatch: pytest.MonkeyPatch, settings: Any, size: int
) -> None:
    settings.CHUNK_ROWS = size
    held(gate, ("A", False), ("B", True), ("C", True), ("D", True))
    decide(gate, anna, 0, DecisionVerdict.ACCEPTED)
    decide(gate, anna, 2, DecisionVerdict.REJECTED)
    second_file(monkeypatch, [3, 2, 1, 0])
    run_again(gate, anna)
    gate.work()
    assert said(gate) == {"D": ["accepted"], "C": ["rejected*"], "B": ["accepted"], "A": ["accepted*"]}
    assert kept(gate) == {"accepted": 1, "rejected": 1}
    hold([gate.batch()])


def test_who_is_not_in_the_second_file_is_counted_and_who_stands_there_twice_is_decided_twice(
    gate: Gate, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    held(gate, ("A", False), ("B", True), ("C", True))
    decide(gate, anna, 0, DecisionVerdict.ACCEPTED)
    decide(gate, anna, 1, DecisionVerdict.REJECTED)
    second_file(monkeypatch, [2, 1, 1])
    run_again(gate, anna)
    gate.work()
    assert said(gate) == {"C": ["accepted"], "B": ["rejected*", "rejected*"]}
    assert kept(gate) == {"rejected": 1, "missing": 1}


def test_two_rows_of_a_contact_decided_differently_keep_their_places_and_nothing_else(
    gate: Gate, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    held(gate, ("A", False), ("A", False), ("B", True))
    decide(gate, anna, 1, DecisionVerdict.ACCEPTED)
    run_again(gate, anna)
    gate.work()
    assert said(gate) == {"A": ["rejected", "accepted*"], "B": ["accepted"]}
    second_file(monkeypatch, [0, 2, 1])
    run_again(gate, anna)
    gate.work()
    assert said(gate) == {"A": ["rejected", "rejected"], "B": ["accepted"]}
    assert kept(gate) == {"missing": 1}


def test_two_rows_of_a_contact_decided_alike_hold_for_the_contact(
    gate: Gate, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    held(gate, ("A", False), ("A", False), ("B", True))
    decide(gate, anna, 0, DecisionVerdict.ACCEPTED)
    decide(gate, anna, 1, DecisionVerdict.ACCEPTED)
    second_file(monkeypatch, [2, 0, 1])
    run_again(gate, anna)
    gate.work()
    assert said(gate) == {"A": ["accepted*", "accepted*"], "B": ["accepted"]}
    assert kept(gate) == {"accepted": 2}


def test_what_many_changed_at_once_is_kept_as_well(gate: Gate, anna: User, settings: Any) -> None:
    settings.CHUNK_ROWS = 7
    held(gate, *((f"R{place}", False) for place in range(30)), *((f"A{place}", True) for place in range(10)))
    batch = gate.batch()
    which = Which(DecisionVerdict.REJECTED, ("rule", "consent-check"))
    carry_out(ChangeAlike(which, DecisionVerdict.ACCEPTED), batch, anna, note="By post.")
    run_again(gate, anna)
    gate.work()
    assert (gate.batch().accepted, gate.batch().rejected) == (40, 0)
    assert kept(gate) == {"accepted": 30}
    hold([gate.batch()])


def test_an_unreadable_row_that_was_taken_on_is_asked_about_again(gate: Gate) -> None:
    gate.project(review="always")
    gate.fire(contacts=20, format="ndjson", raw_lines=[[3, '{"contactId": "half']])
    gate.work()
    boss = person("boss", "view_batch", "review_batch", "take_on_batch")
    decide(gate, boss, 3, DecisionVerdict.ACCEPTED)
    assert gate.batch().unread == 0
    run_again(gate, boss)
    gate.work()
    assert (gate.batch().unread, gate.batch().attention) == (1, "unread_rows")
    assert kept(gate) == {}


def test_what_an_acceptance_chose_for_the_undecided_is_nobodys_own_decision(gate: Gate, anna: User) -> None:
    batch = held(gate, ("A", None), ("B", True))
    Decision.objects.filter(pk=batch.first_decision).update(reason="person", text="", decided_by=anna)
    assert own_decisions.keep(batch.pk) == 0


def test_a_second_run_before_the_first_was_through_keeps_them_still(
    gate: Gate, anna: User, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.CHUNK_ROWS = 1
    held(gate, ("A", False), ("B", True), ("C", True))
    decide(gate, anna, 0, DecisionVerdict.ACCEPTED)
    run_again(gate, anna)
    from sendouts.stages.screening import contact_file

    with monkeypatch.context() as dying:
        stored = contact_file._store_chunk

        def killed(*given: Any) -> None:
            stored(*given)
            raise SystemExit

        dying.setattr(contact_file, "_store_chunk", killed)
        with pytest.raises(SystemExit):
            gate.work()
    assert KeptDecision.objects.filter(applied=True).count() == 1
    Batch.objects.update(claim_id=None, claimed_until=None)
    run_again(gate, anna)
    assert KeptDecision.objects.filter(applied=True).count() == 0
    gate.work()
    assert said(gate) == {"A": ["accepted*"], "B": ["accepted"], "C": ["accepted"]}
    assert kept(gate) == {"accepted": 1}


def test_a_single_keeps_them_too(gate: Gate, anna: User) -> None:
    gate.project(review="always")
    gate.fire("single", no_consent=1)
    gate.work()
    decide(gate, anna, 0, DecisionVerdict.ACCEPTED)
    run_again(gate, anna)
    gate.work()
    assert (gate.batch().status, gate.batch().accepted) == ("in_review", 1)
    assert gate.decisions()[0].decided_by == anna
    assert kept(gate) == {"accepted": 1}
    hold([gate.batch()])


def test_who_may_not_decide_runs_nothing_again_and_nothing_is_kept(gate: Gate, anna: User) -> None:
    held(gate, ("A", False))
    decide(gate, anna, 0, DecisionVerdict.ACCEPTED)
    with pytest.raises(NotDone):
        run_again(gate, person("viewer", "view_batch"))
    assert not KeptDecision.objects.exists()
