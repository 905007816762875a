"""The order of actions: as people drag it, in one piece, and never over somebody else's change."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from actions.config.ordering import OrderChanged, in_order, moved, put_in_order
from actions.models import ActionDefinition, Project, Sendout, definitions_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(settings: Any) -> User:
    settings.LANGUAGE_CODE = "en"
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if not each.startswith("whitenoise.")]
    return User.objects.create_superuser("root")


@pytest.fixture
def project() -> Project:
    return Project.objects.create(name="Newsletter")


def define(project: Project, *names: str) -> list[int]:
    """Actions in this order, all at position 0, as they come when nobody cares."""
    return [ActionDefinition.objects.create(project=project, identifier=name, kind="field_rule").pk for name in names]


def names(owner: Project | Sendout) -> list[str]:
    return [each.identifier for each in in_order(owner)]


def test_the_order_is_that_of_the_plan_and_only_what_moved_is_in_the_history_with_who(
    root: User, project: Project
) -> None:
    a, b, c = define(project, "a", "b", "c")
    assert put_in_order(project, seen=[a, b, c], wanted=[c, a, b], user=root) == 3
    assert names(project) == ["c", "a", "b"] == [each.identifier for each in definitions_for(project)]
    assert put_in_order(project, seen=[c, a, b], wanted=[c, b, a], user=root) == 2
    assert [ActionDefinition.objects.get(pk=pk).history.count() for pk in (a, b, c)] == [3, 3, 2]
    assert ActionDefinition.objects.get(pk=a).history.first().history_user == root


@pytest.mark.parametrize("change", ["added", "archived", "ordered"])
def test_a_list_that_somebody_changed_meanwhile_is_left_alone(root: User, project: Project, change: str) -> None:
    a, b, c = define(project, "a", "b", "c")
    if change == "added":
        define(project, "d")
    elif change == "archived":
        ActionDefinition.objects.filter(pk=b).update(archived=True)
    else:
        put_in_order(project, seen=[a, b, c], wanted=[b, a, c], user=root)
    before = names(project)
    with pytest.raises(OrderChanged, match="Somebody changed this list"):
        put_in_order(project, seen=[a, b, c], wanted=[c, b, a], user=root)
    assert names(project) == before


def test_an_order_of_other_actions_is_refused(root: User, project: Project) -> None:
    a, b = define(project, "a", "b")
    (foreign,) = define(Project.objects.create(name="Shop"), "x")
    for wanted in ([a], [a, a], [a, b, foreign], [a, foreign], []):
        with pytest.raises(OrderChanged):
            put_in_order(project, seen=[a, b], wanted=wanted, user=root)


@given(st.integers(2, 8), st.data())
def test_one_step_moves_one_action_and_keeps_the_rest(count: int, data: st.DataObject) -> None:
    ids = list(range(count))
    pk, by = data.draw(st.sampled_from(ids)), data.draw(st.sampled_from([-1, 1]))
    after = moved(ids, pk, by)
    assert [each for each in after if each != pk] == [each for each in ids if each != pk]
    assert after.index(pk) == min(max(0, ids.index(pk) + by), count - 1)


def client(user: User) -> Client:
    made = Client()
    made.force_login(user)
    return made


def test_the_page_shows_the_list_and_stores_an_order(root: User, project: Project) -> None:
    a, b = define(project, "a", "b")
    ActionDefinition.objects.create(project=project, identifier="gone", kind="field_rule", archived=True)
    staff = client(root)
    page = reverse("admin:actions_project_change", args=[project.pk])
    content = staff.get(page).content.decode()
    assert f'name="seen" value="{a},{b}"' in content and content.index(">a</a>") < content.index(">b</a>")
    assert "Archived:" in content
    answer = staff.post(
        reverse("admin:actions_project_order", args=[project.pk]), {"seen": f"{a},{b}", "order": [b, a]}, follow=True
    )
    assert names(project) == ["b", "a"]
    assert "The actions have their new order." in answer.content.decode()


def test_without_scripts_a_button_moves_one_action_also_of_a_sendout(root: User, project: Project) -> None:
    sendout = Sendout.objects.create(project=project, journey="Welcome", name="Day 1")
    a, b, c = (ActionDefinition.objects.create(sendout=sendout, identifier=n, kind="field_rule").pk for n in "abc")
    data = {"seen": f"{a},{b},{c}", "order": [a, b, c], "move": f"{c}:up"}
    client(root).post(reverse("admin:actions_sendout_order", args=[sendout.pk]), data)
    assert names(sendout) == ["a", "c", "b"]


def test_a_stale_page_is_told_politely(root: User, project: Project) -> None:
    a, b = define(project, "a", "b")
    data = {"seen": f"{b},{a}", "order": [a, b]}
    url = reverse("admin:actions_project_order", args=[project.pk])
    assert (
        "Somebody changed this list while you looked at it."
        in client(root).post(url, data, follow=True).content.decode()
    )


def test_a_new_action_comes_last(root: User, project: Project) -> None:
    define(project, "a")
    ActionDefinition.objects.update(position=7)
    page = client(root).get(f"{reverse('admin:actions_actiondefinition_add')}?kind=field_rule&project={project.pk}")
    assert page.context["adminform"].form.initial["position"] == 8
