"""The strict policy breaks no page: browsers report what it stops, and they have nothing to report."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Visit

# What the policy stops is told to the page itself; saying it as an error makes the window complain.
WATCH = """addEventListener("securitypolicyviolation", told =>
    console.error("policy: " + told.effectiveDirective + " " + told.blockedURI))"""


def test_neither_the_login_nor_the_page_for_programmers_does_what_the_policy_stops(visit: Callable[..., Visit]) -> None:
    """Every other page is walked through where it is judged for accessibility."""
    window = visit()
    page = window.page
    page.add_init_script(WATCH)
    page.goto(f"{window.base}/admin/login/")
    page.wait_for_load_state("networkidle")
    window.log_in(path="/api/docs/")
    expect(page.locator("#swagger-ui .opblock").first).to_be_visible()
    assert window.complaints == []


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
