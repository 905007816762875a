"""When the evidence was recorded is stored with each decision, shown to people and told to programs."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from django.urls import reverse

from actions.contract import ACCEPT, Contact, Verdict, Word, accept, reject, undecided
from actions.plan.failures import PlanFailure
from actions.plan.run import run_plan
from desk.batch.contacts import contacts_page
from sendouts.models import Decision, Status
from tests.actions.helpers import make_context, planned, scripted
from tests.factories import batch, client_of, plain_english, text_of
from tests.gate import Gate

GIVEN_AT = datetime(2026, 1, 31, 8, 30, 15, tzinfo=UTC)
LATER = datetime(2026, 2, 1, tzinfo=UTC)


def said(first: Verdict, second: Verdict, monkeypatch: pytest.MonkeyPatch) -> tuple[Verdict, str]:
    """What two checks make of one contact, and whose verdict it is."""
    verdicts = iter([[first], [second]])
    scripted(monkeypatch, lambda page: next(verdicts))
    steps = [planned("scripted", identifier=name) for name in ("first", "second")]
    with ThreadPoolExecutor(1) as pool:
        result = run_plan(steps, [Contact("A-1", {})], lambda action: make_context(), pool=pool)
    return result.verdicts[0], result.action[0]


REFUSED, DOUBT = reject("no", "No."), undecided("open", "?")


@pytest.mark.parametrize(
    ("first", "second", "came"),
    [
        (accept(GIVEN_AT), ACCEPT, (accept(GIVEN_AT), "first")),
        (ACCEPT, accept(GIVEN_AT), (accept(GIVEN_AT), "second")),
        (accept(GIVEN_AT), accept(LATER), (accept(LATER), "second")),
        (ACCEPT, ACCEPT, (ACCEPT, "")),
        # A rejection or doubt keeps no evidence of another.
        (accept(GIVEN_AT), REFUSED, (REFUSED, "second")),
        (accept(GIVEN_AT), DOUBT, (DOUBT, "second")),
        (DOUBT, accept(GIVEN_AT), (DOUBT, "first")),
    ],
)
def test_the_last_check_that_gave_evidence_names_its_time(
    monkeypatch: pytest.MonkeyPatch, first: Verdict, second: Verdict, came: tuple[Verdict, str]
) -> None:
    assert said(first, second, monkeypatch) == came


def test_that_an_action_failed_is_not_hidden_by_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = Verdict(Word.ACCEPT, "action_failed", PlanFailure.LET_PASS())
    for first, second, whose in ((passed, accept(GIVEN_AT), "first"), (accept(GIVEN_AT), passed, "second")):
        verdict, action = said(first, second, monkeypatch)
        told = verdict.word, verdict.code, verdict.evidence_at, action
        assert told == (Word.ACCEPT, "action_failed", GIVEN_AT, whose)


def test_a_time_without_an_offset_is_utc_and_a_year_at_which_calendars_end_is_none() -> None:
    assert accept(GIVEN_AT.replace(tzinfo=None)).evidence_at == GIVEN_AT
    for each in (datetime.max, datetime.min, datetime.max.replace(tzinfo=UTC)):
        assert reject("no", "No.", each).evidence_at is None


@pytest.mark.parametrize("kind", ["batch", "single"])
def test_it_is_stored_with_accepted_and_rejected_alike(kind: str, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts = {"A-000001": accept(GIVEN_AT), "A-000002": reject("no", "No.", LATER)}
    scripted(monkeypatch, lambda page: [verdicts.get(contact.id, ACCEPT) for contact in page])
    gate.define(gate.project(consent=False), kind="scripted", config={})
    gate.fire(kind, contacts=3, due="none")
    gate.work()
    stored = dict(Decision.objects.values_list("contact_id", "evidence_at"))
    assert stored == {"A-000001": GIVEN_AT, "A-000002": LATER, "A-000003": None}


@pytest.mark.django_db
def test_people_and_programs_see_it(settings: Any) -> None:
    plain_english(settings)
    held = batch(Status.IN_REVIEW, accepted=1, rejected=1)
    Decision.objects.filter(verdict=2).update(evidence_at=GIVEN_AT)
    client = client_of("Reviewer")
    shown = text_of(client.get(reverse("admin:sendouts_batch_change", args=[held.pk])))
    (row,) = contacts_page(held, {"tab": "rejected"}, sees=True, changes=False).rows
    assert "2026 09:30 CET" in row.evidence and f"evidence of {row.evidence}" in shown
    (other,) = contacts_page(held, {"tab": "accepted"}, sees=True, changes=False).rows
    assert other.evidence == ""
    listed = client.get(f"/api/batches/{held.pk}/decisions/").json()["results"]
    assert {each["evidence_at"] for each in listed} == {None, "2026-01-31T09:30:15+01:00"}
