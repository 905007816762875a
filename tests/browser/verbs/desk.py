"""Batches and people for tests of the desk, created in the gateway's database while it runs."""

from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Locator, Page

from tests.acceptance.deployment import Deployment
from tests.browser.conftest import PASSWORD, Visit

# Rows as the tests of the screens make them: `made` is the batch, for what a case adds.
_HEAD = """
from datetime import timedelta
from uuid import uuid4
from django.utils import timezone
from sendouts.models import *
from tests import factories as admin_cases
"""
_BATCH = """
where = admin_cases.sendout("Newsletter", "Summer", {name!r})
made = admin_cases.batch(sendout=where, delivery_key=uuid4().hex, finish_key=uuid4().hex, **{values!r})
{more}
found[{name!r}] = made.pk
"""
_PERSON = """
from django.contrib.auth.models import Group, User
if not User.objects.filter(username={name!r}).exists():
    made = User.objects.create_user({name!r}, password={password!r}, is_staff=True)
    made.groups.add(Group.objects.get(name={role!r}))
"""


def waiting(running: Deployment, name: str, more: str = "", **values: Any) -> str:
    """A batch in review, or as `more` (Python) makes it; returns the path of its page."""
    return all_waiting(running, {name: more}, **values)[name]


def all_waiting(running: Deployment, wanted: Mapping[str, str], **values: Any) -> dict[str, str]:
    """Several batches at once, by name; starting a process for each would take most of a test's time."""
    given = {"accepted": 3, "rejected": 2, "held_for": ["always"], **values}
    parts = [_BATCH.format(name=name, values=given, more=more) for name, more in wanted.items()]
    numbers = running.within(_HEAD + "found = {}\n" + "".join(parts))
    return {name: f"/admin/sendouts/batch/{number}/change/" for name, number in numbers.items()}


def person(running: Deployment, role: str) -> str:
    """Somebody in a role; returns their name."""
    name = f"{role.lower()}.lyon"
    running.within(_PERSON.format(name=name, password=PASSWORD, role=role))
    return name


def opened(visit: Visit, verb: str) -> Locator:
    """Click on a verb of the page and come to its dialog."""
    link(visit.page, verb).click()
    return dialog(visit.page)


def link(page: Page, verb: str) -> Locator:
    """What leads to a verb; those that are seldom wanted stand under “More”."""
    found = page.locator(f"a[data-dialog='{verb}']:visible")
    if not found.count():
        page.locator(".gate-verbs summary:visible, .gate-thumb summary:visible").first.click()
    return found.first


def dialog(page: Page) -> Locator:
    found = page.locator("#gate-dialog[open]")
    found.wait_for()
    return found


def forgive(visit: Visit, *codes: str) -> None:
    """The browser's own notes of answers that the test asks for, such as a refusal, are no complaints."""
    visit.complaints = [text for text in visit.complaints if not any(code in text for code in codes)]
