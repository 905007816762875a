"""Fixtures for browser tests: gateway processes, a platform, and a real browser."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from simulator.client import Simulator
from tests.acceptance.deployment import Deployment, deployment
from tests.servers import find_browser

PASSWORD = "a-long-password-for-tests"
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker("browser")


@dataclass
class Visit:
    """One person at one screen; what their browser complained about is kept."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)

    def log_in(self, name: str = "root") -> None:
        self.page.goto(f"{self.base}/admin/sendouts/batch/")
        self.page.fill("input[name=username]", name)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.locator("form [type=submit]").first.click()
        self.page.wait_for_url("**/admin/sendouts/batch/**")

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
    with deployment(folder, "embedded", DJANGO_SUPERUSER_PASSWORD=PASSWORD) as (running, platform):
        running.manage("createsuperuser", "--noinput", "--username", "root", "--email", "root@example.com")
        yield running, platform


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[tuple[Deployment, Simulator]]:
    with started(tmp_path_factory.mktemp("browser")) as found:
        yield found


def windows(chromium: Browser, gateway: Deployment) -> Iterator[Callable[..., Visit]]:
    """Open browser windows: visit(locale=…, width=…, **options). What they complain about fails the test."""
    base = f"http://127.0.0.1:{gateway.port}"
    opened: list[Visit] = []

    def open_window(locale: str = "en-GB", width: int = 1440, **options: Any) -> Visit:
        context = chromium.new_context(locale=locale, viewport={"width": width, "height": 900}, **options)
        context.set_default_timeout(10_000)
        made = Visit(context.new_page(), base)
        made.page.on("console", lambda said: made.complaints.append(said.text) if said.type == "error" else None)
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
