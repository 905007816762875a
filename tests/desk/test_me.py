"""“My settings”: what a person chooses for their own screens."""

from typing import Any

import pytest
from django.test import Client

from desk.models import Preference
from tests.factories import batch, client_of, page_url, plain_english, text_of

pytestmark = pytest.mark.django_db
ME = "/admin/me/"


def test_single_keys_are_on_until_a_person_switches_them_off(client: Client, settings: Any) -> None:
    plain_english(settings)
    url = page_url(batch(accepted=1))
    anna, ben = client_of("Reviewer"), client_of("Manager")
    for person in (anna, ben):
        assert "data-keys>" in text_of(person.get(url))
        assert person.get(ME).context["form"]["shortcuts"].value() is True
    assert "Your settings are saved." in text_of(anna.post(ME, {}, follow=True))
    assert "data-keys>" not in text_of(anna.get(url))
    assert anna.get(ME).context["form"]["shortcuts"].value() is False
    assert "data-keys>" in text_of(ben.get(url)), "nobody else's"
    anna.post(ME, {"shortcuts": "on"})
    assert "data-keys>" in text_of(anna.get(url))
    assert Preference.objects.get().user.username == "reviewer.lyon"
    assert client.post(ME, {})["Location"].startswith("/admin/login/")
