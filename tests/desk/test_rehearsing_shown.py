"""The pages on which a definition or a project is tried on a past batch: from the form as it is typed, by who may, without a trace."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from actions.models import ActionDefinition, Project
from tests.factories import everything, text_of, user_in
from tests.inquiries.rehearsal_cases import AGE, keeping, past, rule

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nobody_is_called")]


@pytest.fixture
def project() -> Project:
    return keeping()


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
    older, _newer = past(project, 20, stored), past(project, 40, stored)
    typed = form_of(manager, stored) | {
        "config__field": AGE,
        "config__reject_if__operator": "less",
        "config__reject_if": "4",
    }
    button = text_of(manager.get(reverse("admin:actions_actiondefinition_change", args=[stored.pk])))
    url = reverse("rehearse_definition", args=[stored.pk])
    assert f'formaction="{url}"' in button
    before = everything()
    page = manager.post(url, typed)
    shown = text_of(page)
    assert "7.5% more would be rejected: 3 contacts of 40 that were tried." in shown
    assert "9 contacts would no longer be rejected." in shown and ">A-1<" in shown
    again = dict(page.context["carried"]) | {"rehearse_batch": str(older.pk)}
    assert "3 contacts of 20" in text_of(manager.post(url, again)), "what was typed is carried to the next try"
    assert everything() == before


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
        "project": project.pk,
        "identifier": "adults",
        "run": "always",
        "on_failure": "hold",
        "position": "0",
        "config__field": AGE,
        "config__reject_if__operator": "less",
        "config__reject_if": "10",
        "config__if_missing": "hold",
    }
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
