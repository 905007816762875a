"""Who the contacts are is shown to those who may see it, and to nobody else, wherever it could be shown."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from actions.models import Project
from sendouts.models import Batch, Decision, Event
from sendouts.privacy.masking import masked
from tests.api.api_cases import client_of as program_of
from tests.factories import batch, client_of, page_url, plain_english, text_of, user_in, verb_url
from tests.gate import person

pytestmark = pytest.mark.django_db
CITY = "Lyon-Croix-Rousse"


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    plain_english(settings)


@pytest.fixture
def made() -> Batch:
    found = batch(accepted=3, rejected=3, undecided=3, unread=1)
    Decision.objects.exclude(contact_id="").update(kept={"properties.city": CITY})
    return found


def all_that_is_shown(client: Client, made: Batch) -> str:
    queries = ("", "?tab=rejected", "?tab=unread", "?contact=A-0")
    urls = [page_url(made, query) for query in queries] + [reverse("admin:sendouts_batch_changelist")]
    return "".join(text_of(client.get(url)) for url in urls)


def test_a_viewer_sees_places_instead_of_contacts(made: Batch) -> None:
    shown = all_that_is_shown(client_of("Viewer"), made)
    assert "A-0" not in shown and CITY not in shown
    assert "row 1" in shown and "You may not see who the contacts are." in shown


def test_the_search_tells_a_viewer_nothing_about_who_is_in_a_batch(made: Batch) -> None:
    viewer = client_of("Viewer")
    there, nowhere = (
        viewer.get(page_url(made, f"?contact={name}")).context["page"].contacts for name in ("A-0", "nobody")
    )
    assert there == nowhere
    assert 'name="contact"' not in text_of(viewer.get(page_url(made)))


def test_who_decides_without_seeing_contacts_sees_places_on_the_verbs_too(made: Batch) -> None:
    user = user_in("Reviewer")
    user.user_permissions.remove(*user.user_permissions.filter(codename="view_contacts"))
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    shown = all_that_is_shown(client, made)
    url = verb_url(made, "contact", 0, "accept")
    shown += text_of(client.get(url))
    assert "Put back row 1?" in shown
    done = client.post(url, {"note": "asked for", "revision": made.revision}, follow=True)
    assert "row 1 is changed." in text_of(done)
    shown += text_of(done) + text_of(client.get(reverse("admin:sendouts_batch_history", args=[made.pk]), follow=True))
    assert "A-0" not in shown and CITY not in shown


def test_a_reviewer_sees_contacts_and_the_fields_that_the_project_shows(made: Batch) -> None:
    Project.objects.update(keep_fields=["properties.city"], show_fields=["properties.city"])
    shown = all_that_is_shown(client_of("Reviewer"), made)
    assert "A-0" in shown and CITY in shown
    Project.objects.update(show_fields=[])
    shown = all_that_is_shown(client_of("Administrator"), made)
    assert CITY not in shown and "properties.city" in shown and "L•••e" in shown


MASKED = {
    "marie.durand7@wanadoo.example.com": "m•••7@•••.com",
    "jo@example.com": "•••@•••.com",
    "Croix-Rousse": "C•••e",
}
MASKED |= {
    "not an address@home": "n•••e",
    "+33 6 12 34 56 42": "•••42",
    33612345642: "•••42",
    142: "•••",
    "Lyon": "•••",
}
MASKED |= dict.fromkeys(("", None, True), "•••")


@pytest.mark.parametrize(("value", "shown"), [*MASKED.items(), (["marie@example.com"], "•••"), ({"a": 1}, "•••")])
def test_a_masked_value_tells_two_apart_and_not_whom(value: object, shown: str) -> None:
    assert masked(value) == shown


def test_a_program_without_the_right_reads_null(made: Batch) -> None:
    address = f"/api/batches/{made.pk}/decisions/"
    blind = program_of(person("blind", "view_batch")).get(address)
    assert {row["contact_id"] for row in blind.json()["results"]} == {None}
    seeing = program_of(person("seeing", "view_batch", "view_contacts")).get(address)
    assert {row["contact_id"] for row in seeing.json()["results"]} == {
        "",
        *(f"A-{row}" for row in [*range(6), 7, 8, 9]),
    }
    for answer in (blind, seeing):
        assert CITY not in answer.content.decode()


def test_events_name_rows_and_no_contacts(made: Batch) -> None:
    client = client_of("Reviewer")
    url = verb_url(made, "contact", 0, "accept")
    assert client.post(url, {"note": "asked for", "revision": made.revision}).status_code == 302
    events = program_of(person("program", "view_batch", "view_contacts")).get(f"/api/batches/{made.pk}/events/")
    assert Event.objects.filter(batch=made, word="changed").exists()
    assert "A-0" not in events.content.decode()
