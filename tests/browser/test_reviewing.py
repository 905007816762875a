"""People find what is held, read what follows, decide, and see what became of it, in their language."""

import re
from collections.abc import Callable
from contextlib import suppress

import pytest
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import expect

from simulator.client import Report, Simulator
from tests.acceptance.deployment import Deployment
from tests.browser.conftest import Visit

LIST = "/admin/sendouts/batch/"
ENGLISH = {
    "locale": "en-GB",
    "held": "Nobody has defined the action “vip-2026” here",
    "waiting": "Waiting for you",
    "accept": "Accept: send to 20…",
    "confirm": "Send to 20",
    "released": "Released",
    "went": "went to 20 contacts",
}
FRENCH = {
    "locale": "fr-FR",
    "held": "Personne n’a défini l’action « vip-2026 » ici",
    "waiting": "À vous de valider",
    "accept": "Accepter : envoyer à 20…",
    "confirm": "Envoyer à 20",
    "released": "Libéré",
    "went": "est parti à 20 contacts",
}


def held(platform: Simulator, sendout: str) -> Report:
    """A batch that waits: it asks for an action that nobody defined. Nobody in it had to be rejected."""
    where = {"project": "Newsletter", "journey": "Summer", "sendout": sendout}
    return platform.create("batch", contacts=20, no_consent=0, actions=["vip-2026"], **where)


def words(text: str) -> re.Pattern[str]:
    """The text, whatever kind of space a language sets between its words."""
    return re.compile(r"\s*".join(re.escape(part) for part in text.split()))


def open_batch(visit: Visit, sendout: str) -> None:
    """Look again and again at the list until the batch has been screened, and open it."""
    for _ in range(50):
        visit.page.goto(visit.base + LIST)
        link = visit.page.get_by_role("link", name=sendout)
        if link.count():
            link.first.click()
            visit.page.wait_for_url("**/change/**")
            return
        visit.page.wait_for_timeout(200)
    raise AssertionError(f"{sendout} is not in the list")


def see(visit: Visit, text: str) -> None:
    """Reload until the headline or label says it."""
    shown = visit.page.locator(".gate-head")
    for _ in range(50):
        if words(text).search(shown.inner_text()):
            return
        visit.page.wait_for_timeout(200)
        # It may be on its way to another page by itself.
        with suppress(PlaywrightError):
            visit.page.reload()
    raise AssertionError(f"{text!r} never came; the page says {shown.inner_text()!r}")


@pytest.mark.parametrize("say", [ENGLISH, FRENCH], ids=["en", "fr"])
def test_a_held_batch_is_accepted_with_a_note_and_released(
    visit: Callable[..., Visit], gateway: tuple[Deployment, Simulator], say: dict[str, str]
) -> None:
    platform = gateway[1]
    sendout = f"Accepted {say['locale']}"
    sent = held(platform, sendout)
    window = visit(locale=say["locale"])
    window.log_in()
    open_batch(window, sendout)
    page = window.page
    expect(page.locator(".gate-head")).to_contain_text(words(say["waiting"]))
    expect(page.locator(".gate-note")).to_contain_text(words(say["held"]))
    page.get_by_role("link", name=words(say["accept"])).click()
    page.fill("textarea[name=note]", "Checked with the shop")
    window.confirm(words(say["confirm"]))
    see(window, say["released"])
    see(window, say["went"])
    expect(page.locator("#history")).to_contain_text("Checked with the shop")
    expect(page.locator("#history")).to_contain_text("root")
    seen = platform.wait_finished(sent["id"], within=10)
    assert (seen["accepted"], seen["rejected"], seen["violations"]) == (20, 0, [])


def test_one_contact_is_rejected_and_the_others_released(
    visit: Callable[..., Visit], gateway: tuple[Deployment, Simulator]
) -> None:
    platform = gateway[1]
    sent = held(platform, "One less")
    window = visit()
    window.log_in()
    open_batch(window, "One less")
    page = window.page
    page.locator("#contacts").get_by_role("link", name="Reject", exact=True).first.click()
    expect(page.get_by_role("button", name="Reject", exact=True)).to_be_disabled()
    page.fill("textarea[name=note]", "Asked not to get it")
    window.confirm("Reject")
    expect(page.locator(".gate-head")).to_contain_text("goes to 19 of 20 contacts if you accept. 1 does not get it.")
    window.open_dialog(page.get_by_role("link", name="Accept: send to 19…"))
    window.confirm("Send to 19")
    see(window, "Released")
    seen = platform.wait_finished(sent["id"], within=10)
    assert (seen["accepted"], seen["rejected"]) == (19, 1)


def test_the_second_of_two_people_is_told(visit: Callable[..., Visit], gateway: tuple[Deployment, Simulator]) -> None:
    held(gateway[1], "Twice")
    first, second = visit(), visit()
    for window in (first, second):
        window.log_in()
        open_batch(window, "Twice")
    second.page.get_by_role("link", name="Reject all…").click()
    first.page.get_by_role("link", name="Accept: send to 20…").click()
    first.confirm("Send to 20")
    expect(first.page.get_by_role("dialog")).to_have_count(0)
    second.page.fill("textarea[name=note]", "Wrong picture")
    second.confirm("Reject 20")
    alert = second.page.get_by_role("alert")
    expect(alert).to_contain_text(re.compile("Your “Reject all” was not carried out"))
    see(first, "Released")
    # The browser notes the answer 409 in its console: the refusal that this test asks for.
    second.complaints = [text for text in second.complaints if "409" not in text]


def test_the_language_is_switched_from_the_menu(visit: Callable[..., Visit]) -> None:
    window = visit(locale="en-GB")
    window.log_in()
    page = window.page
    page.locator("#nav-sidebar, aside").get_by_text("root").first.click()
    page.get_by_role("button", name=re.compile("français", re.IGNORECASE)).first.click()
    expect(page.locator(".gate-tabs").first).to_contain_text("En attente d’une décision")
