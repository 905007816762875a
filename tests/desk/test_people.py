"""An administrator adds a person in one form: who they are, a role, and the projects that they see; never more than they have."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.urls import reverse

from actions import access
from actions.access import Reach
from actions.models import Project
from api.models import ApiToken
from tests.factories import plain_english, text_of

pytestmark = pytest.mark.django_db
ADD = reverse("admin:auth_user_add")
PASSWORD = "a-long-and-odd-password"


@pytest.fixture(autouse=True)
def _roles(settings: Any) -> None:
    plain_english(settings)
    import_module("sendouts.migrations.0003_roles").create_roles(apps, SimpleNamespace(connection=connection))


@pytest.fixture
def administrator() -> Client:
    return logged_in(in_role("Administrator", "chief"))


def in_role(role: str, name: str) -> User:
    user = User.objects.create_user(name, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def form(**given: Any) -> dict[str, Any]:
    return {"username": "lea", "password1": PASSWORD, "password2": PASSWORD, **given}


def change(user: User) -> str:
    return reverse("admin:auth_user_change", args=[user.pk])


def posted(client: Client, user: User, **given: Any) -> Any:
    """Send the page of a person as it stands, with what is given instead."""
    page = client.get(change(user))
    assert page.status_code == 200
    adminform = page.context["adminform"].form
    values: dict[str, Any] = {}
    for name, field in adminform.fields.items():
        if name == "password":
            continue
        value = adminform[name].value()
        if isinstance(value, bool):
            values |= {name: "on"} if value else {}
        elif hasattr(field.widget, "decompress"):
            values |= {f"{name}_{place}": part for place, part in enumerate(field.widget.decompress(value)) if part}
        elif value is not None:
            values[name] = [getattr(each, "pk", each) for each in value] if isinstance(value, list) else value
    values |= given
    return client.post(change(user), {name: value for name, value in values.items() if value is not None})


def test_a_role_is_enough_to_come_in_and_without_one_nobody_does(administrator: Client) -> None:
    page, role = text_of(administrator.get(ADD)), "Reviewer"
    assert "Also sees who the contacts are" in page
    assert administrator.post(ADD, form(role=role)).status_code == 302
    made = User.objects.get(username="lea")
    assert (made.is_staff, [group.name for group in made.groups.all()]) == (True, [role])
    assert not Reach.objects.filter(user=made).exists()
    client = Client()
    assert client.post("/admin/login/", {"username": "lea", "password": PASSWORD}).status_code == 302
    assert client.get("/admin/sendouts/batch/").status_code == 200
    assert posted(administrator, made, role="").status_code == 302
    made.refresh_from_db()
    assert (made.is_staff, made.groups.count()) == (False, 0)


def test_projects_are_chosen_on_the_same_form(administrator: Client) -> None:
    own, other = Project.objects.create(name="Newsletter"), Project.objects.create(name="Shop")
    refused = administrator.post(ADD, form(role="Reviewer", only_some="on"))
    assert refused.status_code == 200 and "Choose at least one project" in text_of(refused)
    assert administrator.post(ADD, form(role="Reviewer", only_some="on", projects=[own.pk])).status_code == 302
    made = User.objects.get(username="lea")
    assert access.projects_seen(made) == [own.pk] and not access.sees(made, other.pk)
    assert "Newsletter" in text_of(administrator.get(reverse("admin:auth_user_changelist")))
    assert posted(administrator, made, projects=[own.pk, other.pk]).status_code == 302
    assert access.projects_seen(User.objects.get(pk=made.pk)) == [own.pk, other.pk]
    assert posted(administrator, made, only_some=None).status_code == 302
    assert access.projects_seen(User.objects.get(pk=made.pk)) is None


def test_another_role_takes_the_place_of_the_old_one_and_other_groups_stay(administrator: Client) -> None:
    made = in_role("Viewer", "lea")
    made.groups.add(Group.objects.create(name="Lyon"))
    assert posted(administrator, made, role="Manager").status_code == 302
    assert {group.name for group in made.groups.all()} == {"Manager", "Lyon"}
    assert posted(administrator, made, first_name="Léa").status_code == 302
    assert {group.name for group in made.groups.all()} == {"Manager", "Lyon"}


def stronger() -> Permission:
    """A permission that no role has."""
    return Permission.objects.get(codename="delete_batch")


def test_nobody_gives_a_permission_that_they_have_not(administrator: Client) -> None:
    made, more = in_role("Viewer", "lea"), stronger()
    text = text_of(administrator.get(change(made), headers={"accept-language": "fr"}))
    assert "lot · Consulter" in text and "lot · Peut accepter, rejeter et modifier les lots retenus" in text
    assert ">Can " not in text and " · Can " not in text and "historical" not in text
    assert posted(administrator, made, user_permissions=[more.pk]).status_code == 200
    assert not made.has_perm("sendouts.delete_batch")
    group = Group.objects.get(name="Administrator")
    url = reverse("admin:auth_group_change", args=[group.pk])
    kept = [permission.pk for permission in group.permissions.all()]
    assert administrator.post(url, {"name": "Administrator", "permissions": [*kept, more.pk]}).status_code == 200
    assert not group.permissions.filter(pk=more.pk).exists()
    assert (
        administrator.post(reverse("admin:auth_group_add"), {"name": "Mine", "permissions": [more.pk]}).status_code
        == 200
    )
    assert not Group.objects.filter(name="Mine").exists()


def test_nobody_gives_a_group_that_may_more(administrator: Client) -> None:
    group = Group.objects.create(name="Owners")
    group.permissions.add(stronger())
    made = in_role("Viewer", "lea")
    assert posted(administrator, made, groups=[group.pk]).status_code == 200
    assert administrator.get(reverse("admin:auth_group_change", args=[group.pk])).status_code == 200
    answer = administrator.post(reverse("admin:auth_group_change", args=[group.pk]), {"name": "Nobody"})
    assert answer.status_code == 403
    assert not made.groups.filter(name="Owners").exists() and Group.objects.filter(name="Owners").exists()
    Group.objects.get(name="Manager").permissions.add(stronger())
    refused = administrator.post(ADD, form(username="max", role="Manager"))
    assert refused.status_code == 200 and not User.objects.filter(username="max").exists(), "a role made stronger"


@pytest.mark.parametrize("how", ["superuser", "permission", "group"])
def test_who_may_more_is_not_touched(administrator: Client, how: str) -> None:
    target = in_role("Viewer", "owner")
    if how == "superuser":
        target.is_superuser = True
        target.save()
    elif how == "permission":
        target.user_permissions.add(stronger())
    else:
        group = Group.objects.create(name="Owners")
        group.permissions.add(stronger())
        target.groups.add(group)
    new = {"password1": PASSWORD, "password2": PASSWORD}
    assert administrator.post(reverse("admin:auth_user_password_change", args=[target.pk]), new).status_code == 403
    assert administrator.post(change(target), {"username": "mine"}).status_code == 403
    assert administrator.post(reverse("admin:auth_user_delete", args=[target.pk]), {"post": "yes"}).status_code == 403
    token = administrator.post(reverse("admin:sendouts_apitoken_add"), {"user": target.pk, "name": "mine"})
    assert token.status_code == 200 and not ApiToken.objects.exists()
    target.refresh_from_db()
    assert target.username == "owner" and not target.check_password(PASSWORD)


def test_nobody_makes_superusers_but_superusers(administrator: Client) -> None:
    assert administrator.post(ADD, form(role="Viewer", is_superuser="on")).status_code == 302
    made = User.objects.get(username="lea")
    assert posted(administrator, made, is_superuser="on").status_code == 302
    made.refresh_from_db()
    assert not made.is_superuser
    root = logged_in(User.objects.create_superuser("root"))
    assert posted(root, made, is_superuser="on", user_permissions=[stronger().pk]).status_code == 302
    made.refresh_from_db()
    assert made.is_superuser and made.user_permissions.get() == stronger()
    assert "everything" in text_of(root.get(reverse("admin:auth_user_changelist")))


def test_who_is_limited_manages_nobody_and_nothing_that_all_share() -> None:
    chief = in_role("Administrator", "chief")
    Reach.objects.create(user=chief).projects.add(Project.objects.create(name="Newsletter"))
    client = logged_in(chief)
    for name in ("auth_user", "auth_group", "sendouts_apitoken"):
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 403
        assert client.get(reverse(f"admin:{name}_add")).status_code == 403
    for name in ("sendouts_allowedhost", "actions_credential"):
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 200
        assert client.get(reverse(f"admin:{name}_add")).status_code == 403
    assert client.get(reverse("admin:actions_project_add")).status_code == 403
    assert client.post(change(chief), {"username": "chief"}).status_code == 403


def test_who_takes_the_second_person_away_is_told(administrator: Client) -> None:
    lea = in_role("Reviewer", "lea")
    Project.objects.create(name="Newsletter", second_person_from=500)
    Project.objects.create(name="Shop")
    assert not messages_of(posted(administrator, lea, first_name="Léa"))
    warned = messages_of(posted(administrator, lea, is_active=None))
    assert warned == [
        "Newsletter: Only 1 person may accept here, and this project asks for two: what needs both times out. chief"
    ]
    posted(administrator, lea, is_active="on")
    url = reverse("admin:auth_user_delete", args=[lea.pk])
    assert messages_of(administrator.post(url, {"post": "yes"})) == warned
    in_role("Manager", "max")
    group = Group.objects.get(name="Manager")
    answer = administrator.post(reverse("admin:auth_group_change", args=[group.pk]), {"name": "Manager"})
    assert messages_of(answer) == warned


def messages_of(answer: Any) -> list[str]:
    """The warning that the act added; those before wait for a page as well."""
    assert answer.status_code == 302
    return [each.message for each in get_messages(answer.wsgi_request) if each.level_tag == "warning"][-1:]


def test_many_are_not_deleted_at_once_where_one_may_do_more(administrator: Client) -> None:
    weak, strong = in_role("Viewer", "lea"), in_role("Viewer", "owner")
    strong.user_permissions.add(stronger())
    given = {"action": "delete_selected", "_selected_action": [weak.pk, strong.pk], "post": "yes"}
    url = reverse("admin:auth_user_changelist")
    assert administrator.post(url, given).status_code == 403
    assert User.objects.filter(pk__in=[weak.pk, strong.pk]).count() == 2
    assert administrator.post(url, {**given, "_selected_action": [weak.pk]}).status_code == 302
    assert not User.objects.filter(pk=weak.pk).exists()
