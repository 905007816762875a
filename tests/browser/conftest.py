"""Fixtures for browser tests: gateway processes, a platform, and a real browser."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright

from simulator.client import Simulator
from tests.acceptance.deployment import Deployment, deployment
from tests.servers import find_browser

PASSWORD = "a-long-password-for-tests"
# Cookies of sessions, by the address of the gateway and the name of the person.
SESSIONS: dict[tuple[str, str], Any] = {}
# They take as long as the others that use the same kind of gateway.
WITH_FILES = {"test_finding", "test_saving_files", "test_saving_held_files", "test_suppression_lists"}
# Milliseconds within which a page shows what it must, also beside other programs on the same cores.
WAIT = 30_000
expect.set_options(timeout=WAIT)
# Debian's Chromium, quiet: nothing of it may call out.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker("browser")
            item.add_marker(pytest.mark.xdist_group(_group(item.path)))


def _group(path: Path) -> str:
    """The tests of a group share one gateway: to start another takes longer than most of them."""
    if path.parent.name == "verbs":
        return "verbs"
    if path.stem == "test_accessibility":
        return "walks"
    return "files" if path.stem in WITH_FILES else "batches"


@dataclass
class Visit:
    """One person at one screen; what their browser complained about is kept."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)

    def log_in(self, name: str = "root", path: str = "/admin/sendouts/batch/") -> None:
        """Come to a page as somebody; each of them types their password once, and keeps the session until it ends."""
        if known := SESSIONS.get((self.base, name)):
            self.page.context.add_cookies([known])
        self.page.goto(self.base + path)
        if "/login/" not in self.page.url:
            return
        self.page.fill("input[name=username]", name)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.locator("form [type=submit]").first.click()
        self.page.wait_for_url(f"{self.base}{path}**")
        SESSIONS[self.base, name] = next(each for each in self.page.context.cookies() if "sessionid" in each["name"])

    def open_dialog(self, link: Locator) -> None:
        """Click on a link of a page that an earlier click has led to. Before its scripts are there, it opens no dialog."""
        link.wait_for()
        self.page.wait_for_load_state()
        link.click()

    def confirm(self, button: str | re.Pattern[str]) -> None:
        """Press the button of the dialog that is open, once it takes clicks: it ignores those of a double tap."""
        dialog = self.page.locator("#gate-dialog[data-ready]")
        dialog.wait_for()
        dialog.get_by_role("button", name=button, exact=isinstance(button, str)).click()

    def is_too_wide(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    found = find_browser()
    if found is None:
        pytest.skip("NO BROWSER WAS TESTED: Chromium is not installed. `make browser` installs Debian's.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def started(folder: Path) -> Iterator[tuple[Deployment, Simulator]]:
    """The embedded gateway with a person who may do everything, and the platform."""
    with deployment(folder, "embedded", setup=create_root) as found:
        yield found


def create_root() -> None:
    """Create that person. Runs beside the gateway."""
    User.objects.create_superuser("root", "root@example.com", PASSWORD)


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[tuple[Deployment, Simulator]]:
    with started(tmp_path_factory.mktemp("browser")) as found:
        yield found


def _complaint(said: ConsoleMessage) -> str:
    """What the console says; of a refused request it tells only the status, so with its address."""
    return f"{said.text} {said.location.get('url', '')}".strip()


def windows(chromium: Browser, gateway: Deployment) -> Iterator[Callable[..., Visit]]:
    """Open browser windows: visit(locale=…, width=…, **options). What they complain about fails the test."""
    base = f"http://127.0.0.1:{gateway.port}"
    opened: list[Visit] = []

    def open_window(locale: str = "en-GB", width: int = 1440, **options: Any) -> Visit:
        context = chromium.new_context(locale=locale, viewport={"width": width, "height": 900}, **options)
        context.set_default_timeout(WAIT)
        made = Visit(context.new_page(), base)
        made.page.on("console", lambda said: made.complaints.append(_complaint(said)) if said.type == "error" else None)
        made.page.on("pageerror", lambda error: made.complaints.append(str(error)))
        made.page.on(
            "request",
            lambda asked: None if asked.url.startswith((base, "data:")) else made.complaints.append(asked.url),
        )
        opened.append(made)
        return made

    yield open_window
    for made in opened:
        made.page.context.close()
    assert [made.complaints for made in opened] == [[] for _ in opened]


@pytest.fixture
def visit(chromium: Browser, gateway: tuple[Deployment, Simulator]) -> Iterator[Callable[..., Visit]]:
    yield from windows(chromium, gateway[0])
