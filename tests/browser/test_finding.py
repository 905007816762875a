"""Finding a contact, taking decisions along and trying a changed action in a real browser, with scripts and without."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from simulator.client import Simulator
from tests.acceptance.deployment import Deployment, wait_until
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import serious

ROWS = 12_000
PROJECT = "Kept"
CONFIG = """
projects:
  - name: Kept
    keep: {contacts: all, fields: [properties.consent]}
    actions:
      - {identifier: consent-check, kind: field_rule, run: always,
         config: {field: properties.consent, reject_if: {equals: false}, if_missing: hold, reason: "No consent"}}
"""


@pytest.fixture(scope="module")
def released(gateway: tuple[Deployment, Simulator]) -> int:
    """The number of a released batch whose fields are kept."""
    running, platform = gateway
    running.apply(CONFIG)
    platform.create("batch", project=PROJECT, journey="Summer", sendout="Day 7", contacts=ROWS, no_consent=0.1)
    query = (
        "SELECT b.id FROM sendouts_batch b JOIN actions_project p ON p.id = b.project_id"
        f" WHERE p.name = '{PROJECT}' AND b.status = 'finished'"
    )
    wait_until(lambda: running.rows(query), 60, "the batch is released", running.tail)
    return int(running.rows(query)[0][0])


@pytest.fixture
def rejected(gateway: tuple[Deployment, Simulator], released: int) -> str:
    """The id of somebody whom the batch's check rejected."""
    query = f"SELECT contact_id FROM sendouts_decision WHERE id >> 32 = {released} AND verdict = 2 ORDER BY id LIMIT 1"
    return str(gateway[0].rows(query)[0][0])


@pytest.mark.parametrize(
    ("locale", "width", "menu", "said", "confirmed"),
    [
        ("en-GB", 1440, "Find a contact", "did not get “Day 7”.", "Symplify confirmed the rejection."),
        ("fr-FR", 390, "Chercher un contact", "n’a pas reçu « Day 7 ».", "Symplify a confirmé le rejet."),
    ],
)
def test_a_person_is_found_and_the_answer_is_in_no_address(
    visit: Callable[..., Visit], rejected: str, locale: str, width: int, menu: str, said: str, confirmed: str
) -> None:
    person = visit(locale=locale, width=width)
    addresses: list[str] = []
    person.page.on("request", lambda asked: addresses.append(asked.url))
    person.log_in()
    if width > 1000:
        person.page.get_by_role("link", name=menu).click()
    else:
        person.page.goto(person.base + "/admin/find-contact/")
    person.page.fill("#gate-seek", rejected)
    person.page.keyboard.press("Enter")
    verdict = person.page.locator(".gate-verdict")
    expect(verdict).to_contain_text(said.replace("« ", "«\u00a0").replace(" »", "\u00a0»"))
    expect(verdict).to_contain_text(confirmed)
    assert not person.is_too_wide()
    assert serious(person.page) == []
    person.page.locator(".gate-hit .gate-link").first.click()
    expect(person.page.locator("#contacts tbody tr").first).to_contain_text(rejected)
    assert not [each for each in addresses if rejected in each]


def test_the_answer_is_copied_for_a_mail(visit: Callable[..., Visit], rejected: str) -> None:
    person = visit(permissions=["clipboard-read", "clipboard-write"])
    person.log_in()
    person.page.goto(person.base + "/admin/find-contact/")
    person.page.fill("#gate-seek", rejected)
    person.page.keyboard.press("Enter")
    person.page.locator("[data-copy]").click()
    expect(person.page.locator("[data-copy]")).to_have_text("Copied")
    copied = person.page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"{rejected} did not get “Day 7”.") and "Symplify confirmed" in copied


@pytest.mark.parametrize("scripts", [True, False])
def test_without_scripts_a_person_is_found_too(visit: Callable[..., Visit], rejected: str, scripts: bool) -> None:
    person = visit(java_script_enabled=scripts)
    person.log_in()
    person.page.goto(person.base + "/admin/find-contact/")
    person.page.fill("#gate-seek", rejected)
    person.page.locator(".gate-seek button").click()
    expect(person.page.locator(".gate-verdict h2")).to_have_text(f"{rejected} did not get “Day 7”.")
    expect(person.page.locator("[data-copy]")).to_be_visible(visible=scripts)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"locale": "en-GB"}, f"The file is complete: {ROWS:,} contacts."),
        ({"locale": "fr-FR", "width": 390}, "Le fichier est complet"),
        ({"locale": "en-GB", "java_script_enabled": False}, ""),
    ],
    ids=["en", "fr-phone", "no-scripts"],
)
def test_decisions_are_downloaded_and_the_page_says_when_the_file_is_complete(
    visit: Callable[..., Visit], released: int, tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    person = visit(**options)
    person.log_in()
    for place in ("first", "second"):
        person.page.goto(f"{person.base}/admin/batches/{released}/export/")
        with person.page.expect_download() as download:
            person.page.locator("form[data-export] [type=submit]").click()
        file = tmp_path / f"{place}.csv"
        download.value.save_as(file)
        text = file.read_bytes().decode("utf-8-sig")
        assert len(text.splitlines()) == ROWS + 1
        assert text.splitlines()[0].count(";" if options["locale"] == "fr-FR" else ",") == 10
        if said:
            expect(person.page.locator("#gate-export")).to_contain_text(said)
            assert serious(person.page) == []
    assert not person.is_too_wide()


@pytest.mark.parametrize("scripts", [True, False])
def test_what_stands_in_the_form_is_tried_and_the_stored_action_stays(
    visit: Callable[..., Visit], gateway: tuple[Deployment, Simulator], released: int, scripts: bool
) -> None:
    query = "SELECT d.id, d.config FROM actions_actiondefinition d JOIN actions_project p ON p.id = d.project_id WHERE p.name = 'Kept'"
    before = gateway[0].rows(query)
    person = visit(java_script_enabled=scripts)
    person.log_in()
    person.page.goto(f"{person.base}/admin/actions/actiondefinition/{before[0][0]}/change/")
    person.page.select_option("[name=config__reject_if__operator]", "equals")
    person.page.fill("[name=config__reject_if]", "true")
    person.page.locator(".gate-try button").click()
    shown = person.page.locator(".gate-verdict h2")
    (accepted,) = gateway[0].rows(f"SELECT accepted FROM sendouts_batch WHERE id = {released}")[0]
    expect(shown).to_contain_text(f"more would be rejected: {accepted:,} contacts of {ROWS:,} that were tried.")
    expect(person.page.locator(".gate-rehearsal tbody").last.locator("tr")).to_have_count(20)
    assert not scripts or serious(person.page) == []
    # The values that were typed go along to the next try.
    person.page.locator(".gate-try-form [type=submit]").click()
    expect(shown).to_contain_text("more would be rejected")
    assert not person.is_too_wide()
    assert gateway[0].rows(query) == before


def test_a_project_is_tried_as_it_is_defined(visit: Callable[..., Visit], released: int) -> None:
    person = visit(locale="fr-FR", width=390)
    person.log_in()
    person.page.goto(f"{person.base}/admin/actions/project/?q={PROJECT}")
    number = person.page.locator("#result_list a[href*='/change/']").first.get_attribute("href") or ""
    person.page.goto(f"{person.base}/admin/actions/project/{number.split('/')[-3]}/rehearse/")
    person.page.locator(".gate-try-form [type=submit]").click()
    expect(person.page.locator(".gate-verdict h2")).to_contain_text("Aucune différence")
    assert not person.is_too_wide()
