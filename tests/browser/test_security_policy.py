"""The strict policy breaks no page: browsers report what it stops, and they have nothing to report."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from simulator.client import Simulator
from tests.acceptance.deployment import Deployment
from tests.browser.conftest import Visit
from tests.browser.test_reviewing import held, open_batch

PAGES = [
    "/admin/",
    "/admin/sendouts/batch/",
    "/admin/sendouts/batch/?show=all",
    "/admin/sendouts/webhook/",
    "/admin/actions/project/",
    "/admin/actions/project/add/",
    "/admin/actions/sendout/add/",
    "/admin/actions/actiondefinition/",
    "/admin/actions/actiondefinition/add/",
    "/admin/actions/actiondefinition/add/?kind=consent_check",
    "/admin/actions/actiondefinition/add/?kind=field_rule",
    "/admin/actions/credential/add/",
    "/admin/sendouts/allowedhost/add/",
    "/admin/auth/user/",
    "/admin/auth/user/add/",
    "/admin/auth/user/1/change/",
    "/admin/auth/user/1/password/",
    "/admin/auth/group/1/change/",
    "/admin/sendouts/apitoken/",
    "/admin/sendouts/apitoken/add/",
    "/admin/password_change/",
    "/api/docs/",
]
# What the policy stops is told to the page itself; saying it as an error makes the window complain.
WATCH = """addEventListener("securitypolicyviolation", told =>
    console.error("policy: " + told.effectiveDirective + " " + told.blockedURI))"""


def settled(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
def test_no_page_does_what_the_policy_stops(
    visit: Callable[..., Visit], gateway: tuple[Deployment, Simulator], locale: str
) -> None:
    sendout = f"Policy {locale}"
    held(gateway[1], sendout)
    window = visit(locale=locale)
    page = window.page
    page.add_init_script(WATCH)
    settled(page, window.base + "/admin/login/")
    window.log_in()
    for path in PAGES:
        settled(page, window.base + path)
        assert window.complaints == [], path
    expect(page.locator("#swagger-ui .opblock").first).to_be_visible()
    open_batch(window, sendout)
    page.wait_for_load_state("networkidle")
    page_of_batch = page.url.split("?")[0]
    for verb in ("accept", "refuse", "give-up", "contacts/0/reject"):
        settled(page, page_of_batch.replace("/change/", f"/{verb}/"))
        assert window.complaints == [], verb


def test_a_secret_is_stored_and_does_not_come_back(visit: Callable[..., Visit]) -> None:
    window = visit()
    window.log_in()
    window.page.goto(f"{window.base}/admin/actions/credential/add/")
    window.page.fill("input[name=name]", "consent")
    window.page.fill("input[name=secret]", "kept-from-every-page")
    window.page.locator("button[name=_continue], input[name=_continue]").first.click()
    expect(window.page.locator("input[name=secret]")).to_have_value("")
    assert "kept-from-every-page" not in window.page.content()


def test_a_script_that_somebody_brought_into_a_page_does_not_run(visit: Callable[..., Visit]) -> None:
    window = visit()
    window.page.add_init_script(WATCH)
    window.log_in()
    window.page.evaluate(
        """() => { const script = document.createElement("script");
                   script.textContent = "document.title = 'taken over'"; document.body.append(script) }"""
    )
    assert window.page.title() != "taken over"
    # The two sentences of the browser that this test asks for.
    assert any("policy: script-src" in text for text in window.complaints)
    window.complaints = [text for text in window.complaints if "olicy" not in text]
