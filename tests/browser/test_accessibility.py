"""Every page of the desk holds WCAG 2.2 AA as far as axe-core can tell, in light and dark, wide and narrow, and none is too wide.

The pages are found as a person finds them: by following links from the first page, one page of each kind.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import Resolver404, resolve
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.deployment import Deployment, deployment
from tests.browser.conftest import Visit, windows
from tests.browser.scene import build
from tests.browser.test_security_policy import WATCH

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
# More kinds of pages than this, and the walk has lost its way.
MOST = 150
FEWEST = 30


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Deployment]:
    """A gateway whose desk is full, and stands still."""
    folder: Path = tmp_path_factory.mktemp("desk")
    with deployment(folder, "embedded", setup=build) as (running, _platform):
        yield running


@pytest.fixture
def visit(chromium: Browser, desk: Deployment) -> Iterator[Callable[..., Visit]]:
    yield from windows(chromium, desk)


def kind_of(path: str) -> str:
    """Pages of one kind answer to one pattern; where a question makes another page of it, to that as well."""
    parts = urlsplit(path)
    try:
        route = resolve(parts.path).route
    except Resolver404:
        return ""
    # The forms of each kind of action are different pages.
    return f"{route}?{parts.query}" if route.endswith("add/") and parts.query.startswith("kind=") else route


def walk(page: Page, base: str) -> Iterator[str]:
    """One page of each kind that links lead to, breadth first; the caller looks at the page that is open."""
    waiting, known = ["/admin/"], {"admin/"}
    for _ in range(MOST):
        if not waiting:
            return
        path = waiting.pop(0)
        answer = page.goto(base + path)
        if answer is None or "text/html" not in answer.headers.get("content-type", ""):
            continue
        yield path
        for found in page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)"):
            link = found.removeprefix(base).split("#")[0]
            kind = kind_of(link) if found.startswith(base + "/admin/") else ""
            if kind and kind not in known and "logout" not in kind and "download" not in kind and "csv" not in kind:
                known.add(kind)
                waiting.append(link)
    raise AssertionError(f"More than {MOST} kinds of pages: {sorted(known)}")


def serious(page: Page) -> list[str]:
    found: dict[str, Any] = Axe().run(page, options=RULES).response
    return [
        f"{each['id']} ({each['impact']}): {node['target']} {node['html'][:160]}"
        for each in found["violations"]
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]


@pytest.mark.parametrize(
    ("scheme", "width", "locale"),
    [("light", 1440, "en-GB"), ("dark", 390, "fr-FR")],
)
def test_no_page_has_a_serious_finding(visit: Callable[..., Visit], scheme: str, width: int, locale: str) -> None:
    window = visit(locale=locale, width=width, color_scheme=scheme)
    window.page.add_init_script(WATCH)
    window.log_in()
    found: dict[str, list[str]] = {}
    seen = 0
    for path in walk(window.page, window.base):
        seen += 1
        findings = serious(window.page)
        if window.is_too_wide():
            findings.append("too wide")
        findings += window.complaints
        window.complaints.clear()
        if findings:
            found[path] = findings
    assert found == {}, "\n".join(f"{path}\n  " + "\n  ".join(lines) for path, lines in found.items())
    assert seen >= FEWEST


@pytest.mark.parametrize("width", [1440, 390])
def test_the_menu_the_person_and_the_filters_open_and_close_by_keyboard(
    visit: Callable[..., Visit], width: int
) -> None:
    window = visit(width=width)
    window.log_in()
    page = window.page
    if width < 1280:
        page.get_by_role("button", name="Menu").press("Enter")
    person = page.get_by_role("button", name="root")
    person.press("Enter")
    page.get_by_role("button", name="Log out").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Log out").wait_for(state="hidden")
    expect(person).to_be_focused()
    expect(person).to_have_attribute("aria-expanded", "false")
    if width < 1280:
        page.get_by_role("button", name="Close").first.press(" ")
    page.get_by_role("button", name="Filters").press("Enter")
    page.locator("#changelist-filter").wait_for()
    page.keyboard.press("Escape")
    page.locator("#changelist-filter").wait_for(state="hidden")


def test_a_person_without_scripts_can_switch_the_language_and_log_out(visit: Callable[..., Visit]) -> None:
    window = visit(java_script_enabled=False)
    window.log_in()
    page = window.page
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.get_by_role("button", name="français").click()
    page.get_by_role("button", name="Déconnexion").click()
    expect(page.locator("html")).to_have_attribute("lang", "fr")


def test_a_page_whose_scripts_do_not_come_is_shown_all_the_same(visit: Callable[..., Visit]) -> None:
    window = visit()
    window.log_in()
    page = window.page
    page.route("**/alpine*.js", lambda asked: asked.abort())
    page.goto(f"{window.base}/admin/sendouts/batch/")
    page.wait_for_function("getComputedStyle(document.documentElement).visibility === 'visible'")
    expect(page.get_by_role("link", name="Soldes d’été, dernier jour").first).to_be_visible()
    assert not page.locator("#changelist-filter").is_visible()
    window.complaints.clear()
