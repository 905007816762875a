"""Two people who must accept are asked for where there are two, in the form and in the file; and where one is left it is said."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from actions.access_models import Reach
from actions.config import apply as config_apply
from actions.config import file, reviewers
from actions.models import Project
from desk.setup.forms import ProjectForm
from tests.factories import client_of, plain_english, text_of
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
    assert apply() == ["changed project Newsletter: second_person_from, no_own_changes"]
    assert "second_person" not in file.write(config_apply.collect())


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
