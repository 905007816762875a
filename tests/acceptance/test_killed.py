"""Real processes, a real database and broker, hooks over real HTTP; and kill -9 at every stage loses nobody."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from actions.models import CodePool, PromoCode, SuppressionList
from actions.suppression import receive
from sendouts.intake.hook import Received
from sendouts.intake.journal import JournalFile, depth
from simulator.client import Report, Simulator
from tests.acceptance.deployment import Deployment, deployment, wait_until

ENVIRONMENT = {
    "CHUNK_ROWS": "50",
    "SYMPLIFY_CONCURRENCY": "8",
    "CLAIM_SECONDS": "3",
    "CREDENTIAL_SYMPLIFY": "header:X-Carma-Authentication-Token:token",
}
LINES, CODES = 60_000, 700
EFFECTS = """
projects:
  - name: Effects
    actions:
      - {{identifier: consent-check, kind: field_rule,
         config: {{field: properties.consent, reject_if: {{equals: false}}, if_missing: hold, reason: "No consent"}}}}
      - {{identifier: code, kind: promo_code, config: {{pool: summer}}}}
      - identifier: write
        kind: contact_update
        config: {{url: "{url}/rest", customer_id: "7", list_id: "3", credential: symplify,
                 properties: {{code: "{{code}}"}}, parallel: 4}}
      - {{identifier: tell, kind: transfer_http, config: {{url: "{receiver}", page_size: 20, whom: all}}}}
"""
CHUNKS = """
SELECT count(*) FROM sendouts_chunk c JOIN sendouts_batch b ON b.id = c.batch_id
JOIN actions_sendout s ON s.id = b.sendout_id WHERE s.name = 'Screened'
"""
RESTARTS = """
SELECT b.restarts, b.total FROM sendouts_batch b JOIN actions_sendout s ON s.id = b.sendout_id WHERE s.name = 'Screened'
"""
UPLOAD = "SELECT status, added, unreadable FROM actions_suppressionupload"
LIST = "SELECT l.entries, (SELECT count(*) FROM actions_suppressionentry) FROM actions_suppressionlist l"
TOGETHER = f"SELECT u.status, u.added, seen.* FROM actions_suppressionupload u, ({LIST}) AS seen"


@pytest.fixture(scope="module")
def gate(mode: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployment, Simulator]]:
    with deployment(tmp_path_factory.mktemp(mode), mode, **ENVIRONMENT) as found:
        yield found


@pytest.fixture
def send(gate: tuple[Deployment, Simulator]) -> Callable[..., Report]:
    """Have the platform send something; it answers rightly and at once, unless the test says otherwise."""
    gate[1].faults()
    spec = {"project": "Newsletter", "journey": "Welcome", "actions": ["consent-check"]}
    return lambda kind, **more: gate[1].create(kind, **(spec | more))


def kill(gate: tuple[Deployment, Simulator], mode: str, sent: Report) -> None:
    """Kill whoever works, with -9, and start again what does not restart by itself."""
    gateway, platform = gate
    assert gateway.kill("" if mode == "embedded" else "celery") > 0
    platform.excuse(sent["id"])
    if mode == "embedded":
        gateway.start()


def test_batches_and_singles_go_through_the_gate(
    gate: tuple[Deployment, Simulator], send: Callable[..., Report]
) -> None:
    gateway, platform = gate
    batch = send("batch", sendout="Batch", contacts=5_000)
    singles = send("single", sendout="Singles", hooks=100, per_second=50)
    assert batch["hooks"][0]["status"] == 202
    seen = platform.wait_finished(batch["id"], within=60)
    assert (seen["accepted"], seen["rejected"], seen["violations"]) == (4_500, 500, [])
    # On a busy machine an acknowledgement may come too late for the platform; the hook is in all the same.
    seen = platform.wait_for(singles["id"], lambda now: now["finished"] >= singles["acknowledged"] > 0, within=60)
    assert (seen["accepted"] + seen["rejected"], seen["violations"]) == (seen["finished"], [])
    assert seen["accepted"] > 5 * seen["rejected"] > 0
    # The platform knows before the answer is stored.
    stored = "SELECT count(*) FROM sendouts_batch WHERE status <> 'finished'"
    wait_until(lambda: gateway.rows(stored) == [(0,)], 20, "every answer is stored", gateway.tail)


def test_a_worker_killed_while_it_screens_goes_on_where_it_was(
    gate: tuple[Deployment, Simulator], send: Callable[..., Report], mode: str
) -> None:
    gateway, platform = gate
    sent = send("batch", sendout="Screened", contacts=30_000)
    wait_until(lambda: gateway.rows(CHUNKS)[0][0] > 20, 30, "chunks are stored", gateway.tail)
    gateway.kill("" if mode == "embedded" else "celery")
    assert gateway.rows(CHUNKS)[0][0] < 600, "killed in the middle"
    platform.excuse(sent["id"])
    if mode == "embedded":
        gateway.start()
    seen = platform.wait_finished(sent["id"], within=90)
    assert (seen["accepted"], seen["rejected"], seen["violations"]) == (27_000, 3_000, [])
    assert gateway.rows(RESTARTS) == [(0, 30_000)]


def test_a_worker_killed_in_the_middle_of_a_batch_loses_nobody(
    gate: tuple[Deployment, Simulator], send: Callable[..., Report], mode: str
) -> None:
    gateway, platform = gate
    platform.faults(latency=0.05, repeat_status=410)
    sent = send("batch", sendout="Delivered", contacts=4_000)
    wait_until(lambda: platform.sendout(sent["id"])["calls"]["reject"] > 50, 30, "rejections leave", gateway.tail)
    kill(gate, mode, sent)
    seen = platform.wait_finished(sent["id"], within=90)
    assert (seen["accepted"], seen["rejected"]) == (3_600, 400)
    assert (seen["violations"], seen["released_due"], seen["wrongly_rejected"]) == ([], 0, 0)
    assert seen["calls"]["finish"] == 1


def test_killed_at_once_after_the_acknowledgement_no_hook_is_lost(
    gate: tuple[Deployment, Simulator], send: Callable[..., Report], mode: str
) -> None:
    gateway, platform = gate
    sent = send("single", sendout="At once", hooks=60)
    gateway.kill()
    platform.excuse(sent["id"])
    gateway.stop()
    journals = gateway.folder / "journal"
    if mode == "embedded":
        leave_hooks(journals)
    gateway.start()
    # On a busy machine a hook may be stored though its acknowledgement came too late for the platform.
    seen = platform.wait_for(sent["id"], lambda now: now["finished"] >= sent["acknowledged"] > 0, within=60)
    assert (seen["accepted"] + seen["rejected"], seen["violations"]) == (seen["finished"], [])
    if mode == "embedded":
        wait_until(lambda: depth(journals).hooks == 0, 30, "adopted and loaded", gateway.tail)
        planned = "SELECT count(*) FROM sendouts_webhook WHERE outcome = 'other'"
        wait_until(lambda: gateway.rows(planned) == [(7,)], 30, "planned", gateway.tail)


def leave_hooks(journals: Path) -> None:
    """Leave seven hooks in a journal, as a door does that died."""
    file = JournalFile.create(journals)
    file.append([Received(b'{"event": "Sendout summary"}', "application/json", datetime.now(UTC)) for _ in range(7)])
    file.close()


def test_a_suppression_file_is_read_to_its_end_and_each_line_counts_once(gate: tuple[Deployment, Simulator]) -> None:
    gateway, _ = gate
    gateway.inside(upload)
    wait_until(lambda: gateway.rows(UPLOAD)[0][1], 60, "the first lines", gateway.tail)
    gateway.kill()
    # In one look: what a killed process had sent to PostgreSQL may be committed a moment later.
    ((status, added, entries, rows),) = gateway.rows(TOGETHER)
    assert status == "received" and 0 < added == entries == rows < LINES
    gateway.start()
    wait_until(lambda: gateway.rows(UPLOAD)[0][0] == "done", 120, "the end of the file", gateway.tail)
    assert gateway.rows(UPLOAD) == [("done", LINES, 0)]
    assert gateway.rows(LIST) == [(LINES, LINES)]
    assert gateway.rows("SELECT count(*) FROM actions_suppressionpiece") == [(0,)]


def upload() -> None:
    """Send a file for a suppression list. Runs beside the gateway."""
    content = b"".join(b"A-%07d\n" % number for number in range(LINES))
    wanted = SuppressionList.objects.create(name="Opposition")
    somebody = User.objects.create_user("somebody").pk
    begun = receive.begin(wanted, by=somebody, file_name="list.csv", size=len(content))
    pieces = range(0, len(content), receive.PIECE_BYTES)
    receive.take(begun, (content[start : start + receive.PIECE_BYTES] for start in pieces))


def test_everybody_has_one_code_before_the_release_though_workers_die(
    gate: tuple[Deployment, Simulator], send: Callable[..., Report], mode: str
) -> None:
    gateway, platform = gate
    gateway.inside(create_codes)
    receiver = platform.receiver("crm", faults=[{"kind": "slow", "seconds": 0.2}])
    gateway.apply(EFFECTS.format(url=platform.url, receiver=receiver))
    platform.faults([{"kind": "slow", "on": "contact", "seconds": 0.02}])
    actions = ["consent-check", "code", "write", "tell"]
    sent = send("batch", project="Effects", sendout="S", actions=actions, contacts=600, timeout=600)

    def wait_for_rows(query: str, expected: list[Any], what: str) -> None:
        wait_until(lambda: gateway.rows(query) == expected, 60, what, gateway.tail)

    wait_until(lambda: platform.rest()["count"] > 50, 30, "contacts are written", gateway.tail)
    assert platform.sendout(sent["id"])["calls"]["finish"] == 0
    kill(gate, mode, sent)
    seen = platform.wait_finished(sent["id"], within=60)
    assert (seen["accepted"], seen["rejected"], seen["violations"]) == (540, 60, [])
    written = {key: properties["code"] for key, properties in platform.rest()["contacts"].items()}
    assert len(written) == len(set(written.values())) == 540, "each contact that got the message has its own code"
    wait_until(lambda: len(platform.received("crm")["kept"]) > 2, 30, "others are told", gateway.tail)
    kill(gate, mode, sent)
    wait_for_rows("SELECT count(*) FROM sendouts_effectrun WHERE ended_at IS NULL", [(0,)], "everybody is told")
    received = platform.received("crm")
    told = [entry for kept in received["kept"] for entry in json.loads(kept["body"])["contacts"]]
    assert len({entry["contact_id"] for entry in told}) == 600 and received["violations"] == []
    free = "SELECT count(*) FROM actions_promocode WHERE reserved_for IS NULL"
    wait_for_rows(free, [(CODES - 540,)], "unused codes are given back")
    used = gateway.rows("SELECT count(*), count(DISTINCT holder) FROM actions_promocode WHERE used_at IS NOT NULL")
    assert used == [(540, 540)]
    assert gateway.rows("SELECT count(*) FROM sendouts_pendingeffect") == [(0,)]


def create_codes() -> None:
    """Create a pool of codes. Runs beside the gateway."""
    pool = CodePool.objects.create(name="summer")
    PromoCode.objects.bulk_create(PromoCode(pool=pool, text=f"S-{number}") for number in range(CODES))
