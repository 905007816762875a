"""A backup from the middle of a delivery is restored: no call is made twice without a person's word."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone

from sendouts.models import Batch
from sendouts.verbs import Reject, TryAgain
from sendouts.verbs.base import Act, Verb
from simulator.client import Report, Simulator
from tests.acceptance.deployment import Deployment, deployment, wait_until
from tests.databases import create_database

# The clock of the held batch acts within the test.
CONFIG = """
projects:
  - name: Newsletter
    actions: &checks
      - {identifier: consent-check, kind: field_rule,
         config: {field: properties.consent, reject_if: {equals: false}, if_missing: hold, reason: "No consent"}}
  - {name: Held, review: always, at_deadline: accept, answer_within: 100s, actions: *checks}
"""
STATUS = """
SELECT b.status FROM sendouts_batch b JOIN actions_sendout s ON s.id = b.sendout_id WHERE s.name = '{}' ORDER BY b.id
"""


@pytest.fixture
def gate(mode: str, tmp_path: Path) -> Iterator[tuple[Deployment, Simulator]]:
    with deployment(tmp_path, mode, config=CONFIG, CHUNK_ROWS="50", CLAIM_SECONDS="3") as found:
        yield found


def create_boss() -> None:
    User.objects.create_superuser("boss")


def reject(name: str) -> None:
    _decide(Reject(), name)


def go_on(name: str) -> None:
    _decide(TryAgain(), name)


def _decide(verb: Verb[Batch], name: str) -> None:
    batch = Batch.objects.get(sendout__name=name)
    boss = User.objects.get(username="boss")
    verb.run(batch.pk, Act(boss, batch.revision, "Known", timezone.now()))


def copy(gateway: Deployment) -> str:
    """Copy the database as a backup does, and return the URL of the copy; nothing runs on it meanwhile."""
    url = gateway.environment["DATABASE_URL"]
    if url.startswith("postgres"):
        return create_database(os.environ["DATABASE_URL"], urlsplit(url).path[1:])
    path = url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as source, sqlite3.connect(f"{path}.backup") as target:
        source.backup(target)
    return f"{url}.backup"


def calls(platform: Simulator, *sent: Report) -> list[dict[str, int]]:
    found = [platform.sendout(each["id"])["calls"] for each in sent]
    return [{name: each.get(name, 0) for name in ("download", "reject", "finish")} for each in found]


def test_what_the_backup_held_open_is_called_again_only_by_a_person(gate: tuple[Deployment, Simulator]) -> None:
    gateway, platform = gate
    gateway.inside(create_boss)
    spec = {"journey": "W", "actions": ["consent-check"]}
    held = platform.create("batch", project="Held", sendout="Held", contacts=200, **spec)
    wait_until(lambda: gateway.rows(STATUS.format("Held")) == [("in_review",)], 60, "it is held", gateway.tail)
    platform.faults(latency=0.1, repeat_status=410)
    sent = platform.create("batch", project="Newsletter", sendout="Sent", contacts=4_000, **spec)
    wait_until(lambda: calls(platform, sent)[0]["reject"] > 50, 60, "rejections leave", gateway.tail)
    gateway.kill()
    backup = copy(gateway)
    # The gateway goes on, and a person rejects what is held; then its database is lost.
    for each in (held, sent):
        platform.excuse(each["id"])
    platform.faults(repeat_status=410)
    gateway.start()
    gateway.inside(reject, "Held")
    for each in (held, sent):
        platform.wait_finished(each["id"], within=90)
    gateway.stop()
    before = calls(platform, held, sent)
    assert [each["finish"] for each in before] == [1, 1]
    gateway.environment["DATABASE_URL"] = backup
    gateway.inside(call_command, "after_restore", "--force")
    gateway.start()
    # It works: later hooks are answered, and the deadline of what it holds passes.
    single = platform.create("single", project="Newsletter", sendout="Later", **spec)
    platform.wait_finished(single["id"], within=60)
    wait_until(lambda: gateway.rows(STATUS.format("Held")) == [("expired",)], 120, "the deadline passes", gateway.tail)
    assert gateway.rows(STATUS.format("Sent")) == [("accepted",)]
    assert calls(platform, held, sent) == before
    gateway.inside(go_on, "Sent")
    wait_until(
        lambda: calls(platform, sent)[0]["reject"] > before[1]["reject"], 60, "they are sent again", gateway.tail
    )
