"""Before it is saved, a definition shows what it would write for an example contact, and where a template is wrong."""

import html
import re

import pytest
from django.test import Client
from django.urls import reverse

from actions.models import ActionDefinition, Project, Sendout
from tests.factories import client_of

pytestmark = pytest.mark.django_db
ANNA = '{"contactId": "A-17", "properties": {"first_name": "Anna", "points": 120}, "email": "a@example.com"}'
WRITTEN = {
    "url": "https://eu-proxy-1.symplifymail.com/rest",
    "customer_id": "7",
    "list_id": "3",
    "credential": "symplify",
    "tag_value": "true",
    "if_missing": "hold",
    "import_from": "0",
    "import_seconds": "900",
    "parallel": "8",
}


def asked(manager: Client, kind: str, contact: str = ANNA, **config: str) -> str:
    """What is shown for a form that nobody has saved."""
    Project.objects.get_or_create(name="Newsletter")
    project = str(Project.objects.get(name="Newsletter").pk)
    typed = {"project": project, "preview_contact": contact, "part": "1"}
    typed |= {f"config__{name}": text for name, text in config.items()}
    response = manager.post(f"{reverse('preview_new_action')}?kind={kind}", typed)
    assert response.status_code == 200 and not ActionDefinition.objects.exists()
    return text(response.content.decode())


def text(page: str) -> str:
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", page)).split())


def test_properties_and_tags(manager: Client) -> None:
    text = "greeting = Hello {contact.first_name}, {code}\nwhere = {contact.city}\nof = {project} {batch}"
    shown = asked(manager, "contact_update", **WRITTEN, properties=text, tags="vip, in-{batch}")
    assert "Property greeting Hello Anna, EXAMPLE-CODE" in shown and "Property of Newsletter 1" in shown
    assert "Property where No value for this contact." in shown
    assert "Tag vip true" in shown and "Tag in-1 true" in shown
    shown = asked(manager, "contact_update", **{**WRITTEN, "if_missing": "empty"}, properties="where = {contact.city}")
    assert "Property where An empty value." in shown
    place = {name: WRITTEN[name] for name in ("url", "customer_id", "list_id", "credential")}
    assert "Property voucher EXAMPLE-CODE" in asked(manager, "promo_code", pool="summer", property="voucher", **place)


@pytest.mark.parametrize(
    ("contact", "found"),
    [
        ('{"contactId": "A-17", "given": {"code": "S-1", "seat": "4B"}}', "Property p 4B S-1"),
        ("contactId,points\nA-17,7\n", "Property p No value for this contact."),
        ('{"email": "a@example.com"}', "Example contact: The contact has no id"),
    ],
    ids=["what actions before give", "a header row and a row", "no contact"],
)
def test_a_contact_is_pasted_in_each_form_or_told_at_its_field(manager: Client, contact: str, found: str) -> None:
    assert found in asked(manager, "contact_update", contact, **WRITTEN, properties="p = {given.seat} {code}")


def test_a_wrong_template_is_told_at_its_field_and_the_others_are_shown(manager: Client) -> None:
    typed = {"part": "1", "preview_contact": ANNA, "config__properties": "a = {contact.points}\nb = {nobody}"}
    response = manager.post(f"{reverse('preview_new_action')}?kind=contact_update", typed)
    page = response.content.decode()
    assert 'data-field="config__properties"' in page
    assert "b: Nothing has this name. It is character 1." in html.unescape(page)
    assert '<pre tabindex="0">120</pre>' in page, "what is not filled in yet is no fault, and hides nothing"
    assert page.count("data-field") == 1


def test_a_page_of_a_transfer(manager: Client) -> None:
    shown = asked(
        manager,
        "transfer_http",
        url="https://crm.example.com/outcomes",
        method="POST",
        format="json",
        whom="all",
        fields="email, properties.points",
        page_size="500",
        parallel="4",
        timeout="10",
    )
    assert '"project":"Newsletter","journey":"Welcome"' in shown
    assert '"contact_id":"A-17","verdict":"accepted"' in shown
    assert '"fields":{"email":"a@example.com","properties.points":120}' in shown


@pytest.mark.parametrize("kind", ["transfer_s3", "transfer_sftp"])
def test_name_and_content_of_a_file(manager: Client, kind: str) -> None:
    Sendout.objects.create(project=Project.objects.get_or_create(name="Newsletter")[0], journey="Spring", name="Été")
    shown = asked(manager, kind, name="{project}/{journey}/{sendout}-{batch}", format="csv", fields="email", gzip="on")
    assert "Newsletter/Spring/Été-1-0.csv.gz" in shown
    assert "batch,project,journey,sendout,key,contact_id,verdict,reason,text,email" in shown
    assert "1,Newsletter,Spring,Été,4294967296-0,A-17,accepted,,,a@example.com" in shown
    assert "Name of the file: Put {batch} into the name" in asked(manager, kind, name="{project}")


def test_a_question_about_consent(manager: Client) -> None:
    shown = asked(
        manager,
        "consent_check",
        url="https://c.example.com/{project}/{id}",
        identifier="email",
        asks="contact",
        method="POST",
        body='{"who": "{id}", "points": "{field:properties.points}"}',
        shape="value",
    )
    assert "URL https://c.example.com/Newsletter/a%40example.com" in shown
    assert '"who": "a@example.com", "points": 120' in shown


def test_without_javascript_it_is_a_page_and_what_is_stored_stays(manager: Client) -> None:
    project = Project.objects.create(name="Newsletter")
    config = {**{name: WRITTEN[name] for name in ("url", "customer_id", "list_id", "credential")}, "tags": ["vip"]}
    row = ActionDefinition.objects.create(project=project, identifier="x", kind="contact_update", config=config)
    typed = {"preview_contact": ANNA, "identifier": "x", "config__properties": "p = {project}: {contact.points}"}
    response = manager.post(reverse("preview_action", args=[row.pk]), typed)
    shown = text(response.content.decode())
    assert "Property p Newsletter: 120" in shown and "Nothing is stored" in shown
    row.refresh_from_db()
    assert row.config == config


def test_what_is_shown_is_text_and_no_markup(manager: Client) -> None:
    contact = '{"contactId": "A-17", "name": "<script>alert(1)</script>"}'
    typed = {"part": "1", "preview_contact": contact, "config__properties": "p = {contact.name}"}
    page = manager.post(f"{reverse('preview_new_action')}?kind=contact_update", typed).content.decode()
    assert "<script" not in page and "&lt;script&gt;" in page


def test_the_form_has_the_panel_for_those_who_may_write_it(manager: Client) -> None:
    project = Project.objects.create(name="Newsletter")
    row = ActionDefinition.objects.create(project=project, identifier="x", kind="contact_update", config={})
    page = reverse("admin:actions_actiondefinition_change", args=[row.pk])
    assert f'data-preview="{reverse("preview_action", args=[row.pk])}"' in manager.get(page).content.decode()
    assert "data-preview" not in client_of("Viewer").get(page).content.decode()
    rule = manager.get(reverse("admin:actions_actiondefinition_add") + "?kind=field_rule").content.decode()
    assert "data-preview" not in rule, "a kind that shows nothing"
