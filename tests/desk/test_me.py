"""“My settings”: what a person chooses for their own screens."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from desk.models import Preference
from tests.factories import batch, client_of, page_url, plain_english, text_of

pytestmark = pytest.mark.django_db
ME = "/admin/me/"


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    plain_english(settings)


def test_single_keys_are_on_until_a_person_switches_them_off(client: Client) -> None:
    made = batch(accepted=1)
    anna, ben = client_of("Reviewer"), client_of("Manager")
    for person in (anna, ben):
        assert "data-keys>" in text_of(person.get(page_url(made)))
    response = anna.post(ME, {"section": "shortcuts"}, follow=True)
    assert "Your settings are saved." in text_of(response)
    assert "data-keys>" not in text_of(anna.get(page_url(made)))
    assert "data-keys>" in text_of(ben.get(page_url(made))), "nobody else's"
    anna.post(ME, {"section": "shortcuts", "shortcuts": "on"})
    assert "data-keys>" in text_of(anna.get(page_url(made)))
    assert Preference.objects.get().user == User.objects.get(username="reviewer.lyon")


def test_the_page_shows_what_is_chosen() -> None:
    anna = client_of("Viewer")
    assert anna.get(ME).context["sections"][0][1].initial == {"shortcuts": True}
    anna.post(ME, {"section": "shortcuts"})
    assert anna.get(ME).context["sections"][0][1].initial == {"shortcuts": False}


def test_a_section_that_there_is_not_is_refused() -> None:
    anna = client_of("Viewer")
    assert anna.post(ME, {"section": "evil", "shortcuts": "on"}).status_code == 400
    assert not Preference.objects.exists()


def test_without_a_login_there_is_no_such_page(client: Client) -> None:
    assert client.get(ME).status_code == 302
    assert client.post(ME, {"section": "shortcuts"})["Location"].startswith("/admin/login/")
