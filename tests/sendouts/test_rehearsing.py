"""Changed actions are tried on what a past batch keeps: the difference is told, what cannot be known is said, nothing is touched."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from actions.contract import ACCEPT, reject
from actions.models import ActionDefinition, CodePool, Project, PromoCode, SuppressionList
from actions.suppression import entries
from actions.suppression.entries import NewEntry
from sendouts import rehearsing
from sendouts.admin import rehearsed
from sendouts.models import Batch, Decision, Reach, Status, Verdict
from sendouts.rehearsing import Keeps, Rehearsal, Why
from tests.sendouts.admin_cases import batch, client_of, plain_english, plan, sendout, text_of, user_in

pytestmark = pytest.mark.django_db
AGE, CONSENT, CITY = "properties.age", "properties.consent", "properties.city"


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    plain_english(settings)


@pytest.fixture
def project() -> Project:
    return Project.objects.create(name="Newsletter", keep_contacts="all", keep_fields=[CONSENT, AGE])


def rule(
    project: Project, identifier: str = "consent-check", field: str = CONSENT, **condition: Any
) -> ActionDefinition:
    config = {
        "field": field, "reject_if": condition or {"equals": False}, "if_missing": "hold", "reason": f"Rule {identifier}",
    }  # fmt: skip
    return ActionDefinition(project=project, identifier=identifier, kind="field_rule", config=config, run="always")


def planned(row: ActionDefinition, step_of: str = "check") -> dict[str, Any]:
    """The action as the frozen plan of a batch holds it."""
    (action,) = rehearsing.merge([rehearsing.definition_of(row)], [], rehearsing.phases()).actions
    assert action.phase == step_of
    origins = [{"level": "project", "definition_id": row.pk or 0, "asked": False, "identifier": row.identifier}]
    return {
        "identifier": action.identifier, "kind": action.kind, "config": action.config, "on_failure": action.on_failure,
        "details": action.details, "phase": action.phase, "origins": origins,
    }  # fmt: skip


def past(project: Project, number: int = 40, *actions: ActionDefinition, keeps: str = "all", **columns: Any) -> Batch:
    """A released batch: each fourth contact was rejected for lack of consent; ages run from 0 on."""
    made = batch(
        Status.FINISHED, decisions=False, total=number, sendout=sendout(project.name), outcome="released",
        finish_sent_at=timezone.now(), ended_at=timezone.now(), plan=plan(*map(planned, actions)), **columns,
    )  # fmt: skip
    rows = []
    for row in range(number):
        rejected = row % 4 == 0
        kept = {CONSENT: not rejected, AGE: row} if keeps == "all" or (rejected and keeps == "rejected") else None
        verdict = Verdict.REJECTED if rejected else Verdict.ACCEPTED
        said = {"reason": "rule", "text": "No consent", "action": "consent-check"} if rejected else {}
        rows.append(Decision(pk=made.first_decision + row, contact_id=f"A-{row}", verdict=verdict, kept=kept, **said))
    Decision.objects.bulk_create(rows, batch_size=500)
    return made


def tried(made: Batch, draft: ActionDefinition | None = None, **asked: Any) -> Rehearsal:
    merged, lacks = rehearsing.plan_with(made, draft)
    return rehearsing.rehearse(made, merged, lacks=lacks, **asked)


def notes(found: Rehearsal, draft: ActionDefinition | None = None) -> str:
    return " ".join(rehearsed.shown(found, draft, sees=True).notes)


def everything() -> dict[str, list[Any]]:
    found = {}
    for model in apps.get_models():
        if model._meta.db_table != "django_session":
            with connection.cursor() as cursor:
                cursor.execute(f'SELECT * FROM "{model._meta.db_table}" ORDER BY 1')
                found[model._meta.db_table] = cursor.fetchall()
    return found


def test_what_is_defined_as_it_was_makes_no_difference(project: Project) -> None:
    consent = rule(project)
    consent.save()
    found = tried(past(project, 40, consent))
    assert (found.tried, found.moved, found.unknown, found.whole) == (40, {}, 0, True)
    assert rehearsed.shown(found, None, sees=True).headline == (
        "No difference: the 40 contacts that were tried would be decided as they were."
    )


def test_a_further_rule_says_how_many_more_would_be_rejected_and_who(project: Project) -> None:
    consent = rule(project)
    consent.save()
    found = tried(past(project, 40, consent), rule(project, "adults", AGE, less=10))
    # Ages below 10 that were accepted: all but 0, 4 and 8.
    assert (found.more, found.fewer) == (7, 0)
    shown = rehearsed.shown(found, None, sees=True)
    assert shown.headline == "17.5% more would be rejected: 7 contacts of 40 that were tried."
    assert [row.contact for row in shown.samples] == ["A-1", "A-2", "A-3", "A-5", "A-6", "A-7", "A-9"]
    assert [(row.text, row.action, row.count) for row in shown.reasons] == [("Rule adults", "adults", 7)]


def test_twenty_of_them_are_shown_those_who_would_not_get_it_first(project: Project) -> None:
    made = past(project, 200, rule(project))
    found = tried(made, rule(project, "adults", AGE, greater=50))
    assert found.more > 20 and len(found.samples) == 20
    assert {change.verdict for change in found.samples} == {Verdict.REJECTED}
    shown = rehearsed.shown(found, None, sees=False)
    assert shown.more_samples == "Here are 20 of them:"
    assert not any("A-" in row.contact for row in shown.samples) and shown.samples[0].contact == "row 52"


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
    assert rehearsed.shown(found, draft, sees=True).headline == (
        "“lyon” could not be tried: it needs the field “properties.city”, which was not kept."
    )
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
        decided_by=anna, reason="person", verdict=Verdict.REJECTED
    )
    Decision.objects.filter(pk=made.first_decision + 2).update(reason="refused", verdict=Verdict.REJECTED)
    found = tried(made, rule(project))
    assert (found.tried, found.not_comparable, found.moved) == (38, 2, {})
    assert "2 contacts are left out" in notes(found)


def service(project: Project, identifier: str = "opt-in") -> ActionDefinition:
    config = {"url": "https://consent.example.com/check", "reason": "No consent"}
    kind = rehearsing.kinds()["consent_check"]
    return ActionDefinition(
        project=project, identifier=identifier, kind="consent_check", config=kind.normal_config(config), run="always"
    )


def test_services_are_not_asked_unless_chosen_and_what_they_had_said_still_counts(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    kind = rehearsing.kinds()["consent_check"]

    def answer(self: Any, page: Any, context: Any) -> Any:
        asked.append(len(page))
        return [reject("no_consent", "No consent") if contact.id == "A-1" else ACCEPT for contact in page]

    monkeypatch.setattr(kind, "check", answer)
    opt_in = service(project)
    opt_in.save()
    made = past(project, 40, opt_in)
    Decision.objects.filter(rehearsing.rows_of(made.pk), verdict=Verdict.REJECTED).update(action="opt-in")
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
    shown = rehearsed.shown(found, None, sees=True)
    assert any("an action that was left out would still have a say" in each for each in shown.sentences)


def test_a_new_service_leaves_everybody_open_whom_nothing_else_rejects(project: Project) -> None:
    found = tried(past(project), service(project))
    assert (found.moved, found.unknown) == ({}, 40)
    assert "It had not judged this batch, so that what it would say is not known." in notes(found)


def test_nothing_is_drawn_from_a_pool_and_nothing_rendered(project: Project) -> None:
    pool = CodePool.objects.create(name="summer")
    PromoCode.objects.bulk_create(PromoCode(pool=pool, text=f"S-{place}") for place in range(50))
    kind = rehearsing.kinds()["promo_code"]
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
    kind = rehearsing.kinds()["suppression"]
    draft = ActionDefinition(
        project=project, identifier="opposition", kind="suppression", run="always",
        config=kind.normal_config({"list": "Opposition"}),
    )  # fmt: skip
    found = tried(past(project), draft)
    assert [change.past.contact_id for change in found.changes[Verdict.REJECTED]] == ["A-1", "A-2"]


def test_a_kind_that_does_not_say_what_it_needs_is_left_out(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsing.kinds()["field_rule"], "needs", lambda self: None)
    draft = rule(project)
    found = tried(past(project), draft)
    assert [left.why for left in found.left] == [Why.UNSAID]


def test_a_large_batch_is_tried_in_part_spread_over_the_file(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsing, "MOST", 40)
    monkeypatch.setattr(rehearsing, "WINDOW", 10)
    made = past(project, 400, rule(project))
    found = tried(made, rule(project, "adults", AGE, less=1000))
    rows = sorted(change.past.pk - made.first_decision for change in found.changes[Verdict.REJECTED])
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
    assert rehearsing.candidates(project) == []
    assert rehearsing.keeps(nothing) is Keeps.NOBODY
    older, newer = past(project), past(project, keeps="rejected")
    assert [made.pk for made in rehearsing.candidates(project)] == [newer.pk, older.pk]


# The pages.


@pytest.fixture
def manager() -> Client:
    return client_of("Manager")


def form_of(client: Client, row: ActionDefinition) -> dict[str, Any]:
    """What the form of a definition sends when nothing is changed."""
    page = client.get(reverse("admin:actions_actiondefinition_change", args=[row.pk]))
    form = page.context["adminform"].form
    return {
        name: value
        for name, field in form.fields.items()
        if (value := form.get_initial_for_field(field, name)) is not None and value is not False
    }


def test_a_definition_is_tried_from_its_form_before_it_is_saved(project: Project, manager: Client) -> None:
    stored = rule(project)
    stored.save()
    past(project, 40, stored)
    typed = form_of(manager, stored) | {
        "config__field": AGE,
        "config__reject_if__operator": "less",
        "config__reject_if": "4",
    }
    button = text_of(manager.get(reverse("admin:actions_actiondefinition_change", args=[stored.pk])))
    url = reverse("rehearse_definition", args=[stored.pk])
    assert f'formaction="{url}"' in button
    before = everything()
    shown = text_of(manager.post(url, typed))
    assert "7.5% more would be rejected: 3 contacts of 40 that were tried." in shown
    assert "9 contacts would no longer be rejected." in shown and ">A-1<" in shown
    assert everything() == before


def test_what_was_typed_is_carried_along_to_the_next_try(project: Project, manager: Client) -> None:
    stored = rule(project)
    stored.save()
    older, _newer = past(project, 40, stored), past(project, 20, stored)
    typed = form_of(manager, stored) | {
        "config__field": AGE,
        "config__reject_if__operator": "less",
        "config__reject_if": "4",
    }
    url = reverse("rehearse_definition", args=[stored.pk])
    page = manager.post(url, typed)
    again = dict(page.context["carried"]) | {"rehearse_batch": str(older.pk)}
    assert "3 contacts of 40" in text_of(manager.post(url, again))


def test_a_form_with_faults_is_told_and_not_tried(project: Project, manager: Client) -> None:
    stored = rule(project)
    stored.save()
    past(project, 40, stored)
    shown = text_of(
        manager.post(reverse("rehearse_definition", args=[stored.pk]), form_of(manager, stored) | {"config__field": ""})
    )
    assert "The form is not complete, so that nothing was tried." in shown and "tried." in shown
    assert "would be rejected" not in shown


def test_a_definition_that_is_not_stored_can_be_tried(project: Project, manager: Client) -> None:
    past(project, 40)
    url = reverse("rehearse_new") + "?kind=field_rule"
    add = text_of(manager.get(reverse("admin:actions_actiondefinition_add") + "?kind=field_rule"))
    assert f'formaction="{url}"' in add
    typed = {
        "project": project.pk, "identifier": "adults", "run": "always", "on_failure": "hold", "position": "0",
        "config__field": AGE, "config__reject_if__operator": "less", "config__reject_if": "10", "config__if_missing": "hold",
    }  # fmt: skip
    assert "17.5% more would be rejected" in text_of(manager.post(url, typed))
    assert not ActionDefinition.objects.exists()


def test_a_project_is_tried_as_it_is_defined_now(project: Project, manager: Client) -> None:
    stored = rule(project)
    stored.save()
    past(project, 40, stored)
    rule(project, "adults", AGE, less=10).save()
    url = reverse("rehearse_project", args=[project.pk])
    page = manager.get(url)
    assert "result" not in page.context and "40 contacts" in text_of(page)
    before = everything()
    assert "17.5% more would be rejected" in text_of(manager.post(url))
    assert everything() == before


def test_who_may_change_actions_without_seeing_contacts_gets_rows_instead_of_ids(project: Project) -> None:
    stored = rule(project, "adults", AGE, less=10)
    stored.save()
    past(project, 40)
    user = user_in("Viewer")
    user.user_permissions.add(Permission.objects.get(codename="change_actiondefinition"))
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    shown = text_of(client.post(reverse("rehearse_definition", args=[stored.pk])))
    assert "17.5% more would be rejected" in shown and "A-1" not in shown and "row 2" in shown


@pytest.mark.parametrize("role", ["staff", "Viewer", "Reviewer"])
def test_who_may_not_change_actions_may_not_try_them(project: Project, role: str) -> None:
    stored = rule(project)
    stored.save()
    client = client_of(role)
    for url in (reverse("rehearse_definition", args=[stored.pk]), reverse("rehearse_project", args=[project.pk])):
        assert (client.get(url).status_code, client.post(url).status_code) == (403, 403)


def test_other_projects_are_not_there(project: Project) -> None:
    stored = rule(project)
    stored.save()
    user = user_in("Manager")
    Reach.objects.create(user=user)
    client = Client()
    client.force_login(user)
    for url in (reverse("rehearse_definition", args=[stored.pk]), reverse("rehearse_project", args=[project.pk])):
        assert (client.get(url).status_code, client.post(url).status_code) == (404, 404)


@pytest.fixture(autouse=True)
def _nobody_is_called(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    called: list[str] = []
    monkeypatch.setattr("outbound.session.GuardedSession.request", lambda self, *a, **b: called.append("called"))
    yield
    assert called == []
