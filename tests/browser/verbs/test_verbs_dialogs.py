"""A verb as a dialog in a real browser: where the focus is, what keys do, and what happens when something goes wrong."""

from collections.abc import Callable, Mapping

import pytest
from playwright.sync_api import expect

from simulator.client import Simulator
from tests.acceptance.deployment import Deployment
from tests.browser.conftest import Visit
from tests.browser.verbs.desk import all_waiting, dialog, forgive, link, opened

NAMES = ["Focus", "Tapped twice", "By keys", "Pressed twice", "Why", "Moved", "No line", "Logged out", "Plain page"]


@pytest.fixture(scope="module")
def paths(gateway: tuple[Deployment, Simulator]) -> Mapping[str, str]:
    return all_waiting(gateway[0], dict.fromkeys(NAMES, ""))


def come_to(visit: Callable[..., Visit], path: str, **options: object) -> Visit:
    window = visit(**options)
    window.log_in(path=path)
    return window


def test_the_focus_is_in_the_note_and_goes_back_to_where_it_came_from(
    visit: Callable[..., Visit], paths: Mapping[str, str]
) -> None:
    window = come_to(visit, paths["Focus"])
    found = opened(window, "accept")
    expect(found.get_by_role("textbox")).to_be_focused()
    expect(found).to_contain_text("messages go out at once, or at their scheduled time")
    window.page.keyboard.press("Escape")
    expect(window.page.locator("#gate-dialog")).not_to_be_visible()
    expect(link(window.page, "accept")).to_be_focused()
    opened(window, "accept").get_by_role("link", name="Cancel").click()
    expect(window.page.locator("#gate-dialog")).not_to_be_visible()
    window.page.reload()
    expect(window.page.locator(".gate-head")).to_contain_text("Waiting for you")


def test_a_double_tap_opens_and_confirms_nothing(visit: Callable[..., Visit], paths: Mapping[str, str]) -> None:
    window = come_to(visit, paths["Tapped twice"])
    posted: list[str] = []
    window.page.on("request", lambda asked: posted.append(asked.url) if asked.method == "POST" else None)
    found = opened(window, "accept")
    # Straight after it has come, as the second tap of two does.
    window.page.evaluate("document.querySelector('#gate-dialog [type=submit]').click()")
    expect(window.page.locator("#gate-dialog[data-ready]")).to_be_visible()
    assert posted == []
    expect(found.get_by_role("button", name="Send to 3")).to_be_visible()


def test_control_and_enter_confirm_and_the_page_says_what_was_done(
    visit: Callable[..., Visit], paths: Mapping[str, str]
) -> None:
    window = come_to(visit, paths["By keys"])
    page = window.page
    page.keyboard.press("a")
    dialog(page)
    page.locator("#gate-dialog[data-ready]").wait_for()
    page.keyboard.type("all as usual")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Accepted. The rejections are sent first")).to_be_visible()
    expect(page.locator("#history")).to_contain_text("all as usual")


def test_a_second_press_while_it_is_sent_changes_nothing(visit: Callable[..., Visit], paths: Mapping[str, str]) -> None:
    window = come_to(visit, paths["Pressed twice"])
    page = window.page
    posted: list[str] = []
    page.on("request", lambda asked: posted.append(asked.url) if asked.method == "POST" else None)
    opened(window, "accept")
    page.locator("#gate-dialog[data-ready]").wait_for()
    said = page.evaluate(
        """() => { const button = document.querySelector("#gate-dialog [type=submit]");
                   button.click(); button.click(); button.click(); return button.textContent }"""
    )
    assert said == "Sending…"
    expect(page.get_by_text("Accepted. The rejections are sent first")).to_be_visible()
    assert len(posted) == 1


def test_a_required_note_is_asked_for_before_the_button_can_be_pressed(
    visit: Callable[..., Visit], paths: Mapping[str, str]
) -> None:
    window = come_to(visit, paths["Why"])
    found = opened(window, "refuse")
    button = found.get_by_role("button", name="Reject 5")
    expect(button).to_be_disabled()
    expect(found).to_contain_text("Say why: it stays with the batch.")
    found.get_by_role("textbox").fill("   ")
    expect(button).to_be_disabled()
    found.get_by_role("textbox").fill("Wrong picture")
    expect(button).to_be_enabled()
    window.confirm("Reject 5")
    expect(window.page.get_by_text("Rejected. Every contact is now rejected one by one.")).to_be_visible()


def test_numbers_that_moved_are_told_inside_with_what_was_and_the_note_is_kept(
    visit: Callable[..., Visit], paths: Mapping[str, str]
) -> None:
    path = paths["Moved"]
    first, second = come_to(visit, path), come_to(visit, path)
    found = opened(second, "accept")
    found.get_by_role("textbox").fill("fine by me")
    opened(first, "contact").get_by_role("textbox").fill("VIP")
    first.confirm("Put back")
    expect(first.page.locator("#gate-dialog")).not_to_be_visible()
    second.confirm("Send to 3")
    expect(found.get_by_role("alert")).to_contain_text(
        "The numbers changed while you read: 4 now get it (was 3). Look again, then accept."
    )
    expect(found.get_by_role("textbox")).to_have_value("fine by me")
    expect(found.get_by_role("textbox")).to_be_focused()
    second.confirm("Send to 4")
    expect(second.page.get_by_text("Accepted. The rejections are sent first")).to_be_visible()
    forgive(second, "409")


def test_without_an_answer_the_dialog_says_what_is_known_and_can_be_sent_again(
    visit: Callable[..., Visit], paths: Mapping[str, str]
) -> None:
    window = come_to(visit, paths["No line"])
    found = opened(window, "accept")
    found.get_by_role("textbox").fill("once more")
    window.page.context.set_offline(True)
    window.confirm("Send to 3")
    expect(found.get_by_role("alert")).to_contain_text("No answer from the server. Nothing was sent by this click")
    expect(found.get_by_role("textbox")).to_have_value("once more")
    window.page.context.set_offline(False)
    window.confirm("Send to 3")
    expect(window.page.get_by_text("Accepted. The rejections are sent first")).to_be_visible()
    forgive(window, "ERR_INTERNET_DISCONNECTED")


def test_who_was_logged_out_comes_to_the_login(visit: Callable[..., Visit], paths: Mapping[str, str]) -> None:
    window = come_to(visit, paths["Logged out"])
    window.page.context.clear_cookies()
    link(window.page, "accept").click()
    window.page.wait_for_url("**/admin/login/**")


def test_a_page_of_its_own_is_sent_once_and_works_without_the_dialog(
    visit: Callable[..., Visit], paths: Mapping[str, str]
) -> None:
    window = come_to(visit, paths["Plain page"].replace("/change/", "/accept/"))
    window.page.keyboard.press("Control+Enter")
    expect(window.page.get_by_text("Accepted. The rejections are sent first")).to_be_visible()
