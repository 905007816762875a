"""Staff see every hook that came in and what became of it, but never its body."""

import pytest
from django.test import Client
from django.urls import reverse

from sendouts.models import Webhook
from sendouts.symplify.payload import BodyProblem
from tests.factories import SECRET, batch, client_of, page_url, text_of, webhook

pytestmark = pytest.mark.django_db
LIST = reverse("admin:sendouts_webhook_changelist")


def test_a_hook_that_is_not_json_is_shown_with_the_reason(viewer: Client) -> None:
    webhook("unreadable", detail=BodyProblem.NOT_JSON(line=3, column=7))
    text = text_of(viewer.get(LIST))
    assert "unreadable" in text and "The body is not JSON: line 3, column 7." in text


def test_a_reviewer_may_have_an_unreadable_hook_planned_again_while_its_body_is_there() -> None:
    client = client_of("Reviewer")
    hook, wiped = webhook("unreadable"), webhook("unreadable", body=b"")
    page = reverse("admin:sendouts_webhook_again", args=[hook.pk])
    assert page in text_of(client.get(reverse("admin:sendouts_webhook_change", args=[hook.pk])))
    assert "if a newer version of the gateway can" in text_of(client.get(page))
    assert client.post(page).status_code == 302
    assert client.post(reverse("admin:sendouts_webhook_again", args=[wiped.pk])).status_code == 409
    assert dict(Webhook.objects.values_list("pk", "outcome")) == {hook.pk: "", wiped.pk: "unreadable"}


def test_a_hook_leads_to_its_batch_and_its_body_and_addresses_are_nowhere(viewer: Client) -> None:
    made = batch(accepted=1)
    hook = webhook("planned", batch=made)
    for url in (LIST, reverse("admin:sendouts_webhook_change", args=[hook.pk])):
        text = text_of(viewer.get(url))
        assert page_url(made) in text and "Day 1" in text
        assert SECRET not in text and "finishUri" not in text


def test_hooks_are_filtered_by_outcome_and_found_by_their_number(viewer: Client) -> None:
    wanted = webhook("duplicate")
    webhook("planned")
    for query in ("?outcome__exact=duplicate", f"?q={wanted.uuid}"):
        assert [row.pk for row in viewer.get(LIST + query).context["cl"].result_list] == [wanted.pk], query


def test_what_is_only_machinery_is_not_in_the_menu() -> None:
    client = client_of("Manager")
    text = text_of(client.get("/admin/"))
    for name in ("plan", "event", "decision", "chunk"):
        assert f"/admin/sendouts/{name}/" not in text
        assert client.get(f"/admin/sendouts/{name}/").status_code == 404
