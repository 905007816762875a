"""What is typed into a definition is shown beside it, for an example contact, before anybody saves it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from simulator.client import Simulator
from tests.acceptance.deployment import Deployment
from tests.browser.conftest import Visit

ADD = "/admin/actions/actiondefinition/add/?kind=contact_update"


@pytest.mark.parametrize(
    ("locale", "width", "sentence"),
    [
        ("en-GB", 1440, "where: Nothing has this name. It is character 1."),
        ("fr-FR", 390, "where: Rien ne porte ce nom. C’est le caractère 1."),
    ],
)
def test_what_is_typed_is_shown_and_a_wrong_template_told_at_its_field(
    visit: Callable[..., Visit],
    gateway: tuple[Deployment, Simulator],
    locale: str,
    width: int,
    sentence: str,
) -> None:
    person = visit(locale=locale, width=width)
    person.log_in()
    person.page.goto(person.base + ADD)
    shown = person.page.locator(".gate-preview-out")
    person.page.fill("[name=config__properties]", "greeting = Hello {contact.first_name}\nwhere = {town}")
    expect(shown.locator("pre")).to_have_text("Hello Anna")
    expect(person.page.locator(".gate-preview-problem")).to_have_text(sentence)
    person.page.fill("[name=config__properties]", "greeting = Hello {contact.first_name}\nwhere = {contact.town}")
    person.page.fill("[name=preview_contact]", '{"contactId": "B-1", "first_name": "<b>Zoé</b>", "town": "Lyon"}')
    expect(shown.locator("pre")).to_have_text(["Hello <b>Zoé</b>", "Lyon"])
    expect(person.page.locator(".gate-preview-problem")).to_have_count(0)
    assert not person.is_too_wide()
    assert gateway[0].rows("SELECT count(*) FROM actions_actiondefinition WHERE kind = 'contact_update'") == [(0,)]


def test_without_scripts_it_is_a_page_in_another_tab_and_the_form_stays(visit: Callable[..., Visit]) -> None:
    person = visit(java_script_enabled=False)
    person.log_in()
    person.page.goto(person.base + ADD)
    person.page.fill("[name=config__properties]", "greeting = Hello {contact.first_name}")
    with person.page.context.expect_page() as opened:
        person.page.locator("[formtarget]").click()
    expect(opened.value.locator("pre")).to_have_text("Hello Anna")
    expect(person.page.locator("[name=config__properties]")).to_have_value("greeting = Hello {contact.first_name}")
