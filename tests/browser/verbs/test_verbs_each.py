"""Each verb in a real browser: from the page of the batch through its dialog to what became of it, and without scripts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest
from playwright.sync_api import expect

from simulator.client import Simulator
from tests.acceptance.deployment import Deployment
from tests.browser.conftest import Visit
from tests.browser.verbs.desk import all_waiting, link, opened, person

# What a batch must be for the verb to be possible.
UNCONFIRMED = """
Batch.objects.filter(pk=made.pk).update(status="accepted", confirmed=1, attention="unconfirmed", attention_data={"rows": 1},
    decided_at=timezone.now())
Decision.objects.filter(pk=made.first_decision).update(answer=Answer.CONFIRMED)
Decision.objects.filter(pk=made.first_decision + 1).update(answer=Answer.REFUSED)
"""
HOST_WAITS = """
waits = {"rows": 2, "code": "host_not_listed", "host": "mail.example.com", "hosts": ["mail.example.com"]}
Batch.objects.filter(pk=made.pk).update(attention="host_not_listed", attention_data=waits)
"""
OTHER_FILE = """
Batch.objects.filter(pk=made.pk).update(attention="no_proven_end", file_complete=False)
admin_cases.offer(made)
"""
ON_HOLD = """
from django.contrib.auth.models import User
from sendouts.verbs import PutOnHold
from sendouts.verbs.base import Act
PutOnHold().run(made.pk, Act(User.objects.get(username="root"), None, "shop", timezone.now()))
"""
CHANGING = """
from django.contrib.auth.models import User
BulkChange.objects.create(batch=made, user=User.objects.get(username="root"), note="shop", verdict=1, before=2, expected=2,
    begun_at=timezone.now())
Batch.objects.filter(pk=made.pk).update(revision=2)
"""
FAILED_EFFECT = """
names = {"identifier": "crm", "kind": "transfer_http", "on_failure": "hold"}
plan = admin_cases.plan(admin_cases.CONSENT, {**admin_cases.CONSENT, **names, "phase": "enrich"})
Batch.objects.filter(pk=made.pk).update(status="accepted", confirmed=2, attention="effect_failed", plan=plan, enrichments=1,
    attention_data={"identifier": "crm", "rows": 3, "text": "crm.example.com answered 401."}, decided_at=timezone.now())
Decision.objects.filter(pk__lte=made.first_decision + 1, pk__gte=made.first_decision).update(answer=Answer.CONFIRMED)
EffectRun.objects.create(batch=made, step=1, phase="enrich", total=3, **names)
"""
BROKEN_OFF = """
Batch.objects.filter(pk=made.pk).update(attention="no_proven_end", file_complete=False)
"""
NOT_TOLD = """
names = {"identifier": "crm", "kind": "transfer_http", "on_failure": "hold"}
plan = admin_cases.plan(admin_cases.CONSENT, {**admin_cases.CONSENT, **names, "phase": "transfer"})
Batch.objects.filter(pk=made.pk).update(status="finished", confirmed=2, undecided=0, outcome="released", plan=plan,
    finish_sent_at=timezone.now(), ended_at=timezone.now())
EffectRun.objects.create(batch=made, step=1, phase="transfer", total=3, error="crm.example.com answered 401.", **names)
"""


@dataclass(frozen=True)
class Case:
    """One verb: its name, the batch, the note, the button, what the page says then, and what its history tells."""

    verb: str
    more: str
    note: str
    button: str
    done: str
    history: str


CASES = [
    Case("accept", "", "", "Send to 3", "Accepted. The rejections are sent first", "Accepted"),
    Case("refuse", "", "wrong", "Reject 5", "Rejected. Every contact is now rejected", "Rejected whole"),
    Case("contact", "", "VIP", "Put back", "A-0 is changed.", "1 contact put back"),
    Case("hold", "", "shop", "Put on hold", "On hold. The gateway decides nothing", "Put on hold"),
    Case("lift-hold", ON_HOLD, "", "Lift the hold", "The hold is lifted.", "Hold lifted"),
    Case("cancel-change", CHANGING, "", "Stop the change", "The change is stopped.", "Change stopped"),
    Case("run-again", "", "", "Run again", "The checks run again.", "Checks started again"),
    Case("allow-host", HOST_WAITS, "", "Allow and check again", "The host is allowed.", "Checks started again"),
    Case(
        *("use-file", OTHER_FILE, "", "Use this file: check 5"),
        *("The file is used. The checks run with it", "Another contact file put in place, with 5 contacts"),
    ),
    Case("retry", UNCONFIRMED, "", "Try again", "It is being tried again.", "Tried again"),
    Case(
        "take-on",
        UNCONFIRMED,
        "known",
        "Take on 1",
        "Taken on. Your name and note stay",
        "1 unconfirmed rejection taken on",
    ),
    Case("undo", UNCONFIRMED, "", "Stop", "Stopped. The batch waits for review again.", "Release stopped"),
    Case("give-up", "", "wrong", "Give up", "Given up. Nothing more is sent", "Given up"),
    Case(
        "go-without",
        FAILED_EFFECT,
        "known",
        "Go on without",
        "The release goes on. Your name and note",
        "Goes on without the failed action",
    ),
    Case(
        "whole-file",
        BROKEN_OFF,
        "counted",
        "It is the whole file",
        "Stated. The batch waits for its acceptance.",
        "contacts stated to be the whole file",
    ),
    Case("send-again", NOT_TOLD, "", "Send again", "It is being sent again.", "Outcome sent again"),
]
# Each form alone is tested without a browser; here, one without a note and one that needs it.
PLAIN = [case for case in CASES if case.verb in {"accept", "refuse"}]


@pytest.fixture(scope="module")
def running(gateway: tuple[Deployment, Simulator]) -> Deployment:
    return gateway[0]


@pytest.fixture(scope="module")
def paths(running: Deployment) -> Mapping[str, str]:
    """A batch for each test, made at once."""
    plain = {f"Plain {case.verb}": case.more for case in PLAIN}
    return all_waiting(running, plain | {f"Dialog {case.verb}": case.more for case in CASES})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.verb)
def test_a_verb_is_carried_out_in_its_dialog(visit: Callable[..., Visit], paths: Mapping[str, str], case: Case) -> None:
    path = paths[f"Dialog {case.verb}"]
    window = visit()
    window.log_in(path=path)
    found = opened(window, case.verb)
    if case.note:
        found.get_by_role("textbox").fill(case.note)
    window.confirm(case.button)
    expect(window.page.get_by_text(case.done)).to_be_visible()
    assert window.page.url.split("#")[0] == window.base + path
    expect(window.page.locator("#history")).to_contain_text(case.history)


@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.verb)
def test_a_verb_is_carried_out_without_scripts(
    visit: Callable[..., Visit], paths: Mapping[str, str], case: Case
) -> None:
    path = paths[f"Plain {case.verb}"]
    window = visit(java_script_enabled=False)
    window.log_in(path=path)
    page = window.page
    link(page, case.verb).click()
    if case.note:
        page.fill("textarea[name=note]", case.note)
    page.get_by_role("button", name=case.button, exact=True).click()
    expect(page.get_by_text(case.done)).to_be_visible()
    expect(window.page.locator("#history")).to_contain_text(case.history)


def test_keys_open_nothing_for_a_person_who_may_only_look(visit: Callable[..., Visit], running: Deployment) -> None:
    (held,) = all_waiting(running, {"Held for a viewer": ""}).values()
    window = visit()
    window.log_in(person(running, "Viewer"), held)
    expect(window.page.locator("a[data-dialog]")).to_have_count(0)
    for key in ("a", "r"):
        window.page.keyboard.press(key)
    expect(window.page.get_by_role("dialog")).to_have_count(0)
