"""A reject address that several contacts share: called once and only if all of them are rejected; else a person decides."""

from typing import Any

import pytest

from sendouts.models import Batch, Decision, DecisionVerdict, SharedUri
from sendouts.stages import advance, delivery
from sendouts.stages.screening import shared_uris
from sendouts.verbs import Accept, ChangeAlike, ChangeDecisions, Reject, RunAgain
from sendouts.verbs.base import NotDone
from sendouts.verbs.change_many import Which
from tests.gate import Gate, carry_out, reviewer

YES, NO = {"properties": {"consent": True}}, {"properties": {"consent": False}}


def rows(*consents: bool, shared: int = 3) -> list[dict[str, Any]]:
    """Contacts of whom the first `shared` have one address."""
    return [
        {"contactId": f"A-{place}", **(YES if consent else NO), "_uri_of": 0 if place < shared else place}
        for place, consent in enumerate(consents)
    ]


def verdicts(gate: Gate) -> list[tuple[str, str]]:
    return [(DecisionVerdict(row.verdict).name.lower(), row.reason) for row in gate.decisions()]


def rejections(gate: Gate, sent: dict[str, Any]) -> int:
    calls: dict[str, int] = gate.platform.sendout(sent["id"])["calls"]
    return calls["reject"]


ACCEPTED = DecisionVerdict.ACCEPTED
SHARED = ("undecided", "shared_uri")


@pytest.mark.parametrize("kind", ["batch", "single"])
@pytest.mark.parametrize("review", ["never", "unusual"])
def test_an_address_of_accepted_and_rejected_contacts_is_not_called_and_the_batch_says_so(
    gate: Gate, kind: str, review: str
) -> None:
    gate.project(review=review)
    sent = gate.fire(kind, rows=rows(False, True, True, False, True), contacts=5)
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.held_for) == ("in_review", ["undecided", "shared_uri"])
    assert (batch.accepted, batch.rejected, batch.undecided, batch.total) == (1, 2, 2, 5)
    assert verdicts(gate)[:3] == [("rejected", "rule"), SHARED, SHARED]
    assert rejections(gate, sent) == 0


@pytest.mark.parametrize("kind", ["batch", "single"])
def test_an_address_of_rejected_contacts_alone_is_called_once_and_answers_for_all(gate: Gate, kind: str) -> None:
    gate.project()
    sent = gate.fire(kind, rows=rows(False, False, False, False, True), contacts=5, faults={"repeat_status": 410})
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.rejected, batch.confirmed, rejections(gate, sent)) == ("finished", 4, 4, 2)
    assert [row.answer_status for row in gate.decisions()] == [200, 200, 200, 200, 0]


def test_an_address_of_accepted_contacts_alone_is_nothing_to_tell(gate: Gate) -> None:
    gate.project()
    gate.fire(rows=rows(True, True, True, False), contacts=4)
    gate.work()
    assert (gate.batch().status, gate.batch().confirmed) == ("finished", 1)


def test_spellings_of_one_address_are_one(gate: Gate) -> None:
    gate.project()
    uris = ["{uri}", "{uri}#part"]
    gate.fire(rows=[{"_raw": 1, "contactId": f"A-{n}", "_uri_of": 0, "cancelUri": uri, **how} for n, (uri, how) in
                    enumerate(zip(uris, (YES, NO), strict=True))], contacts=2)  # fmt: skip
    gate.work()
    assert sorted(verdicts(gate)) == [("rejected", "rule"), SHARED]


@pytest.mark.parametrize("in_memory", [True, False])
def test_contacts_far_apart_in_a_file_are_found_and_answered_together(
    gate: Gate, settings: Any, monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    if not in_memory:
        monkeypatch.setattr(shared_uris, "MOST_MARKS", 1)
    settings.CHUNK_ROWS = 2
    gate.project()
    apart = [{"contactId": f"A-{n}", **(NO if n % 6 == 0 else YES), "_uri_of": n % 6} for n in range(48)]
    sent = gate.fire(rows=apart, contacts=48)
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.rejected, batch.confirmed, rejections(gate, sent)) == ("finished", 8, 8, 1)
    assert SharedUri.objects.count() == 48


def test_a_lost_answer_of_a_shared_address_is_repeated_once_for_all(gate: Gate, settings: Any) -> None:
    settings.CHUNK_ROWS = 2
    gate.project()
    faults = {"faults": [{"kind": "reset_after", "on": "reject", "times": 1}], "repeat_status": 410}
    sent = gate.fire(rows=rows(False, False, False, True), contacts=4, faults=faults)
    gate.work()
    assert [row.answer for row in gate.decisions()] == [2, 2, 2, 0]
    gate.work(rounds=2)
    assert (gate.batch().status, gate.batch().confirmed, rejections(gate, sent)) == ("finished", 3, 2)


@pytest.mark.parametrize(("undecided", "calls"), [("reject", 1), ("accept", None)])
def test_a_person_decides_on_all_who_share_an_address_alike_or_not_at_all(
    gate: Gate, undecided: str, calls: int | None
) -> None:
    gate.project()
    sent = gate.fire(rows=rows(False, True, True, True), contacts=4)
    gate.work()
    if calls is None:
        with pytest.raises(NotDone) as refused:
            carry_out(Accept(undecided=undecided), gate.batch(), reviewer())
        assert refused.value.code == "shared_uri" and gate.batch().status == "in_review"
        return
    carry_out(Accept(undecided=undecided), gate.batch(), reviewer())
    gate.work()
    assert (gate.batch().status, gate.batch().confirmed, rejections(gate, sent)) == ("finished", 3, calls)


def test_one_contact_that_a_person_changes_later_meets_the_same_rule(gate: Gate) -> None:
    gate.project(review="always")
    sent = gate.fire(rows=rows(False, False, False, True), contacts=4)
    gate.work()
    who = reviewer()
    first, second, third, _last = (row.pk for row in gate.decisions())
    carry_out(ChangeDecisions([second], ACCEPTED), gate.batch(), who)
    with pytest.raises(NotDone) as refused:
        carry_out(Accept(), gate.batch(), who)
    assert refused.value.code == "shared_uri"
    carry_out(ChangeDecisions([first, third], ACCEPTED), gate.batch(), who)
    carry_out(Accept(), gate.batch(), who)
    gate.work()
    assert (gate.batch().outcome, gate.batch().accepted, rejections(gate, sent)) == ("released", 4, 0)


def test_the_clock_rejects_all_who_share_an_address_and_never_one(gate: Gate) -> None:
    gate.project(at_deadline="accept")
    sent = gate.fire(rows=rows(False, True, True, True), contacts=4)
    gate.work()
    assert gate.batch().status == "in_review"
    Batch.objects.update(due_at="2020-01-01T00:00Z")
    gate.work()
    assert (gate.batch().status, gate.batch().rejected, rejections(gate, sent)) == ("finished", 3, 1)


def test_the_clock_leaves_a_mixed_address_to_a_person(gate: Gate) -> None:
    gate.project(review="always", at_deadline="accept")
    sent = gate.fire(rows=rows(False, False, False, True), contacts=4)
    gate.work()
    carry_out(ChangeDecisions([gate.decisions()[1].pk], ACCEPTED), gate.batch(), reviewer())
    Batch.objects.update(due_at="2020-01-01T00:00Z")
    gate.work()
    assert (gate.batch().status, gate.batch().due_at, rejections(gate, sent)) == ("in_review", None, 0)


def test_a_batch_that_is_rejected_whole_calls_each_address_once(gate: Gate, settings: Any) -> None:
    settings.CHUNK_ROWS = 2
    gate.project()
    sent = gate.fire(rows=rows(False, True, True, True, True), contacts=5, faults={"repeat_status": 410})
    gate.work()
    carry_out(Reject(), gate.batch(), reviewer())
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.outcome, batch.confirmed, rejections(gate, sent)) == ("finished", "refused", 5, 3)
    assert {row[0] for row in verdicts(gate)} == {"rejected"}


def test_whatever_was_accepted_a_mixed_address_is_never_called(gate: Gate) -> None:
    gate.project()
    sent = gate.fire(rows=rows(False, False, False, True), contacts=4)
    gate.plan()

    original = delivery.deliver

    def deliver(claim: Any, batches: Any, now: Any) -> None:
        Decision.objects.filter(pk=gate.decisions()[1].pk).update(verdict=1)
        original(claim, batches, now)

    stages = tuple((statuses, deliver if work is original else work) for statuses, work in advance.STAGES)
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(advance, "STAGES", stages)
        gate.work(rounds=5)
    batch = gate.batch()
    assert (batch.status, batch.attention, rejections(gate, sent)) == ("accepted", "unconfirmed", 0)
    assert batch.attention_data["shared"] is True


def test_checks_that_run_again_find_the_shared_addresses_anew(gate: Gate) -> None:
    gate.project()
    gate.fire(rows=rows(False, True, True, True), contacts=4)
    gate.work()
    who = reviewer()
    which = Which(DecisionVerdict.UNDECIDED, ("shared_uri", ""))
    carry_out(ChangeAlike(which=which, verdict=ACCEPTED), gate.batch(), who)
    assert (gate.batch().accepted, gate.batch().held_for) == (3, ["changed"])
    carry_out(RunAgain(), gate.batch(), who)
    gate.work()
    assert gate.batch().held_for[:2] == ["undecided", "shared_uri"] and SharedUri.objects.count() == 3
