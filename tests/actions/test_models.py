"""What the database refuses about projects, sendouts and actions, and which policy and definitions hold."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from actions.models import ActionDefinition, Policy, Project, Sendout, definitions_for, normal_name, policy
from actions.plan.merge import Definition

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def project() -> Project:
    return Project.objects.create(name="Newsletter")


@pytest.fixture
def sendout(project: Project) -> Sendout:
    return Sendout.objects.create(project=project, journey="Welcome", name="Day 1")


def refused(**values: Any) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ActionDefinition.objects.create(**{"identifier": "a", "kind": "field_rule", **values})


@pytest.mark.parametrize(
    "values",
    [
        {"review": "sometimes"},
        {"review": ""},
        {"at_deadline": "maybe"},
        {"keep_contacts": "some"},
        {"answer_within": timedelta(seconds=9)},
        {"answer_within": timedelta(0)},
        {"answer_within": timedelta(days=31)},
        {"answer_within": None},
        {"name": "Newsletter"},
    ],
)
def test_the_database_refuses_a_project_that_makes_no_sense(project: Project, values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Project.objects.create(**{"name": "Other", **values})


@pytest.mark.parametrize(
    "values", [{"review": ""}, {"at_deadline": "x"}, {"answer_within": timedelta(seconds=1)}, {"name": "Day 1"}]
)
def test_the_database_refuses_a_sendout_that_makes_no_sense(sendout: Sendout, values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Sendout.objects.create(**{"project": sendout.project, "journey": "Welcome", "name": "Other", **values})


def test_an_action_belongs_to_a_project_or_to_a_sendout(project: Project, sendout: Sendout) -> None:
    refused()
    refused(project=project, sendout=sendout)
    refused(project=project, on_failure="ignore")
    refused(project=project, run="never")
    ActionDefinition.objects.create(identifier="a", kind="field_rule", project=project)
    ActionDefinition.objects.create(identifier="a", kind="field_rule", sendout=sendout)


def test_nothing_that_is_configured_disappears_under_its_definitions(project: Project, sendout: Sendout) -> None:
    ActionDefinition.objects.create(identifier="a", kind="field_rule", sendout=sendout)
    for row in (project, sendout):
        with pytest.raises(ProtectedError):
            row.delete()


def test_names_compare_trimmed_and_composed() -> None:
    assert normal_name("  Cafe\u0301 ") == "Caf\u00e9"
    assert normal_name("newsletter") != normal_name("Newsletter")
    assert normal_name("a\x00b\ud800") == "a\ufffdb\ufffd"


def test_two_long_names_never_become_one() -> None:
    one, two = normal_name("x" * 300 + "1"), normal_name("x" * 300 + "2")
    assert one != two
    assert len(one) == len(two) == 255
    assert normal_name(one) == one
    assert normal_name("x" * 255) == "x" * 255


def test_a_person_who_types_spaces_around_a_name_means_the_name(project: Project) -> None:
    typed = Project(name=" Newsletter ")
    with pytest.raises(ValidationError) as caught:
        typed.full_clean()
    assert "name" in caught.value.message_dict


def test_the_sendout_wins_where_it_says_something(project: Project, sendout: Sendout) -> None:
    assert policy(project) == policy(project, sendout) == Policy("never", "leave", HOUR)
    sendout.review, sendout.answer_within = "always", timedelta(minutes=5)
    assert policy(project, sendout) == Policy("always", "leave", timedelta(minutes=5))
    sendout.archived = True
    assert policy(project, sendout) == Policy("never", "leave", HOUR)


def test_definitions_are_those_of_the_project_and_of_this_sendout_alone(project: Project, sendout: Sendout) -> None:
    other = Sendout.objects.create(project=project, journey="Welcome", name="Day 2")
    elsewhere = Project.objects.create(name="Shop")
    mine = ActionDefinition.objects.create(identifier="p", kind="field_rule", project=project, config={"b": 1, "a": 2})
    own = ActionDefinition.objects.create(identifier="s", kind="field_rule", sendout=sendout, position=2, run="always")
    ActionDefinition.objects.create(identifier="o", kind="field_rule", sendout=other)
    ActionDefinition.objects.create(identifier="e", kind="field_rule", project=elsewhere)
    ActionDefinition.objects.create(identifier="old", kind="field_rule", project=project, archived=True)
    assert definitions_for(project, sendout) == [
        Definition(mine.pk, "p", "field_rule", '{"a":2,"b":1}', "hold", "asked", "project", 0),
        Definition(own.pk, "s", "field_rule", "{}", "hold", "always", "sendout", 2),
    ]
    assert [each.identifier for each in definitions_for(project)] == ["p"]
    sendout.archived = True
    assert [each.identifier for each in definitions_for(project, sendout)] == ["p"]


def test_definitions_take_one_query(project: Project, sendout: Sendout, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        definitions_for(project, sendout)
