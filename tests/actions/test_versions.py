"""Every version of what is configured is told in words, with who made it, and can be brought back while it is valid."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from actions import catalog
from actions.config import apply, file
from actions.config.versions import VersionChange, version
from actions.models import ActionDefinition, Credential, Project, Sendout, SuppressionList
from desk.setup.way_back import NotBroughtBack, bring_back
from tests.factories import plain_english

pytestmark = pytest.mark.django_db
RULE = {"field": "consent", "reject_if": {"equals": False}, "if_missing": "hold", "reason": "No consent"}


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    plain_english(settings)


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root")


@pytest.fixture
def project() -> Project:
    return Project.objects.create(name="Newsletter")


def definition(project: Project, **values: Any) -> ActionDefinition:
    wanted: dict[str, Any] = {"identifier": "consent-check", "kind": "field_rule", "config": RULE, **values}
    return ActionDefinition.objects.create(project=project, **wanted)


def told(row: Any) -> list[Any]:
    """Every version, the newest first."""
    records = list(row.history.all())
    return [version(one, before) for one, before in zip(records, [*records[1:], None], strict=True)]


def changed(row: Any, **values: Any) -> Any:
    for name, value in values.items():
        setattr(row, name, value)
    row.save()
    return row


def test_a_change_is_told_by_the_labels_of_the_form(project: Project) -> None:
    row = changed(
        definition(project),
        config=RULE | {"if_missing": "reject", "reject_if": {"in": [False, 0]}},
        on_failure="accept",
    )
    newest, oldest = told(row)
    assert newest.what == "Changed" and oldest.what == "Created"
    assert set(newest.changes) == {
        VersionChange("Reject if the field", "equals false", "is one of false, 0"),
        VersionChange("If the field is missing", "hold the contact for a person", "reject the contact"),
        VersionChange("If the action fails", "hold them for a person", "let them pass"),
    }


def test_policies_and_lists_are_told_in_words(project: Project) -> None:
    project.empty_words = ["NULL"]
    project.save()
    changed(project, review="always", keep_fields=["email", "city"], name="News", empty_words=["NULL", "-"])
    assert set(told(project)[0].changes) == {
        VersionChange("Name", "Newsletter", "News"),
        VersionChange("Review", "only what cannot be decided", "every batch"),
        VersionChange("Fields to keep", "–", "email, city"),
        VersionChange("Words for nothing", "NULL", "NULL, -"),
    }


def test_archived_and_restored_are_words_of_their_own(project: Project) -> None:
    changed(changed(project, archived=True), archived=False)
    assert [each.what for each in told(project)] == ["Restored", "Archived", "Created"]
    assert told(project)[0].changes == ()


def test_no_query_of_an_address_is_told_and_of_an_unknown_kind_the_configuration_whole(project: Project) -> None:
    row = definition(project, kind="consent_check", config={"url": "https://a.example.com/?key=s3cret", "reason": "x"})
    changed(row, config={"url": "https://b.example.com/?key=s3cret", "reason": "x"})
    assert told(row)[0].changes == (VersionChange("URL", "https://a.example.com/?…", "https://b.example.com/?…"),)
    row = changed(definition(project, kind="gone", config={"a": 1}), config={"a": 2})
    assert told(row)[0].changes == (VersionChange("configuration", '{"a":1}', '{"a":2}'),)


def test_who_did_it_is_a_person_a_file_or_the_gateway(root: User) -> None:
    text = "projects:\n  - {name: Newsletter, review: %s, actions: [{identifier: x, kind: field_rule, config: %s}]}\n"
    rule = "{field: consent, reject_if: {equals: false}}"
    for review in ("never", "unusual"):
        apply.apply(file.read(text % (review, rule)))
    project = Project.objects.get()
    assert [each.who for each in told(project)] == ["apply_config", "apply_config"]
    assert [each.who for each in told(project.actions.get())] == ["apply_config"]
    client = Client()
    client.force_login(root)
    client.post(reverse("admin:actions_project_declare", args=[project.pk]))
    met = Project.objects.create(name="Met", declared=False)
    client.post(reverse("admin:actions_project_declare", args=[met.pk]))
    assert [each.who for each in told(met)] == ["root", ""]


def test_a_version_comes_back_as_a_new_one(project: Project, root: User) -> None:
    row = definition(project)
    first = row.history.first()
    changed(row, config=RULE | {"reason": "Other"}, on_failure="accept", archived=True)
    found = bring_back(row, first, root)
    row.refresh_from_db()
    assert (row.config["reason"], row.on_failure, row.archived) == ("No consent", "hold", False)
    assert {each.label for each in found} == {"Reason", "If the action fails", "Archived"}
    assert row.history.count() == 3 and row.history.first().history_user == root


def test_what_is_already_so_and_a_kind_that_changed_are_refused(project: Project, root: User) -> None:
    with pytest.raises(NotBroughtBack, match="already as it was"):
        bring_back(project, project.history.first(), root)
    row = definition(project)
    first = row.history.first()
    ActionDefinition.objects.filter(pk=row.pk).update(kind="consent_check", config={"url": "https://a.example.com/"})
    row.refresh_from_db()
    with pytest.raises(NotBroughtBack, match="another kind"):
        bring_back(row, first, root)


def test_a_configuration_whose_kind_or_list_is_gone_is_refused_with_a_sentence(
    project: Project, root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = SuppressionList.objects.create(name="Opposition")
    in_list = {"list": "Opposition", "reason": "a"}
    old = definition(project), definition(project, kind="suppression", config=in_list)
    of_before = definition(project, config={"field": "x", "reject_if": {"like": "y"}})
    for row in (*old, of_before):
        changed(row, config=RULE | {"reason": "Other"} if row.kind == "field_rule" else in_list | {"reason": "b"})
    changed(listed, archived=True)
    sentences = {of_before: "not valid any more", old[1]: "The list “Opposition”"}
    for row, sentence in sentences.items():
        with pytest.raises(NotBroughtBack, match=sentence):
            bring_back(row, row.history.last(), root)
    monkeypatch.setattr(catalog, "_catalog", lambda: catalog._Catalog({}, ()))
    with pytest.raises(NotBroughtBack, match="No kind is called “field_rule” any more"):
        bring_back(old[0], old[0].history.last(), root)


def test_a_credential_that_is_gone_is_named(project: Project, root: User, settings: Any) -> None:
    settings.CREDENTIALS = {"deployed": {}}
    Credential.objects.create(name="crm", secret="x")
    config = {"url": "https://crm.example.com/", "credential": "crm", "signature": "deployed"}
    row = definition(project, kind="transfer_http", config=config)
    first = row.history.first()
    changed(row, config=config | {"method": "PUT"})
    Credential.objects.all().delete()
    with pytest.raises(NotBroughtBack, match="The credential “crm”"):
        bring_back(row, first, root)
    Credential.objects.create(name="crm", secret="x")
    assert bring_back(row, first, root)


def test_a_name_that_another_project_has_by_now_is_refused(project: Project, root: User) -> None:
    first = project.history.first()
    changed(project, name="News")
    Project.objects.create(name="Newsletter")
    with pytest.raises(NotBroughtBack):
        bring_back(project, first, root)


def page(row: Any, record: Any) -> str:
    return reverse(f"admin:actions_{row._meta.model_name}_bring_back", args=[row.pk, record.history_id])


def test_the_page_says_what_would_change_and_only_post_changes_it(project: Project, root: User) -> None:
    sendout = Sendout.objects.create(project=project, journey="Welcome", name="Day 1")
    first = sendout.history.first()
    changed(sendout, review="always")
    client = Client()
    client.force_login(root)
    shown = client.get(page(sendout, first)).content.decode()
    assert "every batch" in shown and "Bring it back" in shown
    sendout.refresh_from_db()
    assert sendout.review == "always"
    assert client.post(page(sendout, first)).status_code == 302
    sendout.refresh_from_db()
    assert sendout.review is None
    assert client.post(page(sendout, first)).status_code == 409


def test_a_version_of_another_row_is_not_found(project: Project, root: User) -> None:
    other = Project.objects.create(name="Shop")
    client = Client()
    client.force_login(root)
    assert client.get(page(project, other.history.first())).status_code == 404


def test_a_long_history_comes_in_pages_without_a_gap(project: Project, root: User) -> None:
    for number in range(60):
        changed(project, keep_fields=[f"field{number}"])
    client = Client()
    client.force_login(root)
    history = reverse("admin:actions_project_history", args=[project.pk])
    first, second = (client.get(history, {"p": number}).content.decode() for number in (1, 2))
    assert "<del>field9</del>" in first or "<del>field9</del>" in second
    assert (first + second).count("<del>field") == 59


def test_of_a_secret_it_is_said_that_it_was_changed_and_nothing_else(root: User) -> None:
    row = Credential.objects.create(name="crm", secret="first")
    client = Client()
    client.force_login(root)
    form = {"name": "crm", "kind": "bearer", "user": "", "header": "", "test_url": ""}
    page = reverse("admin:actions_credential_change", args=[row.pk])
    assert client.post(page, form | {"secret": ""}).status_code == 302
    assert client.post(page, form | {"secret": "an-other-s3cret"}).status_code == 302
    assert [each.changes for each in told(row)] == [(VersionChange("Secret", "not shown", "changed"),), (), ()]
    content = client.get(reverse("admin:actions_credential_history", args=[row.pk])).content.decode()
    assert "an-other-s3cret" not in content and "Bring this version back" not in content
