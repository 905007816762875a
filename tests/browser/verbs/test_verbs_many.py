"""Many contacts at once in a real browser: ticked by mouse and by key, all with a reason, and a change that takes its time."""

from collections.abc import Callable, Mapping

import pytest
from playwright.sync_api import expect

from simulator.client import Simulator
from tests.acceptance.deployment import Deployment
from tests.browser.conftest import Visit
from tests.browser.verbs.desk import all_waiting, dialog, link, opened, person, waiting

REASON = "?tab=rejected&reason=rule:consent-check"
NAMES = ["By mouse", "By key", "Alike", "Undecided", "No scripts", "All there", "For a viewer", "On a phone"]
# More than are changed while somebody waits, in rows that nobody has to look at one by one.
MANY = 3_000


@pytest.fixture(scope="module")
def paths(gateway: tuple[Deployment, Simulator]) -> Mapping[str, str]:
    return all_waiting(gateway[0], dict.fromkeys(NAMES, ""), accepted=3, rejected=4, undecided=2)


@pytest.fixture
def window(visit: Callable[..., Visit]) -> Visit:
    found = visit()
    found.log_in()
    return found


def test_ticked_rows_are_counted_on_the_button_and_put_back(window: Visit, paths: Mapping[str, str]) -> None:
    page = window.page
    page.goto(window.base + paths["By mouse"] + "?tab=rejected")
    expect(page.get_by_role("button", name="Put back the ticked ones…")).to_be_disabled()
    page.get_by_label("Tick A-0").check()
    page.get_by_label("Tick A-2").check()
    page.get_by_role("button", name="Put back 2…").click()
    found = dialog(page)
    expect(found).to_contain_text("Put 2 contacts back?")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Put back 2…")).to_be_focused()
    page.get_by_role("button", name="Put back 2…").click()
    dialog(page).get_by_role("textbox").fill("They called")
    window.confirm("Put back 2")
    expect(page.get_by_text("2 contacts are put back.")).to_be_visible()
    assert "tab=rejected" in page.url, "the person stays where they were"
    expect(page.locator("#contacts tbody tr")).to_have_count(2)


def test_rows_are_ticked_by_keys_and_all_of_the_page_at_once(window: Visit, paths: Mapping[str, str]) -> None:
    page = window.page
    page.goto(window.base + paths["By key"] + "?tab=undecided")
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    expect(page.get_by_role("button", name="Reject 2…")).to_be_enabled()
    every = page.get_by_label("Tick all on this page")
    expect(every).to_be_checked()
    every.uncheck()
    expect(page.get_by_role("button", name="Reject the ticked ones…")).to_be_disabled()
    every.check()
    page.get_by_role("button", name="Put back 2…").click()
    dialog(page).get_by_role("textbox").fill("fine")
    window.confirm("Put back 2")
    expect(page.locator(".gate-head")).to_contain_text("goes to 5 of 9")


def test_all_with_a_reason_are_put_back(window: Visit, paths: Mapping[str, str]) -> None:
    page = window.page
    page.goto(window.base + paths["Alike"])
    page.locator(".gate-reasons a").filter(has_text="No consent").click()
    window.open_dialog(page.get_by_role("link", name="Put back all 4 “No consent”…"))
    found = dialog(page)
    expect(found).to_contain_text("4 more than now")
    found.get_by_role("textbox").fill("Consent came by post")
    window.confirm("Put back 4")
    expect(page.get_by_text("4 contacts are put back.")).to_be_visible()
    expect(page.locator("#history")).to_contain_text("Consent came by post")


def test_all_undecided_are_rejected(window: Visit, paths: Mapping[str, str]) -> None:
    page = window.page
    page.goto(window.base + paths["Undecided"] + "?tab=undecided")
    page.get_by_role("link", name="Reject all undecided…").click()
    dialog(page).get_by_role("textbox").fill("Not known")
    window.confirm("Reject 2")
    expect(page.get_by_text("2 contacts are rejected.")).to_be_visible()
    expect(page.get_by_role("link", name="Accept: send to 3…").first).to_be_visible()


def test_without_scripts_the_page_that_follows_says_how_many(
    visit: Callable[..., Visit], paths: Mapping[str, str]
) -> None:
    window = visit(java_script_enabled=False)
    window.log_in()
    page = window.page
    page.goto(window.base + paths["No scripts"] + "?tab=rejected")
    page.get_by_role("button", name="Put back the ticked ones…").click()
    expect(page.get_by_role("alert")).to_contain_text("Tick at least one contact first.")
    page.goto(window.base + paths["No scripts"] + "?tab=rejected")
    page.get_by_label("Tick A-1").check()
    page.get_by_label("Tick A-3").check()
    page.get_by_role("button", name="Put back the ticked ones…").click()
    page.fill("textarea[name=note]", "They called")
    page.get_by_role("button", name="Put back 2", exact=True).click()
    expect(page.get_by_text("2 contacts are put back.")).to_be_visible()


def test_nothing_can_be_ticked_by_who_may_only_look(
    visit: Callable[..., Visit], gateway: tuple[Deployment, Simulator], paths: Mapping[str, str]
) -> None:
    window = visit()
    window.log_in(person(gateway[0], "Viewer"))
    window.page.goto(window.base + paths["For a viewer"] + REASON)
    expect(window.page.locator("#contacts tbody tr")).to_have_count(4)
    expect(window.page.locator("input[name=row]")).to_have_count(0)
    expect(window.page.locator("#gate-ticked")).to_have_count(0)


@pytest.mark.parametrize(("locale", "scheme"), [("fr-FR", "dark"), ("en-GB", "light")])
def test_ticking_fits_on_a_phone(
    visit: Callable[..., Visit], paths: Mapping[str, str], locale: str, scheme: str
) -> None:
    window = visit(locale=locale, width=390, color_scheme=scheme)
    window.log_in()
    window.page.goto(window.base + paths["On a phone"] + "?tab=undecided")
    window.page.locator("input[name=row]").first.check()
    assert not window.is_too_wide()
    box = window.page.locator("input[name=row]").first.bounding_box()
    assert box is not None and min(box["width"], box["height"]) >= 24
    window.page.locator("#gate-ticked button").first.click()
    dialog(window.page)
    assert not window.is_too_wide()


def test_a_change_that_takes_its_time_shows_how_far_it_is_and_ends_by_itself(
    window: Visit, gateway: tuple[Deployment, Simulator]
) -> None:
    path = waiting(gateway[0], "Thousands", accepted=10, rejected=MANY)
    page = window.page
    page.goto(window.base + path + REASON)
    page.get_by_role("link", name=f"Put back all {MANY:,} “No consent”…").click()
    found = dialog(page)
    expect(found).to_contain_text("It takes a moment. Until it is done, nobody accepts or rejects the batch")
    found.get_by_role("textbox").fill("By post")
    window.confirm(f"Put back {MANY:,}")
    expect(page.get_by_text("It has begun. The page shows how far it is")).to_be_visible()
    # Without reloading: a worker carries it out, and the page follows.
    expect(page.locator("#batch-numbers")).to_contain_text(f"{MANY + 10:,}", timeout=30_000)
    expect(page.get_by_role("link", name=f"Accept: send to {MANY + 10:,}…").first).to_be_visible(timeout=30_000)
    expect(page.locator("#history")).to_contain_text(f"{MANY:,} contacts put back")


def test_while_many_are_changed_the_page_offers_to_stop_it_and_nothing_that_decides(
    window: Visit, gateway: tuple[Deployment, Simulator]
) -> None:
    more = """
from django.contrib.auth.models import User
BulkChange.objects.create(batch=made, user=User.objects.get(username="root"), note="shop", verdict=1, before=2, expected=4,
    changed=2, next_row=3, begun_at=timezone.now())
"""
    path = waiting(gateway[0], "Under way", more, accepted=3, rejected=4)
    page = window.page
    page.goto(window.base + path)
    expect(page.locator("#batch-work")).to_contain_text("of 4 contacts put back")
    expect(page.get_by_role("progressbar")).to_be_visible()
    for key in ("a", "r"):
        page.keyboard.press(key)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(link(page, "hold")).to_be_visible()
    found = opened(window, "cancel-change")
    expect(found).to_contain_text("decisions are changed and stay so")
    window.confirm("Stop the change")
    expect(page.get_by_text("The change is stopped. What was changed by then stays.")).to_be_visible()
    expect(link(page, "accept")).to_be_visible()
