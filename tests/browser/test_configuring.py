"""Setting up in a real browser: actions are dragged into order, what would run is looked at, a former version comes back."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from simulator.client import Simulator
from tests.acceptance.deployment import Deployment
from tests.browser.conftest import Visit

NAMES = ["consent", "adults", "pressure", "tell"]
SETUP = """
from django.contrib.auth.models import User
from actions.models import ActionDefinition, Project, Sendout
project, _ = Project.objects.get_or_create(name="Configured", defaults={"review": "unusual"})
project.actions.all().delete()
for place, name in enumerate(NAMES, 1):
    row = ActionDefinition.objects.create(project=project, identifier=name, kind="field_rule", position=place,
        config={"field": name, "reject_if": {"equals": False}, "if_missing": "hold", "reason": "No " + name})
row.on_failure = "accept"
row._history_user = User.objects.get(username="root")
row.save()
sendout, _ = Sendout.objects.get_or_create(project=project, journey="Welcome", name="Day 1")
found = [project.pk, sendout.pk, row.pk]
""".replace("NAMES", repr(NAMES))


@pytest.fixture
def made(gateway: tuple[Deployment, Simulator]) -> Iterator[tuple[int, int, int]]:
    """A project with four actions, its sendout, and the action that was changed."""
    project, sendout, action = gateway[0].within(SETUP)
    yield project, sendout, action


def opened(visit: Callable[..., Visit], path: str, **options: Any) -> Visit:
    person = visit(**options)
    person.log_in()
    person.page.goto(person.base + path)
    return person


def expect_names(page: Page, names: list[str]) -> None:
    """Wait until the actions stand in this order; the page may still be on its way."""
    rows = page.locator(".gate-order-list li")
    expect(rows).to_have_count(len(names))
    for place, name in enumerate(names):
        expect(rows.nth(place)).to_have_attribute("data-name", name)


def item(page: Page, name: str) -> Locator:
    return page.locator(f'.gate-order-list li[data-name="{name}"]')


def drag(page: Page, name: str, onto: str) -> None:
    """Take an action by its grip, carry it past another one and let go."""
    grip, target = item(page, name).locator(".gate-grip"), item(page, onto)
    grip.scroll_into_view_if_needed()
    start, end = grip.bounding_box(), target.bounding_box()
    assert start and end
    page.mouse.move(start["x"] + 5, start["y"] + 10)
    page.mouse.down()
    down = end["y"] > start["y"]
    page.mouse.move(start["x"] + 5, end["y"] + (end["height"] - 2 if down else 2), steps=12)
    page.mouse.up()


@pytest.mark.parametrize("width", [1440, 390])
def test_an_action_is_dragged_to_another_place_and_stays_there(
    visit: Callable[..., Visit], made: tuple[int, int, int], width: int
) -> None:
    page = opened(visit, f"/admin/actions/project/{made[0]}/change/", width=width).page
    expect(page.locator("[data-order-save]")).to_be_hidden()
    drag(page, "consent", "pressure")
    expect_names(page, ["adults", "pressure", "consent", "tell"])
    expect(page.locator("[data-order-say]")).to_have_text("consent is now number 3 of 4.")
    drag(page, "tell", "adults")
    expect_names(page, ["tell", "adults", "pressure", "consent"])
    page.get_by_role("button", name="Save the order").click()
    expect(page.get_by_text("The actions have their new order.")).to_be_visible()
    expect_names(page, ["tell", "adults", "pressure", "consent"])
    planned = page.locator(".gate-plan tbody tr td:nth-child(2) code")
    expect(planned).to_have_text(["tell", "adults", "pressure", "consent"])


def test_the_arrow_keys_move_an_action_and_keep_the_focus(
    visit: Callable[..., Visit], made: tuple[int, int, int]
) -> None:
    page = opened(visit, f"/admin/actions/project/{made[0]}/change/").page
    button = item(page, "pressure").get_by_role("button", name="Move pressure up")
    button.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect_names(page, ["pressure", "consent", "adults", "tell"])
    # At the top there is no way up any more: the focus is on the way down.
    expect(item(page, "pressure").get_by_role("button", name="Move pressure down")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect_names(page, ["consent", "pressure", "adults", "tell"])
    expect(page.locator("[data-order-say]")).to_have_text("pressure is now number 2 of 4.")
    page.get_by_role("button", name="Save the order").press("Enter")
    expect(page.get_by_text("The actions have their new order.")).to_be_visible()
    expect_names(page, ["consent", "pressure", "adults", "tell"])


def test_back_where_it_was_nothing_is_to_be_saved(visit: Callable[..., Visit], made: tuple[int, int, int]) -> None:
    page = opened(visit, f"/admin/actions/project/{made[0]}/change/").page
    item(page, "consent").get_by_role("button", name="Move consent down").click()
    expect(page.locator("[data-order-save]")).to_be_visible()
    item(page, "consent").get_by_role("button", name="Move consent up").click()
    expect(page.locator("[data-order-save]")).to_be_hidden()


def test_two_people_at_one_list_the_second_is_told(visit: Callable[..., Visit], made: tuple[int, int, int]) -> None:
    path = f"/admin/actions/project/{made[0]}/change/"
    first, second = opened(visit, path).page, opened(visit, path).page
    for page, name in ((first, "consent"), (second, "adults")):
        item(page, name).get_by_role("button", name=f"Move {name} down").click()
        page.get_by_role("button", name="Save the order").click()
    expect(second.get_by_text("Somebody changed this list while you looked at it.")).to_be_visible()
    expect_names(second, ["adults", "consent", "pressure", "tell"])


def test_without_scripts_the_buttons_store_one_step(visit: Callable[..., Visit], made: tuple[int, int, int]) -> None:
    page = opened(visit, f"/admin/actions/project/{made[0]}/change/", java_script_enabled=False).page
    item(page, "tell").get_by_role("button", name="Move tell up").click()
    expect_names(page, ["consent", "adults", "tell", "pressure"])


def test_what_would_run_is_looked_at_for_any_hook(visit: Callable[..., Visit], made: tuple[int, int, int]) -> None:
    person = opened(visit, f"/admin/actions/sendout/{made[1]}/change/", width=390)
    page = person.page
    page.get_by_role("link", name="Choose what the hook names…").click()
    for name in ("adults", "pressure", "tell"):
        page.get_by_label(name, exact=True).uncheck()
    page.get_by_label("And these, with commas").fill("vip-2026")
    page.get_by_role("button", name="Show the plan").click()
    expect(page.locator(".gate-plan tbody tr td:nth-child(2) code")).to_have_text(["consent"])
    expect(page.get_by_text("Nobody has defined vip-2026 here")).to_be_visible()
    expect(page.get_by_label("consent", exact=True)).to_be_checked()
    assert not person.is_too_wide()


@pytest.mark.parametrize(
    ("locale", "width", "back", "bring", "label"),
    [
        ("en-GB", 1440, "Bring this version back…", "Bring it back", "If the action fails"),
        ("fr-FR", 390, "Rétablir cette version…", "Rétablir", "Si l’action échoue"),
    ],
)
def test_a_former_version_comes_back(
    visit: Callable[..., Visit], made: tuple[int, int, int], locale: str, width: int, back: str, bring: str, label: str
) -> None:
    person = opened(visit, f"/admin/actions/actiondefinition/{made[2]}/history/", locale=locale, width=width)
    page = person.page
    expect(page.locator(".gate-versions > li")).to_have_count(2)
    expect(page.locator(".gate-versions > li").first).to_contain_text("root")
    expect(page.locator(".gate-versions > li").first).to_contain_text(label)
    page.get_by_role("link", name=back).click()
    expect(page.locator(".gate-changes")).to_contain_text(label)
    assert not person.is_too_wide()
    page.get_by_role("button", name=bring, exact=True).click()
    page.wait_for_url("**/change/")
    expect(page.locator("select[name=on_failure]")).to_have_value("hold")
    page.goto(f"{person.base}/admin/actions/actiondefinition/{made[2]}/history/")
    expect(page.locator(".gate-versions > li")).to_have_count(3)
