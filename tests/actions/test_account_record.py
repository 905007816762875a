"""The record of accounts: every change of a person, a group, a limit or a token leaves an entry, and nobody edits it."""

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import Error, connection, transaction
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from actions.access import Reach
from actions.accounts.announced import AnnouncedChange, announce
from actions.accounts.record import AccountRecord, AccountSubject
from actions.models import Project
from api.models import ApiToken

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-and-odd-password"


def entries(row: Any) -> list[tuple[str, list[str]]]:
    """Return the entries of a person or group, oldest first: the word, and the names or the columns."""
    subject = AccountSubject.GROUP if isinstance(row, Group) else AccountSubject.PERSON
    found = AccountRecord.objects.filter(subject=subject, subject_id=row.pk).order_by("id")
    return [(each.word, each.data.get("names") or sorted(each.data.get("fields", {}))) for each in found]


def forget(row: Any) -> Callable[[], list[tuple[str, list[str]]]]:
    """Return a function that returns the entries made from now on."""
    before = len(entries(row))
    return lambda: entries(row)[before:]


@pytest.fixture
def lea() -> User:
    return User.objects.create_user("lea", password=PASSWORD, is_staff=True)


def log_in() -> None:
    answer = Client().post(reverse("admin:login"), {"username": "lea", "password": PASSWORD})
    assert answer.status_code == 302


@pytest.fixture
def editors() -> Group:
    return Group.objects.create(name="Editors")


def test_columns_are_told_with_both_values_and_a_login_is_not(lea: User) -> None:
    assert entries(lea) == [("created", ["is_staff", "username"])]
    since = forget(lea)
    log_in()
    lea.save()
    assert since() == []
    lea.is_superuser = True
    lea.email = "lea@example.com"
    lea.save(update_fields=["is_superuser"])
    assert since() == [("changed", ["is_superuser"])]
    assert AccountRecord.objects.first().data == {"fields": {"is_superuser": [False, True]}}


def set_it(user: User) -> None:
    user.set_password("another-odd-password")
    user.save(update_fields=["password"])


def make_it_unusable(user: User) -> None:
    user.set_unusable_password()
    user.save(update_fields=["password"])


def write_its_hash(user: User) -> None:
    user.password = make_password("another-odd-password")
    user.save(update_fields=["password"])


@pytest.mark.parametrize("way", [set_it, make_it_unusable, write_its_hash])
def test_of_a_new_password_only_the_fact_is_told(lea: User, way: Callable[[User], None]) -> None:
    since = forget(lea)
    way(lea)
    assert since() == [("password", [])]
    assert AccountRecord.objects.first().data == {}


def test_a_login_that_renews_the_hash_changes_no_password(lea: User, settings: Any) -> None:
    since, before = forget(lea), lea.password
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher", *settings.PASSWORD_HASHERS]
    log_in()
    lea.refresh_from_db()
    assert lea.password != before
    assert since() == []


def test_groups_are_told_from_either_side(lea: User, editors: Group) -> None:
    since = forget(lea)
    lea.groups.add(editors)
    lea.groups.add(editors)
    lea.groups.set([])
    editors.user_set.add(lea)
    editors.user_set.clear()
    lea.groups.remove(editors)
    added, removed = ("joined", ["Editors"]), ("left", ["Editors"])
    assert since() == [added, removed, added, removed]


def test_permissions_are_told_of_people_and_groups(lea: User, editors: Group) -> None:
    permission = Permission.objects.get(codename="view_batch")
    for row, links in ((lea, lea.user_permissions), (editors, editors.permissions)):
        since = forget(row)
        links.add(permission)
        links.clear()
        assert since() == [("allowed", ["sendouts.view_batch"]), ("forbidden", ["sendouts.view_batch"])]


def test_a_limit_to_projects_is_told(lea: User) -> None:
    since = forget(lea)
    reach = Reach.objects.create(user=lea)
    reach.projects.set([Project.objects.create(name="Shop"), Project.objects.create(name="News")])
    reach.projects.remove(Project.objects.get(name="Shop"))
    reach.delete()
    assert since() == [("limited", []), ("shown", ["News", "Shop"]), ("hidden", ["Shop"]), ("unlimited", [])]


def test_tokens_are_told_without_their_text(lea: User) -> None:
    since = forget(lea)
    call_command("create_token", "lea", "--name", "shop")
    token = ApiToken.objects.get()
    ApiToken.objects.filter(pk=token.pk).update(last_used="2026-01-01")
    token.delete()
    shown = [f"{token.prefix}… (shop)"]
    assert since() == [("token_made", shown), ("token_revoked", shown)]


def test_the_record_outlives_a_person_and_a_group(lea: User, editors: Group) -> None:
    lea.groups.add(editors)
    Reach.objects.create(user=lea)
    person, group = User(pk=lea.pk), Group(pk=editors.pk)
    editors.delete()
    since = forget(lea)
    User.objects.filter(pk=lea.pk).delete()
    assert since() == [("deleted", [])]
    assert [word for word, _names in entries(person)] == ["created", "joined", "limited", "left", "deleted"]
    assert entries(group)[-1] == ("deleted", [])


def test_the_author_is_the_user_of_the_request_and_keeps_that_name(lea: User) -> None:
    assert AccountRecord.objects.first().who == ""
    chief = User.objects.create_superuser("chief", password=PASSWORD)
    client = Client()
    client.force_login(chief)
    page = reverse("admin:auth_user_password_change", args=[lea.pk])
    form = {"password1": "another-odd-password", "password2": "another-odd-password", "usable_password": "true"}
    assert client.post(page, form).status_code == 302
    chief.username = "boss"
    chief.save()
    entry = AccountRecord.objects.get(word="password")
    assert (entry.who, entry.who_id, entry.name) == ("chief", chief.pk, "lea")


def outside(row: Any) -> list[tuple[str, Any]]:
    """Return what triggers recorded of a person or group: the word, and what changed."""
    subject = AccountSubject.GROUP if isinstance(row, Group) else AccountSubject.PERSON
    found = AccountRecord.objects.filter(subject=subject, subject_id=row.pk, data__outside=True).order_by("id")
    assert not found.exclude(who="").exists()
    return [
        (each.word, next((each.data[key] for key in ("fields", "names", "ids") if key in each.data), None))
        for each in found
    ]


def test_an_update_that_passes_by_the_application_is_recorded_with_both_values(lea: User, editors: Group) -> None:
    User.objects.filter(pk=lea.pk).update(is_superuser=True, username="mia")
    User.objects.filter(pk=lea.pk).update(last_login="2026-01-01T00:00Z", is_superuser=True)
    Group.objects.filter(pk=editors.pk).update(name="Writers")
    assert outside(lea) == [("changed", {"is_superuser": [False, True], "username": ["lea", "mia"]})]
    assert AccountRecord.objects.filter(subject="person", subject_id=lea.pk).first().name == "mia"
    assert outside(editors) == [("changed", {"name": ["Editors", "Writers"]})]


def test_of_a_password_that_is_set_outside_only_the_fact_is_told(lea: User) -> None:
    User.objects.filter(pk=lea.pk).update(password=make_password("another-odd-password"))
    assert outside(lea) == [("password", None)]
    assert AccountRecord.objects.first().data == {"outside": True}


def test_accounts_that_are_made_or_deleted_outside_are_recorded() -> None:
    (kim,) = User.objects.bulk_create([User(username="kim", is_staff=True)])
    kim = User.objects.get(username="kim")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM auth_user WHERE username = 'kim'")
    assert outside(kim) == [("created", {"username": ["", "kim"], "is_staff": [False, True]}), ("deleted", None)]


def test_links_that_are_made_or_cut_outside_are_recorded(lea: User, editors: Group) -> None:
    permission, shop = Permission.objects.get(codename="view_batch"), Project.objects.create(name="Shop")
    User.groups.through.objects.bulk_create([User.groups.through(user=lea, group=editors)])
    User.user_permissions.through.objects.bulk_create([User.user_permissions.through(user=lea, permission=permission)])
    Reach.objects.bulk_create([Reach(user=lea)])
    Reach.projects.through.objects.bulk_create([Reach.projects.through(reach_id=lea.pk, project=shop)])
    ApiToken.objects.bulk_create([ApiToken(user=lea, prefix="sendgate_abcd", digest="x")])
    ApiToken.objects.update(last_used="2026-01-01")
    ApiToken.objects.update(expires_at="2030-01-01T00:00Z")
    made = [
        *(("joined", ["Editors"]), ("allowed", [permission.pk]), ("limited", None), ("shown", [shop.pk])),
        *(("token_made", ["sendgate_abcd…"]), ("token_changed", ["sendgate_abcd…"])),
    ]
    assert outside(lea) == made
    for links in (User.groups, User.user_permissions, Reach.projects):
        links.through.objects.all()._raw_delete("default")
    Reach.objects.all()._raw_delete("default")
    ApiToken.objects.all()._raw_delete("default")
    assert [word for word, _ in outside(lea)][len(made) :] == [
        "left",
        "forbidden",
        "hidden",
        "unlimited",
        "token_revoked",
    ]


def test_what_the_application_records_is_not_recorded_twice(lea: User, editors: Group) -> None:
    permission, shop = Permission.objects.get(codename="view_batch"), Project.objects.create(name="Shop")
    set_it(lea)
    lea.groups.add(editors)
    permission.user_set.add(lea)
    permission.group_set.set([editors])
    reach = Reach.objects.create(user=lea)
    reach.projects.add(shop)
    call_command("create_token", "lea")
    lea.username = "mia"
    lea.save()
    editors.delete()
    lea.groups.set([Group.objects.create(name="Others")])
    reach.delete()
    lea.delete()
    assert not AccountRecord.objects.filter(data__outside=True).exists()
    assert not AnnouncedChange.objects.exists()


def test_an_announcement_that_stayed_covers_no_later_change(lea: User) -> None:
    announce(lea, [lea])
    AnnouncedChange.objects.update(at=Now() - timedelta(minutes=2))
    User.objects.filter(pk=lea.pk).update(is_superuser=True)
    assert [word for word, _ in outside(lea)] == ["changed"]


def test_accounts_without_an_entry_get_a_first_one_with_what_they_have(lea: User, editors: Group) -> None:
    begin = import_module("actions.migrations.0009_changes_outside").begin
    announce(lea, [User(username="old")])
    User.objects.bulk_create([User(username="old", is_superuser=True)])
    old = User.objects.get(username="old")
    announce(lea, [old])
    permission, shop = Permission.objects.get(codename="view_batch"), Project.objects.create(name="Shop")
    User.groups.through.objects.bulk_create([User.groups.through(user=old, group=editors)])
    User.user_permissions.through.objects.bulk_create([User.user_permissions.through(user=old, permission=permission)])
    Reach.objects.bulk_create([Reach(user=old)])
    Reach.projects.through.objects.bulk_create([Reach.projects.through(reach_id=old.pk, project=shop)])
    ApiToken.objects.bulk_create([ApiToken(user=old, name="shop", prefix="sendgate_abcd", digest="x")])
    assert entries(old) == []
    since = forget(lea)
    begin(apps, "default")
    begin(apps, "default")
    assert since() == []
    assert entries(old) == [
        *(("created", ["is_superuser", "username"]), ("joined", ["Editors"]), ("allowed", ["sendouts.view_batch"])),
        *(("limited", []), ("shown", ["Shop"]), ("token_made", ["sendgate_abcd… (shop)"])),
    ]
    assert AccountRecord.objects.first().data["before"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE actions_accountrecord SET who = 'x'",
        "DELETE FROM actions_accountrecord",
        "TRUNCATE actions_accountrecord",
    ],
)
def test_nobody_edits_it(lea: User, statement: str) -> None:
    if connection.vendor == "sqlite" and statement.startswith("TRUNCATE"):
        return
    with pytest.raises(Error, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert entries(lea) == [("created", ["is_staff", "username"])]
