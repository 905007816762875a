"""Roles to start with, people, tokens and allowed hosts."""

import re
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.urls import reverse

from api.models import ApiToken, fingerprint
from sendouts.models import AllowedHost
from tests.factories import ROLES, client_of, text_of, user_in

pytestmark = pytest.mark.django_db
HOSTS = reverse("admin:sendouts_allowedhost_changelist")
TOKENS = reverse("admin:sendouts_apitoken_changelist")


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def create_roles() -> None:
    import_module("sendouts.migrations.0003_roles").create_roles(apps, SimpleNamespace(connection=connection))


def permissions_of(name: str) -> set[tuple[str, str]]:
    rows = Group.objects.get(name=name).permissions.values_list("content_type__app_label", "codename")
    return {(app, codename) for app, codename in rows}


def test_the_roles_are_made_without_permissions_and_keep_what_they_have() -> None:
    Group.objects.all().delete()
    Permission.objects.all().delete()
    create_roles()
    for name, wanted in ROLES.items():
        assert permissions_of(name) == wanted
    assert ("sendouts", "review_batch") in permissions_of("Reviewer") - permissions_of("Viewer")
    assert ("sendouts", "take_on_batch") in permissions_of("Manager") - permissions_of("Reviewer")
    more = Permission.objects.get(codename="view_user")
    Group.objects.get(name="Viewer").permissions.add(more)
    create_roles()
    assert Group.objects.filter(name="Viewer").count() == 1
    assert permissions_of("Viewer") == ROLES["Viewer"] | {("auth", "view_user")}


def test_an_allowed_host_is_added_by_a_manager_and_remembered() -> None:
    client = client_of("Manager")
    add = reverse("admin:sendouts_allowedhost_add")
    refused = client.post(add, {"entry": "https://x", "use": "platform", "note": ""})
    assert refused.status_code == 200 and not AllowedHost.objects.exists()
    assert client.post(add, {"entry": ".example.com", "use": "platform", "note": "new"}).status_code == 302
    made = AllowedHost.objects.get()
    assert made.history.get().history_user.get_username() == "manager.lyon"
    url = reverse("admin:sendouts_allowedhost_history", args=[made.pk])
    assert "manager.lyon" in text_of(client.get(url))
    assert ".example.com" in text_of(client.get(HOSTS))


def test_a_token_is_shown_once_and_then_never_again(root: Client) -> None:
    user = user_in("Viewer")
    response = root.post(reverse("admin:sendouts_apitoken_add"), {"user": user.pk, "name": "shop"})
    token = ApiToken.objects.get(user=user)
    (text,) = re.findall(rf"{re.escape(token.prefix)}[\w-]{{30,}}", text_of(response))
    assert token.digest == fingerprint(text) and "no-store" in response["Cache-Control"]
    change = reverse("admin:sendouts_apitoken_change", args=[token.pk])
    delete = reverse("admin:sendouts_apitoken_delete", args=[token.pk])
    for url in (TOKENS, change, delete, "/admin/"):
        page = root.get(url)
        assert page.status_code == 200, url
        assert text not in text_of(page) and token.digest not in text_of(page), url
    assert text not in text_of(root.post(delete, {"post": "yes"}, follow=True))
    assert not ApiToken.objects.exists()
    assert LogEntry.objects.count() == 2
    assert not LogEntry.objects.filter(object_repr__contains=text).exists()


def test_the_menu_holds_what_the_reader_may_look_at(root: Client) -> None:
    def entries(client: Client) -> list[str]:
        return [
            item["title"] for group in client.get("/admin/").context["sidebar_navigation"] for item in group["items"]
        ]

    looked_at = [
        "Home",
        "Batches",
        "Webhooks",
        "Alarms",
        "Projects",
        "Sendouts",
        "Actions",
        "Promo codes",
        "Suppression lists",
        "Allowed hosts",
    ]
    assert entries(client_of("Viewer")) == looked_at
    assert entries(root) == [
        *looked_at[:2],
        "Find a contact",
        *looked_at[2:],
        "Credentials",
        "Channels",
        "Users",
        "Groups",
        "API tokens",
        "Account history",
        "Messages",
    ]
