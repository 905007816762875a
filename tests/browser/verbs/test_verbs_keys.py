"""Single keys of the desk: what they do, when they are off, and that they can be switched off."""

from collections.abc import Callable, Mapping

import pytest
from playwright.sync_api import expect

from simulator.client import Simulator
from tests.acceptance.deployment import Deployment
from tests.browser.conftest import Visit
from tests.browser.verbs.desk import all_waiting, dialog, person

NAMES = ["Keys", "Rows", "Typing", "Switched off"]


@pytest.fixture(scope="module")
def paths(gateway: tuple[Deployment, Simulator]) -> Mapping[str, str]:
    return all_waiting(gateway[0], dict.fromkeys(NAMES, ""))


@pytest.fixture(scope="module")
def who(gateway: tuple[Deployment, Simulator]) -> str:
    return person(gateway[0], "Reviewer")


@pytest.fixture
def window(visit: Callable[..., Visit], who: str) -> Visit:
    found = visit()
    found.log_in(who)
    return found


def test_keys_open_what_they_name_and_decide_nothing(window: Visit, paths: Mapping[str, str]) -> None:
    page = window.page
    page.goto(window.base + paths["Keys"])
    for key, title in (("a", "Accept “Keys”?"), ("r", "Reject all of “Keys”?")):
        page.keyboard.press(key)
        expect(dialog(page)).to_contain_text(title)
        page.keyboard.press("Escape")
        expect(page.locator("#gate-dialog")).not_to_be_visible()
    page.keyboard.press(".")
    expect(page.locator("a[data-dialog=give-up]:visible")).to_have_count(1)
    page.keyboard.press("/")
    expect(page.locator("#gate-contact")).to_be_focused()


def test_rows_are_walked_through_and_tabs_chosen(window: Visit, paths: Mapping[str, str]) -> None:
    page = window.page
    page.goto(window.base + paths["Rows"])
    rows = page.locator("#contacts tbody tr")
    for key, place in (("j", 0), ("j", 1), ("j", 1), ("k", 0)):
        page.keyboard.press(key)
        expect(rows.nth(place)).to_be_focused()
    page.keyboard.press("2")
    expect(page.locator("#contacts .gate-tab-active")).to_contain_text("Get it")
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.wait_for_url("**/admin/")


def test_keys_do_nothing_while_somebody_types_or_a_dialog_is_open(window: Visit, paths: Mapping[str, str]) -> None:
    page = window.page
    page.goto(window.base + paths["Typing"])
    page.locator("#gate-contact").focus()
    page.keyboard.type("ar?.")
    expect(page.locator("#gate-contact")).to_have_value("ar?.")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator("body").click(position={"x": 5, "y": 5})
    page.keyboard.press("a")
    found = dialog(page)
    found.get_by_role("link", name="Cancel").focus()
    page.keyboard.press("r")
    page.keyboard.press("?")
    expect(found).to_contain_text("Accept “Typing”?")
    expect(page.locator("#gate-keys")).not_to_be_visible()


def test_the_list_shows_all_keys_and_switches_them_off_and_on(window: Visit, paths: Mapping[str, str]) -> None:
    page = window.page
    path = paths["Switched off"]
    page.goto(window.base + path)
    page.keyboard.press("?")
    listed = page.locator("#gate-keys[open]")
    expect(listed).to_contain_text("Open “Reject all”")
    listed.get_by_role("button", name="Switch single keys off").click()
    expect(page.get_by_text("Your settings are saved.")).to_be_visible()
    page.goto(window.base + path)
    for key in ("a", "r", "?"):
        page.keyboard.press(key)
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.goto(window.base + "/admin/me/")
    page.get_by_label("Use single keys").check()
    page.get_by_role("button", name="Save").click()
    page.goto(window.base + path)
    page.keyboard.press("?")
    expect(page.locator("#gate-keys[open]")).to_be_visible()
