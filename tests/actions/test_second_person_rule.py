"""Two people who must accept are asked for where there are two, in the form and in the file; and where one is left it is said."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.test import Client
from django.utils import timezone

from actions import rule_request
from actions.access import Reach
from actions.config import apply as config_apply
from actions.config import file, reviewers
from actions.models import Project
from actions.rule_request import RuleRequest
from desk.setup.forms import ProjectForm
from desk.setup.way_back import bring_back
from tests.factories import client_of, plain_english, text_of, user_in
from tests.gate import person, reviewer

pytestmark = pytest.mark.django_db
RULES: dict[str, Any] = {"second_person_from": 10_000, "no_own_changes": True}
FORM = {
    "name": "Newsletter",
    "review": "always",
    "at_deadline": "leave",
    "answer_within": "1 h",
    "keep_contacts": "none",
}


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    plain_english(settings)


@pytest.fixture
def project() -> Project:
    return Project.objects.create(name="Newsletter")


def file_with(**rules: Any) -> str:
    lines = "".join(f"\n    {name}: {str(value).lower()}" for name, value in rules.items())
    return f"projects:\n  - name: Newsletter{lines}\n"


def apply(**rules: Any) -> list[str]:
    return config_apply.apply(file.read(file_with(**rules)))


@pytest.mark.parametrize("name", RULES)
def test_with_fewer_than_two_people_it_cannot_be_switched_on(project: Project, name: str) -> None:
    reviewer("anna")
    form = ProjectForm({**FORM, name: RULES[name]}, instance=Project.objects.get())
    assert "only 1 person may accept batches of this project" in str(form.errors[name])
    with pytest.raises(file.FaultyFile) as caught:
        apply(**{name: RULES[name]})
    assert caught.value.faults[0].startswith(f"projects[0].{name}: A second person cannot be asked for")
    project.refresh_from_db()
    assert not reviewers.asks_for_two(project)
    reviewer("ben")
    ProjectForm({**FORM, name: RULES[name]}, instance=project).save()
    project.refresh_from_db()
    assert getattr(project, name) == RULES[name]


def test_a_new_project_is_refused_the_same() -> None:
    reviewer("anna")
    with pytest.raises(file.FaultyFile):
        apply(second_person_from=500)
    assert not Project.objects.exists()
    reviewer("ben")
    assert apply(second_person_from=500) == ["created project Newsletter"]


def test_who_counts(project: Project) -> None:
    reviewer("anna")
    away = reviewer("away")
    away.is_active = False
    away.save()
    person("looks", "view_batch")
    person("blind", "review_batch")
    elsewhere = reviewer("elsewhere")
    Reach.objects.create(user=elsewhere).projects.add(Project.objects.create(name="Shop"))
    limited = reviewer("limited")
    Reach.objects.create(user=limited).projects.add(project)
    User.objects.create_superuser("root")
    assert [user.username for user in reviewers.may_accept(project)] == ["anna", "limited", "root"]
    # Of a project that is not stored yet, nobody's limit names it.
    assert [user.username for user in reviewers.may_accept(Project())] == ["anna", "root"]


def test_a_file_says_it_and_is_written_back(project: Project) -> None:
    reviewer("anna"), reviewer("ben")
    assert apply(**RULES) == ["changed project Newsletter: second_person_from, no_own_changes"]
    assert apply(**RULES) == []
    written = file.write(config_apply.collect())
    assert "second_person_from: 10000" in written and "no_own_changes: true" in written
    # A file alone does not lift a rule: a person confirms it on the desk.
    kept = "kept project Newsletter: second_person_from, no_own_changes; a person must confirm on the project's page"
    for _ in range(2):
        [said] = apply()
        assert said.startswith(kept)
    asked = RuleRequest.objects.get()
    assert rule_request.end(asked.pk, reviewer("carla"), timezone.now(), confirmed=True)
    assert "second_person" not in file.write(config_apply.collect())
    assert apply() == []


def test_a_weaker_rule_needs_two_people_and_a_stricter_one_does_not(project: Project) -> None:
    reviewer("anna"), reviewer("ben")
    apply(**RULES)
    manager, other = Client(), Client()
    manager.force_login(user_in("Manager"))
    other.force_login(User.objects.create_superuser("root"))
    url = f"/admin/actions/project/{project.pk}"
    typed = {**FORM, "second_person_from": "20000", "no_own_changes": "on"}
    page = text_of(manager.post(f"{url}/change/", typed, follow=True))
    assert "The rule about two people stays until another person confirms the change." in page
    project.refresh_from_db()
    assert project.second_person_from == 10_000
    given = {"request": str(RuleRequest.objects.get().pk), "confirm": ""}
    page = text_of(manager.get(f"{url}/change/"))
    assert "A rule about two people is to be relaxed" in page
    assert "Change the rule" not in page and "Keep the rule" in page
    assert "Somebody else must confirm" in text_of(manager.post(f"{url}/lift-rule/", given, follow=True))
    assert "Change the rule" in text_of(other.get(f"{url}/change/"))
    lifted = "Newsletter: a rule about two people is to be relaxed."
    assert lifted in text_of(other.get("/admin/")) and lifted not in text_of(manager.get("/admin/"))
    assert "The rule is changed." in text_of(other.post(f"{url}/lift-rule/", given, follow=True))
    assert "This request is over." in text_of(other.post(f"{url}/lift-rule/", given, follow=True))
    project.refresh_from_db()
    assert project.second_person_from == 20_000
    assert project.history.first().history_user.username == "root"
    # Stricter is done at once.
    manager.post(f"{url}/change/", {**typed, "second_person_from": "500"})
    project.refresh_from_db()
    assert project.second_person_from == 500 and not RuleRequest.objects.filter(ended_at=None).exists()


def test_a_former_version_does_not_bring_a_weaker_rule_back_alone(project: Project) -> None:
    reviewer("anna"), reviewer("ben")
    before = project.history.first()
    apply(**RULES)
    fresh = Project.objects.get()
    bring_back(fresh, before, reviewer("carla"))
    fresh.refresh_from_db()
    assert (fresh.second_person_from, fresh.no_own_changes) == (10_000, True)
    assert RuleRequest.objects.get().wanted() == {"second_person_from": None, "no_own_changes": False}


def test_the_database_holds_that_another_person_confirms(project: Project) -> None:
    anna = reviewer("anna")
    columns: dict[str, Any] = {"no_own_changes": False, "asked_at": timezone.now(), "asked_by": anna}
    with pytest.raises(IntegrityError):
        RuleRequest.objects.create(project=project, **columns, ended_by=anna, confirmed=True)


def test_a_size_that_is_none_is_refused() -> None:
    for wrong in (0, -1, 2_147_483_648, "many"):
        with pytest.raises(file.FaultyFile):
            file.read(file_with(second_person_from=wrong))


def test_people_who_leave_are_missed_on_the_projects_page(project: Project) -> None:
    viewer = client_of("Viewer")
    anna = reviewer("anna")
    reviewer("ben")
    apply(second_person_from=500)
    url = f"/admin/actions/project/{project.pk}/change/"
    assert "anna, ben" in text_of(viewer.get(url))
    assert list(reviewers.short_of_people()) == []
    anna.is_active = False
    anna.save()
    assert list(reviewers.short_of_people()) == [project]
    page = text_of(viewer.get(url))
    assert "Only 1 person may accept here, and this project asks for two" in page
    # What has nothing to do with it can still be changed.
    ProjectForm({**FORM, "second_person_from": "500", "review": "never"}, instance=Project.objects.get()).save()
    # And the file that already said so says nothing new.
    assert apply(second_person_from=500) == []
