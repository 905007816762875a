"""The page of a batch that is open keeps itself up to date: numbers move, verbs come and go, and a lost connection is said."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from simulator.client import Report, Simulator
from tests.acceptance.deployment import Deployment
from tests.browser.conftest import Visit
from tests.browser.test_reviewing import held, open_batch

LONG = 30_000


@pytest.fixture(autouse=True)
def _without_faults(gateway: tuple[Deployment, Simulator]) -> Iterator[None]:
    yield
    gateway[1].faults()


def opened(visit: Callable[..., Visit], sendout: str, **options: object) -> Visit:
    window = visit(**options)
    window.log_in()
    open_batch(window, sendout)
    # Lost with a reload: what stands on the page later came without one.
    window.page.evaluate("window.neverReloaded = true")
    return window


def was_not_reloaded(page: Page) -> bool:
    return bool(page.evaluate("window.neverReloaded === true"))


def large(platform: Simulator, sendout: str, contacts: int = 10_000, **more: object) -> Report:
    where = {"project": "Newsletter", "journey": "Summer", "sendout": sendout}
    return platform.create("batch", contacts=contacts, transfer="length", **where, **more)


def seen(page: Page, selector: str) -> int:
    """The number at the beginning of what an element says; 0 where it is not there."""
    found = re.match(r"[\d,]+", page.locator(selector).first.inner_text()) if page.locator(selector).count() else None
    return int(found[0].replace(",", "")) if found else 0


def test_what_one_person_decides_another_one_sees_without_reloading(
    visit: Callable[..., Visit], gateway: tuple[Deployment, Simulator]
) -> None:
    held(gateway[1], "Seen by two")
    watching, deciding = opened(visit, "Seen by two"), opened(visit, "Seen by two")
    page = watching.page
    accept = page.locator("#batch-verbs").get_by_role("link", name="Accept: send to 20…")
    expect(accept).to_be_visible()
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    deciding.page.locator("#batch-verbs").get_by_role("link", name="Accept: send to 20…").click()
    deciding.page.fill("textarea[name=note]", "As planned")
    deciding.page.locator("#gate-dialog[data-ready]").wait_for()
    deciding.page.get_by_role("button", name="Send to 20").click()
    expect(page.locator("#batch-head")).to_contain_text("went to 20 contacts", timeout=LONG)
    expect(accept).to_have_count(0)
    expect(page.locator("#batch-events")).to_contain_text("As planned")
    expect(page.locator(".gate-stages li").last).to_contain_text("Released")
    expect(page.get_by_text("Decided here, done at Symplify")).to_be_visible()
    # Read aloud: the change of status, once, and no seconds.
    expect(page.locator("[data-live-say]")).to_have_text("Seen by two: Released")
    assert was_not_reloaded(page)


def test_rejections_that_are_confirmed_are_counted_on_the_open_page(
    visit: Callable[..., Visit], gateway: tuple[Deployment, Simulator]
) -> None:
    platform = gateway[1]
    # Some are answered with an error first: they are sent again.
    platform.faults([{"kind": "status", "status": 503, "on": "reject", "share": 0.05, "times": 1}], latency=0.3)
    large(platform, "Many rejections", contacts=4_000, no_consent=0.5, actions=["consent-check"])
    window = visit()
    window.log_in()
    open_from(window, "Many rejections", "work")
    page = window.page
    page.evaluate("window.neverReloaded = true")
    confirmed = ".gate-run-head b"
    expect(page.locator(".gate-run-head").first).to_contain_text("of 2,000 rejections confirmed", timeout=LONG)
    first = seen(page, confirmed)
    page.wait_for_function(
        "before => { const shown = document.querySelector('.gate-run-head b');"
        " return shown && Number(shown.textContent.replace(/,/g, '')) > before }",
        arg=first,
        timeout=LONG,
    )
    expect(page.locator("#batch-head")).to_contain_text("went to 2,000 contacts", timeout=LONG)
    expect(page.locator(".gate-numbers")).to_contain_text("2,000")
    assert was_not_reloaded(page)


def test_a_file_that_is_being_screened_says_how_far_it_is(
    visit: Callable[..., Visit], gateway: tuple[Deployment, Simulator]
) -> None:
    platform = gateway[1]
    platform.faults([{"kind": "drip", "on": "download", "bytes": 24_000, "interval": 0.2}])
    large(platform, "Slowly read", actions=["vip-2026"])
    window = visit()
    window.log_in()
    open_from(window, "Slowly read", "work")
    page = window.page
    page.evaluate("window.neverReloaded = true")
    expect(page.locator(".gate-run-head")).to_contain_text("contacts checked", timeout=LONG)
    first = seen(page, ".gate-run-head b")
    expect(page.locator(".gate-progress")).to_be_visible()
    expect(page.locator("#batch-head")).to_contain_text("is being checked")
    expect(page.locator("#batch-head")).to_contain_text("goes to 10,000 of 10,000 contacts if you accept", timeout=LONG)
    assert 0 < first < 10_000
    # The verbs of the review came with the status.
    expect(page.locator("#batch-verbs").get_by_role("link", name="Accept: send to 10,000…")).to_be_visible()
    assert was_not_reloaded(page)


def open_from(visit: Visit, sendout: str, part: str) -> None:
    """Look again and again at a part of the list until the batch is in it, and open it."""
    for _ in range(50):
        visit.page.goto(f"{visit.base}/admin/sendouts/batch/?show={part}")
        link = visit.page.get_by_role("link", name=sendout)
        if link.count():
            return link.first.click()
        visit.page.wait_for_timeout(100)
    raise AssertionError(f"{sendout} is not in the list")


def test_a_lost_connection_is_said_and_so_is_that_it_is_back(
    visit: Callable[..., Visit], gateway: tuple[Deployment, Simulator]
) -> None:
    held(gateway[1], "Lost")
    window = opened(visit, "Lost")
    page = window.page
    state = page.locator("[data-live-state]")
    until = page.locator("[data-until]:not([data-gone])").first
    before = until.inner_text()

    def fail(route: Route) -> None:
        route.abort("connectionrefused")

    page.route("**/live/**", fail)
    ask(page)
    expect(state).to_have_text(re.compile(r"Not live since \d\d:\d\d, trying again"))
    # The clock counts on: it needs nobody.
    expect(until).not_to_have_text(before)
    page.unroute("**/live/**", fail)
    ask(page)
    expect(state).to_have_text("Live")
    # The browser notes what it could not reach: what this test asks for.
    window.complaints = [text for text in window.complaints if "ERR_CONNECTION_REFUSED" not in text]


def ask(page: Page) -> None:
    """Have the page ask now, and not in ten seconds."""
    page.evaluate("document.querySelector('[data-live]').dispatchEvent(new Event('gate:ask'))")


def test_what_a_person_has_opened_or_typed_is_not_replaced_under_them(
    visit: Callable[..., Visit], gateway: tuple[Deployment, Simulator]
) -> None:
    platform = gateway[1]
    where = {"project": "Newsletter", "journey": "Summer", "sendout": "Opened"}
    platform.create("batch", contacts=20, no_consent=0, actions=["consent-check", "vip-2026"], **where)
    watching, changing = opened(visit, "Opened"), opened(visit, "Opened")
    page = watching.page
    page.get_by_text("Parameters").first.click()
    expect(page.get_by_text("Reject if the field")).to_be_visible()
    page.fill("#gate-contact", "A-0000")
    changing.page.locator("#contacts").get_by_role("link", name="Reject", exact=True).first.click()
    changing.page.fill("textarea[name=note]", "Asked not to get it")
    changing.page.locator("#gate-dialog[data-ready]").wait_for()
    changing.page.get_by_role("button", name="Reject", exact=True).click()
    expect(changing.page.locator("#batch-head")).to_contain_text("goes to 19 of 20")
    ask(page)
    expect(page.locator("#batch-head")).to_contain_text("goes to 19 of 20")
    expect(page.get_by_text("Reject if the field")).to_be_visible()
    expect(page.locator("#gate-contact")).to_have_value("A-0000")
    assert was_not_reloaded(page)


def test_a_reason_leads_to_its_contacts_and_the_open_page_stays_with_them(
    visit: Callable[..., Visit], gateway: tuple[Deployment, Simulator]
) -> None:
    platform = gateway[1]
    where = {"project": "Newsletter", "journey": "Summer", "sendout": "Reasons"}
    platform.create("batch", contacts=40, no_consent=0.1, actions=["consent-check", "vip-2026"], **where)
    page = opened(visit, "Reasons").page
    page.locator(".gate-reason").get_by_role("link", name="No consent").click()
    rows = page.locator("#contacts tbody tr")
    expect(rows).to_have_count(4)
    expect(page).to_have_url(re.compile(r"tab=rejected&reason=rule%3Aconsent-check#contacts"))
    with page.expect_response("**/live/?tab=rejected&reason=*") as answer:
        ask(page)
    assert answer.value.ok
    expect(rows).to_have_count(4)


def test_on_a_phone_the_verbs_and_the_clock_stand_under_the_thumb(
    visit: Callable[..., Visit], gateway: tuple[Deployment, Simulator]
) -> None:
    held(gateway[1], "Thumb")
    page = opened(visit, "Thumb", width=390).page
    thumb = page.locator(".gate-thumb")
    expect(thumb).to_be_in_viewport()
    expect(thumb).to_contain_text("then nobody gets it")
    page.mouse.wheel(0, 4_000)
    accept = thumb.get_by_role("link", name="Accept: send to 20…")
    expect(accept).to_be_in_viewport()
    box = accept.bounding_box()
    assert box is not None and box["height"] >= 44
    accept.click()
    expect(page.get_by_role("button", name="Send to 20")).to_be_visible()
