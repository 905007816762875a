"""Decisions of people outlive the checks that run again: by contact, whatever the second file looks like."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from sendouts.models import Batch, Decision, DecisionVerdict, EffectRun, Event, EventWord, KeptDecision
from sendouts.models.decision import rows_of
from sendouts.stages import review
from sendouts.stages.screening import contact_file, own_decisions
from sendouts.stages.storage import NewDecision, insert_decisions
from sendouts.verbs import ChangeDecisions, RunAgain
from tests.factories import batch
from tests.gate import Gate, carry_out, reviewer
from tests.stages.acting import written
from tests.stages.effect_cases import fire
from tests.stages.invariants import hold

pytestmark = pytest.mark.django_db
VERDICTS = {
    "accepted": DecisionVerdict.ACCEPTED,
    "rejected": DecisionVerdict.REJECTED,
    "undecided": DecisionVerdict.UNDECIDED,
}
Rows = Sequence[tuple[str, str]]


@pytest.fixture
def anna(db: None) -> User:
    return reviewer("anna")


def first_file(user: User, rows: Rows) -> Batch:
    """A batch whose contacts are decided like this; a star marks what the person decided."""
    made = batch(decisions=False, accepted=len(rows))
    for place, (contact, said) in enumerate(rows):
        own = {"reason": "person", "text": "I know them.", "decided_by": user} if said.endswith("*") else {}
        values = {"contact_id": contact, "verdict": VERDICTS[said.rstrip("*")], "unread": contact == "", **own}
        Decision.objects.create(id=made.first_decision + place, **values)
    return made


def second_file(made: Batch, rows: Rows, size: int = 100) -> tuple[Rows, dict[str, int]]:
    """What is stored after the checks found this in a second file, and what the event tells."""
    Decision.objects.filter(rows_of(made.pk)).delete()
    new = [
        NewDecision(made.first_decision + place, contact, b"", VERDICTS[word], not contact, "", "", "", None)
        for place, (contact, word) in enumerate(rows)
    ]
    for start in range(0, len(new), size):
        applied = own_decisions.apply(made.pk, new[start : start + size])
        insert_decisions(applied.decisions)
        own_decisions.store(applied)
    told = own_decisions.end(made.pk)
    assert not KeptDecision.objects.exists()
    stored = Decision.objects.filter(rows_of(made.pk)).order_by("pk")
    return [
        (row.contact_id, DecisionVerdict(row.verdict).name.lower() + "*" * bool(row.decided_by_id)) for row in stored
    ], told


AGAIN: dict[str, tuple[Rows, Rows, Rows, dict[str, int]]] = {
    "the contact counts, and not its place": (
        [("A", "accepted*"), ("B", "accepted"), ("C", "rejected*"), ("D", "accepted")],
        [("D", "accepted"), ("C", "accepted"), ("B", "rejected"), ("A", "rejected")],
        [("D", "accepted"), ("C", "rejected*"), ("B", "rejected"), ("A", "accepted*")],
        {"accepted": 1, "rejected": 1},
    ),
    "who is missing is counted, who stands there twice is decided twice": (
        [("A", "accepted*"), ("B", "rejected*"), ("C", "accepted")],
        [("C", "accepted"), ("B", "accepted"), ("B", "accepted")],
        [("C", "accepted"), ("B", "rejected*"), ("B", "rejected*")],
        {"missing": 1, "rejected": 1},
    ),
    "rows of a contact decided differently keep their places": (
        [("A", "rejected"), ("A", "accepted*"), ("B", "accepted")],
        [("A", "rejected"), ("A", "rejected"), ("B", "accepted")],
        [("A", "rejected"), ("A", "accepted*"), ("B", "accepted")],
        {"accepted": 1},
    ),
    "rows decided differently count nowhere else": (
        [("A", "rejected"), ("A", "accepted*"), ("B", "accepted")],
        [("A", "rejected"), ("B", "accepted"), ("A", "rejected")],
        [("A", "rejected"), ("B", "accepted"), ("A", "rejected")],
        {"missing": 1},
    ),
    "rows of a contact with two decisions keep their places": (
        [("A", "rejected*"), ("A", "accepted*")],
        [("A", "accepted"), ("A", "accepted")],
        [("A", "rejected*"), ("A", "accepted*")],
        {"accepted": 1, "rejected": 1},
    ),
    "rows of a contact decided alike hold for the contact": (
        [("A", "accepted*"), ("A", "accepted*"), ("B", "accepted")],
        [("B", "accepted"), ("A", "rejected"), ("A", "undecided")],
        [("B", "accepted"), ("A", "accepted*"), ("A", "accepted*")],
        {"accepted": 2},
    ),
    "a row that names no contact is not kept": (
        [("", "accepted*"), ("B", "accepted")],
        [("", "undecided"), ("B", "accepted")],
        [("", "undecided"), ("B", "accepted")],
        {},
    ),
}


@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize("name", AGAIN)
def test_what_people_decided_holds_again_in_a_second_file(anna: User, name: str, size: int) -> None:
    first, second, stored, told = AGAIN[name]
    made = first_file(anna, first)
    assert own_decisions.keep(made.pk) == sum(told.values())
    assert second_file(made, second, size) == (stored, told)


def test_what_an_acceptance_chose_for_the_undecided_is_nobodys_own_decision(anna: User) -> None:
    made = first_file(anna, [("A", "accepted*")])
    Decision.objects.update(text="")
    assert own_decisions.keep(made.pk) == 0


@pytest.mark.parametrize("kind", ["batch", "single"])
def test_the_checks_run_again_over_the_wire_and_people_outweigh_them(gate: Gate, anna: User, kind: str) -> None:
    gate.project(review="always")
    rows = [{"contactId": name, "properties": {"consent": False}} for name in ("A", "B")]
    gate.fire(kind, rows=rows, contacts=2, due="none")
    gate.work()
    ben, first = reviewer("ben"), gate.batch().first_decision
    for user, row, note in ((anna, 0, "VIP"), (ben, 1, "By post")):
        carry_out(ChangeDecisions([first + row], DecisionVerdict.ACCEPTED), gate.batch(), user, note=note)
    carry_out(RunAgain(), gate.batch(), anna, note="")
    gate.work()
    found = gate.batch()
    assert (found.status, found.accepted, found.rejected) == ("in_review", 2, 0)
    assert [(row.reason, row.text, row.decided_by) for row in gate.decisions()] == [
        ("person", "VIP", anna),
        ("person", "By post", ben),
    ]
    assert sorted(found.reasons) == sorted(review.count_reasons(found.pk))
    assert Event.objects.get(batch=found, word=EventWord.KEPT).data == {"accepted": 2}
    assert not KeptDecision.objects.exists()
    hold([found])


def test_a_worker_that_lost_its_claim_ends_no_screening(
    gate: Gate, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(monkeypatch)
    fire(gate)
    (pk,) = gate.plan()
    KeptDecision.objects.create(pk=pk << 32, batch_id=pk, contact_id="A", verdict=1, text="VIP", user=anna, whole=True)
    finish = contact_file._finish

    def late(*given: Any) -> None:
        Batch.objects.update(claim_id=uuid4())
        finish(*given)

    monkeypatch.setattr(contact_file, "_finish", late)
    gate.work()
    assert (gate.batch().status, EffectRun.objects.exists()) == ("planned", False)
    assert KeptDecision.objects.exists(), "the worker that took over applies it"


def test_a_second_run_before_the_first_was_through_keeps_them_still(
    gate: Gate, anna: User, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.CHUNK_ROWS = 1
    gate.project(review="always")
    gate.fire(contacts=3, no_consent=1)
    gate.work()
    made = gate.batch()
    carry_out(ChangeDecisions([made.first_decision], DecisionVerdict.ACCEPTED), made, anna, note="VIP")
    carry_out(RunAgain(), gate.batch(), anna, note="")
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
    carry_out(RunAgain(), gate.batch(), anna, note="")
    assert KeptDecision.objects.filter(applied=True).count() == 0
    gate.work()
    assert (gate.batch().accepted, gate.batch().rejected) == (1, 2)
