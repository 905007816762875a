"""From a batch that waits for an unknown action to its definition, and back to the checks."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone, translation

from actions.models import Project
from desk.batch.define import definable
from sendouts.models import Batch, Status
from tests.factories import CONSENT, batch, client_of, page_url, plan, user_in

pytestmark = pytest.mark.django_db
RULE = {
    "identifier": "vip & co",
    "run": "asked",
    "on_failure": "hold",
    "position": "1",
    "config__field": "vip",
    "config__reject_if__operator": "equals",
    "config__reject_if": "false",
    "config__if_missing": "hold",
    "config__reason": "",
}


def waiting(**columns: Any) -> Batch:
    return batch(
        accepted=2, plan=plan(CONSENT, unknown=["vip & co", "vip & co", "new"]), held_for=["unknown_action"], **columns
    )


def test_each_unknown_action_has_its_link_once() -> None:
    with translation.override("en"):
        found = definable(waiting(), user_in("Manager"), timezone.now())
    assert [each.text for each in found] == ["Define “vip & co” and check again…", "Define “new” and check again…"]
    query = parse_qs(urlsplit(found[0].url).query)
    assert query["identifier"] == ["vip & co"] and query["next"][0].endswith("/run-again/")


def test_the_link_leads_over_the_form_to_the_page_that_runs_the_checks_again() -> None:
    made = waiting()
    client = client_of("Manager")
    (found, _new) = definable(made, user_in("Administrator"), timezone.now())
    choice = client.get(found.url)
    assert choice.status_code == 200 and "kind=field_rule" in choice.content.decode()
    answer = client.post(f"{found.url}&kind=field_rule", RULE | {"project": made.project_id}, follow=True)
    assert answer.redirect_chain[-1][0] == f"/admin/sendouts/batch/{made.pk}/run-again/"
    assert answer.status_code == 200
    assert made.project.actions.get().identifier == "vip & co"


def test_the_page_of_the_batch_leads_there() -> None:
    made = waiting()
    content = client_of("Manager").get(page_url(made)).content.decode()
    assert "Define “new” and check again…" in content and "identifier=new" in content
    assert "and check again…" not in client_of("Reviewer").get(page_url(made)).content.decode()


def test_an_unknown_project_is_set_up_on_its_page_and_leads_back() -> None:
    made = waiting()
    Project.objects.update(declared=False)
    made = Batch.objects.select_related("project", "sendout", "plan").get(pk=made.pk)
    client = client_of("Manager")
    found = definable(made, user_in("Administrator"), timezone.now())[0]
    content = client.get(found.url).content.decode()
    assert "Set up as it stands" in content and "you come back to the batch" in content
    data = {
        "name": "Newsletter",
        "review": "never",
        "at_deadline": "leave",
        "answer_within": "60 min",
        "keep_contacts": "none",
    }
    answer = client.post(found.url, data)
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/sendouts/batch/{made.pk}/run-again/")
    assert Project.objects.get().declared


@pytest.mark.parametrize("role", ["Viewer", "Reviewer", "staff"])
def test_who_may_not_set_up_or_comes_too_late_is_offered_nothing(role: str) -> None:
    assert definable(waiting(), user_in(role), timezone.now()) == []
    over = waiting(status=Status.EXPIRED, ended_at=timezone.now())
    assert definable(over, user_in("Manager"), timezone.now()) == []
