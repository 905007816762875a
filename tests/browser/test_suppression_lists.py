"""A large file goes on a list from a real browser: in pieces with a bar where scripts run, whole and by reloading where not."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit

ADD = "/admin/actions/suppressionlist/add/"
# Several pieces of what the browser sends at once, and several transactions of the worker.
LINES = 40_000
LOCALES = [("en-GB", 1440, f"{LINES:,}", "The file is read."), ("fr-FR", 390, "40 000", "Le fichier est lu.")]


def list_of_addresses(visit: Visit, name: str) -> None:
    """Set up a list, and come to the form on which files are sent for it."""
    visit.page.goto(visit.base + ADD)
    visit.page.fill("input[name=name]", name)
    visit.page.select_option("select[name=holds]", "email")
    visit.page.locator("button[name=_continue]").click()
    visit.page.locator("a[href$='/upload/']").click()
    # Before its script is there, the form sends the file whole.
    visit.page.wait_for_url("**/upload/")


@pytest.mark.parametrize(("locale", "width", "number", "sentence"), LOCALES)
def test_a_file_is_sent_in_pieces_and_its_progress_shown(
    visit: Callable[..., Visit], tmp_path: Path, locale: str, width: int, number: str, sentence: str
) -> None:
    file = tmp_path / "opposition.csv"
    file.write_text("email\n" + "".join(f"reader.{place:06}@example.com\n" for place in range(LINES)) + "nobody\n")
    person = visit(locale=locale, width=width)
    person.log_in()
    list_of_addresses(person, f"Opposition {locale}")
    posted: list[str] = []
    person.page.on("request", lambda asked: posted.append(asked.url) if asked.method == "POST" else None)
    person.page.set_input_files("input[type=file]", file)
    person.page.locator(".gate-dialog.gate-card button[type=submit]").click()
    person.page.wait_for_url("**/uploads/*/")
    assert len([url for url in posted if url.endswith("/piece/")]) == file.stat().st_size // 512_000 + 1 > 1
    expect(person.page.locator("[data-figure=added]")).to_have_text(number, timeout=60_000)
    expect(person.page.locator("[data-sentence]")).to_contain_text(sentence)
    expect(person.page.locator("[data-figure=unreadable]")).to_have_text("1")
    assert not person.is_too_wide()


def test_a_refused_announcement_is_told_on_the_page(visit: Callable[..., Visit], tmp_path: Path) -> None:
    file = tmp_path / "empty.csv"
    file.write_text("")
    person = visit()
    person.log_in()
    list_of_addresses(person, "Empty")
    person.page.set_input_files("input[type=file]", file)
    person.page.locator(".gate-dialog.gate-card button[type=submit]").click()
    expect(person.page.locator(".gate-dialog.gate-card [role=alert]").first).to_have_text("The file is empty.")
    # The browser's own note of the 400 that carried the sentence.
    person.complaints.clear()


def test_without_scripts_a_reload_shows_how_far_it_is(visit: Callable[..., Visit], tmp_path: Path) -> None:
    file = tmp_path / "opposition.csv"
    file.write_text("reader@example.com\n")
    person = visit(java_script_enabled=False)
    person.log_in()
    list_of_addresses(person, "Without scripts")
    person.page.set_input_files("input[type=file]", file)
    person.page.locator(".gate-dialog.gate-card button[type=submit]").click()
    for _ in range(100):
        if person.page.locator("[data-figure=added]").inner_text() == "1":
            return
        person.page.wait_for_timeout(100)
        person.page.reload()
    raise AssertionError("the file was never read")
