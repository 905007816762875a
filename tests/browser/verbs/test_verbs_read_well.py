"""Every dialog holds WCAG 2.2 AA as far as axe-core can tell, and fits, in both languages, light and dark, wide and narrow."""

from collections.abc import Callable, Mapping

import pytest

from simulator.client import Simulator
from tests.acceptance.deployment import Deployment
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import serious
from tests.browser.verbs.desk import all_waiting, dialog, link, opened
from tests.browser.verbs.test_verbs_each import CASES

LOOKS = [("en-GB", 1440, "light"), ("fr-FR", 390, "dark")]


@pytest.fixture(scope="module")
def paths(gateway: tuple[Deployment, Simulator]) -> Mapping[str, str]:
    return all_waiting(gateway[0], {f"Read {case.verb}": case.more for case in CASES}, undecided=2)


@pytest.mark.parametrize(("locale", "width", "scheme"), LOOKS)
def test_every_dialog_reads_well_and_fits(
    visit: Callable[..., Visit], paths: Mapping[str, str], locale: str, width: int, scheme: str
) -> None:
    window = visit(locale=locale, width=width, color_scheme=scheme)
    window.log_in()
    found = {}
    for case in CASES:
        window.page.goto(window.base + paths[f"Read {case.verb}"])
        shown = opened(window, case.verb)
        findings = serious(window.page)
        if window.is_too_wide() or shown.evaluate("each => each.scrollWidth > each.clientWidth"):
            findings.append("too wide")
        if findings:
            found[case.verb] = findings
    assert found == {}


@pytest.mark.parametrize(("locale", "width", "scheme"), LOOKS)
def test_the_list_of_keys_the_settings_and_what_went_wrong_read_well(
    visit: Callable[..., Visit], paths: Mapping[str, str], locale: str, width: int, scheme: str
) -> None:
    window = visit(locale=locale, width=width, color_scheme=scheme)
    window.log_in()
    page = window.page
    page.goto(window.base + paths["Read accept"])
    page.keyboard.press("?")
    page.locator("#gate-keys[open]").wait_for()
    assert serious(page) == [] and not window.is_too_wide()
    page.goto(window.base + "/admin/me/")
    assert serious(page) == [] and not window.is_too_wide()
    page.goto(window.base + paths["Read refuse"])
    link(page, "refuse").click()
    dialog(page)
    page.context.set_offline(True)
    page.locator("#gate-dialog textarea").fill("Visuel")
    page.locator("#gate-dialog[data-ready]").wait_for()
    page.locator("#gate-dialog [type=submit]").click()
    page.get_by_role("alert").wait_for()
    page.context.set_offline(False)
    assert serious(page) == [] and not window.is_too_wide()
    window.complaints.clear()
