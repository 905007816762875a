"""Each page of the admin names the version in its foot; the login page does not."""

import pytest
from django.test import Client
from django.urls import reverse

from gateway import __version__
from tests.factories import client_of, text_of

pytestmark = pytest.mark.django_db
FOOT = f"Send Gate {__version__}"


@pytest.mark.parametrize("name", ["index", "sendouts_webhook_changelist"])
def test_the_foot_of_a_page_names_the_version(name: str) -> None:
    assert FOOT in text_of(client_of("Viewer").get(reverse(f"admin:{name}")))


def test_the_login_does_not(client: Client) -> None:
    assert FOOT not in text_of(client.get(reverse("admin:login")))
