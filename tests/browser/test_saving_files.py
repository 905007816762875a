"""A batch whose contact file was cut is saved in a real browser: send a workbook, name its columns, compare, use it."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from simulator.client import Simulator
from tests.acceptance.deployment import Deployment
from tests.browser.conftest import Visit
from tests.browser.verbs.desk import forgive, waiting
from tests.stages.sheets import workbook

FAILED = 'Batch.objects.filter(pk=made.pk).update(attention="no_proven_end", file_complete=False)'
# Several pieces of what the browser sends at once.
ROWS = 30_000
WAYS = [
    (
        "en-GB",
        1440,
        "Save it with another file",
        "Use these columns",
        "Use this file: check 30,000",
        "with 30,000 contacts",
    ),
    (
        "fr-FR",
        390,
        "Le sauver avec un autre fichier",
        "Utiliser ces colonnes",
        "Utiliser ce fichier : contrôler 30\u202f000",
        "avec 30\u202f000 contacts",
    ),
]


@pytest.mark.parametrize(("locale", "width", "save", "columns", "button", "history"), WAYS)
def test_a_workbook_with_foreign_columns_is_sent_compared_and_used(
    visit: Callable[..., Visit],
    gateway: tuple[Deployment, Simulator],
    tmp_path: Path,
    locale: str,
    width: int,
    save: str,
    columns: str,
    button: str,
    history: str,
) -> None:
    file = tmp_path / "segment.xlsx"
    rows = [["client", "ref", "annulation"]]
    # The five contacts that the batch has, and those that were cut off.
    rows += [
        [f"A-{place}", sha256(b"%d" % place).hexdigest(), f"https://secret.example.com/cancel/{place}"]
        for place in range(ROWS)
    ]
    file.write_bytes(workbook(rows))
    path = waiting(gateway[0], f"Saved {locale}", FAILED)
    person = visit(locale=locale, width=width, color_scheme="dark" if width < 900 else "light")
    person.log_in(path=path)
    page = person.page
    page.get_by_role("link", name=save).click()
    page.set_input_files("input[type=file]", file)
    page.locator("form[data-piece-bytes] button[type=submit]").click()
    page.locator("select[name=identity]").wait_for(timeout=60_000)
    assert not person.is_too_wide()
    page.select_option("select[name=identity]", label="client")
    page.select_option("select[name=uri]", label="annulation")
    page.get_by_role("button", name=columns).click()
    page.locator("a[href$='/use-file/']").wait_for(timeout=60_000)
    assert not person.is_too_wide()
    person.open_dialog(page.locator("a[href$='/use-file/']"))
    person.confirm(button)
    page.wait_for_url(f"**{path}")
    expect(page.locator("#history")).to_contain_text(history)


def test_a_file_waits_for_its_script_and_a_refused_piece_says_why(
    visit: Callable[..., Visit], gateway: tuple[Deployment, Simulator], tmp_path: Path
) -> None:
    file = tmp_path / "segment.csv"
    file.write_text("contactId,cancelUri\nA-1,https://secret.example.com/cancel/1\n")
    path = waiting(gateway[0], "Refused", FAILED)
    person = visit()
    person.log_in(path=path)
    page = person.page
    held: list[Route] = []
    page.route("**/upload*.js", lambda route: held.append(route))
    page.goto(f"{page.url.partition('/admin/')[0]}{path.replace('change', 'file')}", wait_until="commit")
    button = page.locator("form[data-piece-bytes] button[type=submit]")
    page.set_input_files("input[type=file]", file)
    expect(button).to_be_disabled()
    held.pop().continue_()
    page.route("**/piece/**", lambda route: route.fulfill(status=409, json={"errors": ["No room is left."]}))
    button.click()
    expect(page.locator("form[data-piece-bytes] [role=alert]")).to_have_text("No room is left.")
    forgive(person, "409")
