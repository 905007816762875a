"""Changed actions are tried on what a past batch keeps: the difference is told, what cannot be known is said, nothing is touched."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from actions.catalog import kinds
from actions.contract import ACCEPT, reject
from actions.models import ActionDefinition, CodePool, Project, PromoCode, SuppressionList
from actions.suppression import entries
from actions.suppression.entries import NewEntry
from sendouts.inquiries.rehearsal import rehearse
from sendouts.inquiries.rehearsal.past import candidates, keeps
from sendouts.inquiries.rehearsal.results import Keeps, Why
from sendouts.models import Batch, Decision, DecisionVerdict
from sendouts.models.decision import rows_of
from tests.factories import plain_english
from tests.inquiries.rehearsal_cases import AGE, CITY, CONSENT, keeping, notes, of_kind, past, rule, service, tried

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nobody_is_called")]


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    plain_english(settings)


@pytest.fixture
def project() -> Project:
    return keeping()


def test_what_is_defined_as_it_was_makes_no_difference(project: Project) -> None:
    found = tried(past(project, 40, rule(project, stored=True)))
    assert (found.tried, found.moved, found.unknown, found.whole) == (40, {}, 0, True)
    assert "No difference: the 40 contacts that were tried would be decided as they were." in notes(found)


def test_a_further_rule_says_how_many_more_would_be_rejected_and_who(project: Project) -> None:
    consent = rule(project, stored=True)
    found = tried(past(project, 40, consent), rule(project, "adults", AGE, less=10))
    # Ages below 10 that were accepted: all but 0, 4 and 8.
    assert (found.more, found.fewer) == (7, 0)
    shown = notes(found)
    assert "17.5% more would be rejected: 7 contacts of 40 that were tried." in shown
    assert re.findall("A-[0-9]+", shown) == ["A-1", "A-2", "A-3", "A-5", "A-6", "A-7", "A-9"]
    assert "does not get it Rule adults adults 7 All of them:" in shown
    found = tried(past(project, 200, consent), rule(project, "adults", AGE, greater=50))
    assert found.more > 20 and len(found.samples) == 20
    assert {change.verdict for change in found.samples} == {DecisionVerdict.REJECTED}
    shown = notes(found, sees=False)
    assert "Here are 20 of them:" in shown and "A-" not in shown
    assert re.findall("row [0-9]+", shown)[0] == "row 52" and "You may not see who the contacts are." in shown


def test_a_changed_or_archived_definition_takes_the_place_of_the_stored_one(project: Project) -> None:
    stored = rule(project, stored=True)
    made = past(project, 40, stored)
    draft = rule(project, "consent-check", AGE, less=4)
    draft.pk = stored.pk
    found = tried(made, draft)
    assert (found.more, found.fewer) == (3, 9)
    stored.archived = True
    found = tried(made, stored)
    assert (found.more, found.fewer) == (0, 10)
    kept = ActionDefinition.objects.get()
    assert (kept.config, kept.archived) == (stored.config, False)


def test_an_action_that_the_hook_did_not_name_is_tried_as_if_it_had_and_that_is_said(project: Project) -> None:
    draft = rule(project, "adults", AGE, less=10)
    draft.run = "asked"
    found = tried(past(project), draft)
    assert found.as_if_asked and found.more
    assert "The hook of this batch did not name this action" in notes(found)


def test_a_field_counts_if_it_was_kept_then_even_where_nobody_had_it(project: Project) -> None:
    before = past(project)
    Batch.objects.filter(pk=before.pk).update(received_at=timezone.now() - timedelta(days=3))
    before.refresh_from_db()
    draft = rule(project, "lyon", CITY, missing=True)
    found = tried(before, draft)
    assert [(left.why, left.fields) for left in found.left] == [(Why.FIELDS, (CITY,))] and found.moved == {}
    assert "“lyon” could not be tried: it needs the field “properties.city”, which was not kept." in notes(found, draft)
    project.keep_fields = [CONSENT, AGE, CITY]
    project.save()
    assert tried(before, draft).left, "what is kept only since is not guessed"
    found = tried(past(project, received_at=timezone.now()), draft)
    assert found.left == [] and found.more == 30


def test_where_only_the_rejected_are_kept_only_they_are_tried_and_that_is_said(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = rule(project, stored=True)
    made = past(project, 40, stored, keeps="rejected")
    draft = rule(project, "consent-check", AGE, less=10)
    draft.pk = stored.pk
    found = tried(made, draft)
    assert (found.keeps, found.tried, found.more, found.fewer) == (Keeps.REJECTED, 10, 0, 7)
    assert "who of the others would be rejected cannot be known" in notes(found)
    monkeypatch.setattr(rehearse, "MOST", 4)
    monkeypatch.setattr(rehearse, "WINDOW", 2)
    found = tried(made, draft)
    assert (found.tried, found.whole) == (4, False)


def test_what_people_decided_is_left_out_and_counted(project: Project) -> None:
    made = past(project)
    anna = User.objects.create_user("anna")
    by_person = {"decided_by": anna, "reason": "person"}
    Decision.objects.filter(pk=made.first_decision + 1).update(**by_person, verdict=DecisionVerdict.REJECTED)
    Decision.objects.filter(pk=made.first_decision + 2).update(reason="refused", verdict=DecisionVerdict.REJECTED)
    found = tried(made, rule(project))
    assert (found.tried, found.not_comparable, found.moved) == (38, 2, {})
    assert "2 contacts are left out" in notes(found)


def test_services_are_not_asked_unless_chosen_and_what_they_had_said_still_counts(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def answer(self: Any, page: Any, context: Any) -> Any:
        asked.append(len(page))
        return [reject("no_consent", "No consent") if contact.id == "A-1" else ACCEPT for contact in page]

    monkeypatch.setattr(kinds()["consent_check"], "check", answer)
    made = past(project, 40, service(project, stored=True))
    Decision.objects.filter(rows_of(made.pk), verdict=DecisionVerdict.REJECTED).update(action="opt-in")
    found = tried(made)
    assert (asked, found.moved, found.unknown) == ([], {}, 0)
    assert "it would ask a service. What it had said then still counts." in notes(found)
    found = tried(made, services=True)
    assert sum(asked) == 40 and (found.more, found.fewer) == (1, 10)


def test_what_a_service_was_never_asked_about_is_not_guessed(project: Project) -> None:
    consent, opt_in = rule(project), service(project)
    opt_in.position = 1
    opt_in.save()
    # The rule that rejected a fourth is gone: the service, which stood behind it, never saw them.
    found = tried(past(project, 40, consent, opt_in))
    assert (found.moved, found.unknown) == ({}, 10)
    assert "an action that was left out would still have a say" in notes(found)
    # A new service leaves everybody open whom nothing else rejects.
    opt_in.delete()
    found = tried(past(project), service(project))
    assert (found.moved, found.unknown) == ({}, 40)
    assert "It had not judged this batch, so that what it would say is not known." in notes(found)


def test_what_writes_is_broken_or_does_not_say_what_it_needs_is_left_out(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = CodePool.objects.create(name="summer")
    PromoCode.objects.bulk_create(PromoCode(pool=pool, text=f"S-{place}") for place in range(50))
    of_kind(project, "promo_code", "code", stored=True, config={"pool": "summer"})
    rule(project, "a-rule", stored=True)
    broken = rule(project, "broken", stored=True)
    ActionDefinition.objects.filter(pk=broken.pk).update(config={"field": ""})
    monkeypatch.setattr(kinds()["field_rule"], "needs", lambda self: None)
    found = tried(past(project), services=True)
    assert {left.action.identifier: left.why for left in found.left} == {
        "code": Why.WRITES,
        "a-rule": Why.UNSAID,
        "broken": Why.BROKEN,
    }
    assert not PromoCode.objects.exclude(reserved_for=None).exists()
    assert "nothing is written, given or sent in a rehearsal" in notes(found)


def test_a_suppression_list_is_looked_up_as_it_is_today(project: Project) -> None:
    listed = SuppressionList.objects.create(name="Opposition", holds="contact_id")
    root = User.objects.create_superuser("root")
    entries.add(listed.pk, {"A-1": NewEntry(), "A-2": NewEntry()}, by=root.pk, now=timezone.now())
    found = tried(past(project), of_kind(project, "suppression", "opposition", config={"list": "Opposition"}))
    assert [change.past.contact_id for change in found.changes[DecisionVerdict.REJECTED]] == ["A-1", "A-2"]


def test_a_large_batch_is_tried_in_part_spread_over_the_file(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearse, "MOST", 40)
    monkeypatch.setattr(rehearse, "WINDOW", 10)
    made = past(project, 400, rule(project))
    found = tried(made, rule(project, "adults", AGE, less=1000))
    rows = sorted(change.past.pk - made.first_decision for change in found.changes[DecisionVerdict.REJECTED])
    assert (found.tried, found.whole) == (40, False)
    assert rows[0] < 10 and "40 of 400 contacts of “Day 1” were tried, spread evenly over its file." in notes(found)
    assert tried(made, rule(project, "adults", AGE, greater=389)).more == 8


def test_when_the_time_is_used_up_it_says_how_many_were_tried(project: Project, settings: Any) -> None:
    settings.PAGE_SECONDS = 0
    found = tried(past(project), rule(project))
    assert (found.tried, found.out_of_time) == (0, True)
    assert "The time was used up: 0 of 40 contacts" in notes(found)


def test_a_batch_that_keeps_nothing_is_not_offered(project: Project) -> None:
    nothing = past(project, 40, keeps="none")
    assert candidates(project) == [] and keeps(nothing) is Keeps.NOBODY
    assert tried(nothing).tried == 0
    older, newer = past(project), past(project, keeps="rejected")
    assert [made.pk for made in candidates(project)] == [newer.pk, older.pk]
    assert candidates(project, older.sendout)[-1] == older
