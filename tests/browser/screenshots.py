"""`make screenshots`: the main pages as a reader of the documentation sees them, from a desk that is made for it.

Starts an embedded gateway of its own with tests/browser/scene.py on it, opens each page in Chromium, and writes docs/screens/NAME.png.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import django
from playwright.sync_api import Browser, Page, sync_playwright

import tests.environment  # noqa: F401  (it sets the environment)

# The settings come first: functions that run beside the gateway name its models.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
django.setup()

from tests.acceptance.deployment import ROOT, deployment  # noqa: E402
from tests.browser.conftest import FLAGS, PASSWORD  # noqa: E402
from tests.browser.scene import build  # noqa: E402
from tests.servers import find_browser  # noqa: E402

FOLDER = ROOT / "docs" / "screens"
WIDE, PHONE = (1440, 900), (390, 844)


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture. path may name a batch of the scene in braces; prepare: what the person does before it is taken."""

    name: str
    path: str
    size: tuple[int, int] = WIDE
    locale: str = "en-GB"
    scheme: str = "light"
    person: str = "reviewer.lyon"
    whole: bool = False
    prepare: Callable[[Page], object] = lambda page: None


def shots() -> list[Shot]:
    change = "/admin/sendouts/batch/{%s}/change/"
    return [
        Shot("home", "/admin/", whole=True),
        Shot("home-fr-dark", "/admin/", locale="fr-FR", scheme="dark"),
        Shot("review", change % "held"),
        Shot("review-phone-fr", change % "held", PHONE, "fr-FR"),
        Shot("accept", change % "held", prepare=_accept),
        Shot("in-work", change % "delivering"),
        Shot("attention", change % "stuck"),
        Shot("released", change % "released"),
        Shot("project", "/admin/actions/project/{newsletter}/change/", person="manager.nantes"),
    ]


def _accept(page: Page) -> None:
    page.locator('.gate-verbs a[data-dialog="accept"]').first.click()
    page.locator("dialog[open]").wait_for()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("only", nargs="*", help="names of pictures; without any, all")
    asked = parser.parse_args()
    chromium = find_browser()
    if not chromium:
        print("Chromium is not installed. `make browser` installs Debian's.", file=sys.stderr)
        return 1
    asked.folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as made,
        deployment(Path(made), "embedded", setup=build) as (gateway, _platform),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for shot in shots():
            if not asked.only or shot.name in asked.only:
                take(browser, gateway.url, shot, gateway.made, asked.folder)
        browser.close()
    return 0


def take(browser: Browser, base: str, shot: Shot, numbers: dict[str, int], folder: Path) -> None:
    width, height = shot.size
    context = browser.new_context(
        locale=shot.locale, color_scheme=shot.scheme, viewport={"width": width, "height": height}
    )  # type: ignore[arg-type]
    context.add_cookies([{"name": "django_language", "value": shot.locale[:2], "url": base}])
    page = context.new_page()
    page.goto(base + shot.path.format(**numbers))
    page.fill("input[name=username]", shot.person)
    page.fill("input[name=password]", PASSWORD)
    page.locator("form [type=submit]").first.click()
    page.wait_for_load_state("networkidle")
    shot.prepare(page)
    path = folder / f"{shot.name}.png"
    page.screenshot(path=path, full_page=shot.whole, animations="disabled", caret="initial")
    print(f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path} ({path.stat().st_size // 1024} KiB)")
    context.close()


if __name__ == "__main__":
    sys.exit(main())
