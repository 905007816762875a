"""The history of a person, a group and all accounts, in words, for those who may see accounts."""

from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from actions.access import Reach
from actions.accounts.record import AccountRecord
from actions.models import Project
from tests.factories import plain_english

pytestmark = pytest.mark.django_db
LIST = reverse("admin:actions_accountrecord_changelist")


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    plain_english(settings)


@pytest.fixture
def chief() -> Client:
    return logged_in(User.objects.create_superuser("chief"))


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def read(client: Client, page: str) -> str:
    """Return the text of a page, without tags."""
    return " ".join(unescape(strip_tags(client.get(page).content.decode())).split())


def page_of(row: Any, pk: int | None = None) -> str:
    return reverse(f"admin:auth_{row._meta.model_name}_history", args=[pk or row.pk])


def test_the_history_of_a_person_is_in_words_and_keeps_the_names_of_groups_that_are_gone(chief: Client) -> None:
    lea, editors = User.objects.create_user("lea"), Group.objects.create(name="Editors <1>")
    lea.groups.add(editors, Group.objects.get(name="Manager"))
    editors.delete()
    lea.user_permissions.add(Permission.objects.get(codename="view_batch"))
    Reach.objects.create(user=lea).projects.add(Project.objects.create(name="Shop"))
    lea.is_superuser = True
    lea.save()
    page = read(chief, page_of(lea))
    for said in (
        "Role Manager added",
        "Group “Editors <1>” added",
        "Group “Editors <1>” removed",
        "Permissions added: batch · View",
        "Limited to some projects",
        "Projects added: Shop",
        "Superuser statusno → yes",
        "on the server",
    ):
        assert said in page, page


def test_what_passed_by_the_desk_and_what_was_there_before_is_said_so(chief: Client) -> None:
    lea = User.objects.create_user("lea")
    User.objects.filter(pk=lea.pk).update(is_superuser=True)
    permission = Permission.objects.get(codename="view_batch")
    User.user_permissions.through.objects.bulk_create([User.user_permissions.through(user=lea, permission=permission)])
    AccountRecord.objects.create(subject="person", subject_id=lea.pk, word="limited", data={"before": True})
    page = read(chief, page_of(lea))
    for said in (
        "Changed (outside the desk)",
        "Superuser statusno → yes",
        "Permissions added: batch · View (outside the desk)",
        "Limited to some projects (before the record began)",
    ):
        assert said in page, page


def test_who_changed_an_account_on_the_desk_is_named(chief: Client) -> None:
    assert chief.post(reverse("admin:auth_group_add"), {"name": "Editors"}).status_code == 302
    editors = Group.objects.get(name="Editors")
    assert "Created · by chief" in read(chief, page_of(editors))


def test_the_history_of_a_deleted_account_stays_and_is_found_in_the_list(chief: Client) -> None:
    lea = User.objects.create_user("lea")
    page = page_of(lea)
    lea.delete()
    assert "Deleted" in read(chief, page)
    assert f'href="{page}"' in chief.get(LIST).content.decode()
    assert page not in chief.get(LIST + "?q=nobody").content.decode()
    assert chief.get(page_of(User(pk=987654))).status_code == 404


def test_only_who_may_see_accounts_sees_their_history() -> None:
    viewer, limited = (User.objects.create_user(name, is_staff=True) for name in ("viewer", "limited"))
    viewer.groups.add(Group.objects.get(name="Manager"))
    limited.user_permissions.set(Permission.objects.filter(content_type__app_label="auth"))
    Reach.objects.create(user=limited)
    for user in (viewer, limited):
        client = logged_in(user)
        for page in (LIST, page_of(user), page_of(Group.objects.get(name="Manager"))):
            assert client.get(page).status_code == 403, (user, page)
        assert LIST not in client.get(reverse("admin:index")).content.decode()
