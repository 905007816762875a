"""Changed actions are tried on what a past batch keeps: the difference is told, what cannot be known is said, nothing is touched."""

import re
import sys
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from actions.catalog import kinds
from actions.contract import ACCEPT, reject
from actions.models import ActionDefinition, CodePool, Project, PromoCode, SuppressionList
from actions.suppression import entries
from actions.suppression.entries import NewEntry
from sendouts.inquiries import rehearsal
from sendouts.inquiries.rehearsal import Keeps, Why
from sendouts.inquiries.rehearsal.past import keeps
from sendouts.models import Batch, Decision, DecisionVerdict
from sendouts.models.decision import rows_of
from tests.factories import plain_english
from tests.inquiries.rehearsal_cases import AGE, CITY, CONSENT, keeping, notes, past, rule, service, tried

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nobody_is_called")]


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    plain_english(settings)


@pytest.fixture
def project() -> Project:
    return keeping()


def test_what_is_defined_as_it_was_makes_no_difference(project: Project) -> None:
    consent = rule(project)
    consent.save()
    found = tried(past(project, 40, consent))
    assert (found.tried, found.moved, found.unknown, found.whole) == (40, {}, 0, True)
    assert "No difference: the 40 contacts that were tried would be decided as they were." in notes(found)


def test_a_further_rule_says_how_many_more_would_be_rejected_and_who(project: Project) -> None:
    consent = rule(project)
    consent.save()
    found = tried(past(project, 40, consent), rule(project, "adults", AGE, less=10))
    # Ages below 10 that were accepted: all but 0, 4 and 8.
    assert (found.more, found.fewer) == (7, 0)
    shown = notes(found)
    assert "17.5% more would be rejected: 7 contacts of 40 that were tried." in shown
    assert re.findall("A-[0-9]+", shown) == ["A-1", "A-2", "A-3", "A-5", "A-6", "A-7", "A-9"]
    assert "does not get it Rule adults adults 7 All of them:" in shown


def test_twenty_of_them_are_shown_those_who_would_not_get_it_first(project: Project) -> None:
    made = past(project, 200, rule(project))
    found = tried(made, rule(project, "adults", AGE, greater=50))
    assert found.more > 20 and len(found.samples) == 20
    assert {change.verdict for change in found.samples} == {DecisionVerdict.REJECTED}
    shown = notes(found, sees=False)
    assert "Here are 20 of them:" in shown and "A-" not in shown
    assert re.findall("row [0-9]+", shown)[0] == "row 52" and "You may not see who the contacts are." in shown


def test_a_changed_definition_takes_the_place_of_the_stored_one(project: Project) -> None:
    stored = rule(project)
    stored.save()
    made = past(project, 40, stored)
    draft = rule(project, "consent-check", AGE, less=4)
    draft.pk = stored.pk
    found = tried(made, draft)
    assert found.more == 3 and found.fewer == 9
    assert ActionDefinition.objects.get().config == stored.config


def test_archiving_a_definition_can_be_tried(project: Project) -> None:
    stored = rule(project)
    stored.save()
    draft = ActionDefinition.objects.get()
    draft.archived = True
    found = tried(past(project, 40, stored), draft)
    assert (found.more, found.fewer) == (0, 10)


def test_an_action_that_the_hook_did_not_name_is_tried_as_if_it_had_and_that_is_said(project: Project) -> None:
    draft = rule(project, "adults", AGE, less=10)
    draft.run = "asked"
    found = tried(past(project), draft)
    assert found.as_if_asked and found.more
    assert "The hook of this batch did not name this action" in notes(found)


def test_a_field_that_was_not_kept_is_named_and_its_action_left_out(project: Project) -> None:
    draft = rule(project, "lyon", CITY, equals="Lyon")
    found = tried(past(project), draft)
    assert [(left.why, left.fields) for left in found.left] == [(Why.FIELDS, (CITY,))]
    assert "“lyon” could not be tried: it needs the field “properties.city”, which was not kept." in notes(found, draft)
    assert found.moved == {}


def test_a_field_that_was_kept_then_counts_even_where_nobody_had_it(project: Project) -> None:
    project.keep_fields = [CONSENT, AGE, CITY]
    project.save()
    draft = rule(project, "lyon", "city", missing=True)
    found = tried(past(project, received_at=timezone.now()), draft)
    assert found.left == [] and found.more == 30


def test_a_field_that_is_kept_only_since_is_not_guessed(project: Project) -> None:
    made = past(project)
    Batch.objects.filter(pk=made.pk).update(received_at=timezone.now() - timezone.timedelta(days=3))
    project.keep_fields = [CONSENT, AGE, CITY]
    project.save()
    made.refresh_from_db()
    found = tried(made, rule(project, "lyon", CITY, missing=True))
    assert [left.fields for left in found.left] == [(CITY,)]


def test_where_only_the_rejected_are_kept_only_they_are_tried_and_that_is_said(project: Project) -> None:
    stored = rule(project)
    stored.save()
    draft = rule(project, "consent-check", AGE, less=10)
    draft.pk = stored.pk
    found = tried(past(project, 40, stored, keeps="rejected"), draft)
    assert (found.keeps, found.tried, found.more, found.fewer) == (Keeps.REJECTED, 10, 0, 7)
    assert "who of the others would be rejected cannot be known" in notes(found)


def test_what_people_decided_is_left_out_and_counted(project: Project) -> None:
    made = past(project)
    anna = User.objects.create_user("anna")
    Decision.objects.filter(pk=made.first_decision + 1).update(
        decided_by=anna, reason="person", verdict=DecisionVerdict.REJECTED
    )
    Decision.objects.filter(pk=made.first_decision + 2).update(reason="refused", verdict=DecisionVerdict.REJECTED)
    found = tried(made, rule(project))
    assert (found.tried, found.not_comparable, found.moved) == (38, 2, {})
    assert "2 contacts are left out" in notes(found)


def test_services_are_not_asked_unless_chosen_and_what_they_had_said_still_counts(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    kind = kinds()["consent_check"]

    def answer(self: Any, page: Any, context: Any) -> Any:
        asked.append(len(page))
        return [reject("no_consent", "No consent") if contact.id == "A-1" else ACCEPT for contact in page]

    monkeypatch.setattr(kind, "check", answer)
    opt_in = service(project)
    opt_in.save()
    made = past(project, 40, opt_in)
    Decision.objects.filter(rows_of(made.pk), verdict=DecisionVerdict.REJECTED).update(action="opt-in")
    found = tried(made)
    assert (asked, found.moved, found.unknown) == ([], {}, 0)
    assert "it would ask a service. What it had said then still counts." in notes(found)
    found = tried(made, services=True)
    assert sum(asked) == 40 and (found.more, found.fewer) == (1, 10)


def test_whom_a_service_was_never_asked_about_is_not_guessed(project: Project) -> None:
    consent, opt_in = rule(project), service(project)
    opt_in.position = 1
    opt_in.save()
    # The rule that rejected a fourth is gone: the service, which stood behind it, never saw them.
    found = tried(past(project, 40, consent, opt_in))
    assert (found.moved, found.unknown) == ({}, 10)
    assert "an action that was left out would still have a say" in notes(found)


def test_a_new_service_leaves_everybody_open_whom_nothing_else_rejects(project: Project) -> None:
    found = tried(past(project), service(project))
    assert (found.moved, found.unknown) == ({}, 40)
    assert "It had not judged this batch, so that what it would say is not known." in notes(found)


def test_nothing_is_drawn_from_a_pool_and_nothing_rendered(project: Project) -> None:
    pool = CodePool.objects.create(name="summer")
    PromoCode.objects.bulk_create(PromoCode(pool=pool, text=f"S-{place}") for place in range(50))
    kind = kinds()["promo_code"]
    code = ActionDefinition(
        project=project,
        identifier="code",
        kind="promo_code",
        run="always",
        config=kind.normal_config({"pool": "summer"}),
    )
    code.save()
    found = tried(past(project), None, services=True)
    assert [left.why for left in found.left] == [Why.WRITES]
    assert not PromoCode.objects.exclude(reserved_for=None).exists()
    assert "nothing is written, given or sent in a rehearsal" in notes(found)


def test_a_suppression_list_is_looked_up_as_it_is_today(project: Project) -> None:
    listed = SuppressionList.objects.create(name="Opposition", holds="contact_id")
    root = User.objects.create_superuser("root")
    entries.add(listed.pk, {"A-1": NewEntry(), "A-2": NewEntry()}, by=root.pk, now=timezone.now())
    kind = kinds()["suppression"]
    draft = ActionDefinition(
        project=project,
        identifier="opposition",
        kind="suppression",
        run="always",
        config=kind.normal_config({"list": "Opposition"}),
    )
    found = tried(past(project), draft)
    assert [change.past.contact_id for change in found.changes[DecisionVerdict.REJECTED]] == ["A-1", "A-2"]


def test_a_kind_that_does_not_say_what_it_needs_is_left_out(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds()["field_rule"], "needs", lambda self: None)
    draft = rule(project)
    found = tried(past(project), draft)
    assert [left.why for left in found.left] == [Why.UNSAID]


def test_a_large_batch_is_tried_in_part_spread_over_the_file(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["sendouts.inquiries.rehearsal.rehearse"], "MOST", 40)
    monkeypatch.setattr(sys.modules["sendouts.inquiries.rehearsal.rehearse"], "WINDOW", 10)
    made = past(project, 400, rule(project))
    found = tried(made, rule(project, "adults", AGE, less=1000))
    rows = sorted(change.past.pk - made.first_decision for change in found.changes[DecisionVerdict.REJECTED])
    assert (found.tried, found.whole) == (40, False)
    assert rows[0] < 10 and "40 of 400 contacts of “Day 1” were tried, spread evenly over its file." in notes(found)
    draft = tried(made, rule(project, "adults", AGE, greater=389))
    assert draft.more == 8


def test_when_the_time_is_used_up_it_says_how_many_were_tried(project: Project, settings: Any) -> None:
    settings.PAGE_SECONDS = 0
    found = tried(past(project), rule(project))
    assert (found.tried, found.out_of_time) == (0, True)
    assert "The time was used up: 0 of 40 contacts" in notes(found)


def test_a_batch_that_keeps_nothing_is_not_offered(project: Project) -> None:
    nothing = past(project, 40, keeps="none")
    assert rehearsal.candidates(project) == []
    assert keeps(nothing) is Keeps.NOBODY
    older, newer = past(project), past(project, keeps="rejected")
    assert [made.pk for made in rehearsal.candidates(project)] == [newer.pk, older.pk]
