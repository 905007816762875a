"""A contact that kills the process that judges it: real workers die, and everybody else goes on."""

import time
from contextlib import suppress
from pathlib import Path

from tests.acceptance.deployment import Deployment, deployment, wait_until

# A kind from another package, as an installer leaves it.
KIND = """
import os
import signal

from actions.contract import ACCEPT, Check


class Deadly(Check):
    name = "deadly"
    title = "Deadly"

    def check(self, page, context):
        if any(contact.id == "DEADLY" for contact in page):
            os.kill(os.getpid(), signal.SIGKILL)
        return [ACCEPT] * len(page)
"""
CONFIG = """
projects:
  - {name: Poisoned, answer_within: 30m, actions: [{identifier: deadly, kind: deadly, config: {}}]}
"""
NAMES = {"project": "Poisoned", "journey": "W", "actions": ["deadly"], "due": "none", "no_consent": 0}


def install(folder: Path) -> str:
    """Put the package into a folder; returns it for PYTHONPATH."""
    info = folder / "deadly-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: deadly\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[send_gate.kinds]\ndeadly = deadly:Deadly\n")
    (folder / "deadly.py").write_text(KIND)
    return str(folder)


def started_again_until(gateway: Deployment, condition: object, within: float) -> None:
    """Wait for a condition; whoever runs an embedded gateway starts it again when it dies."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        if gateway.process is not None and gateway.process.poll() is not None:
            # It may die while it starts: what kills it is the first that it finds.
            with suppress(AssertionError):
                gateway.start()
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.1)
    raise AssertionError(f"Not within {within:g} s\n{gateway.tail()}")


def test_a_contact_that_kills_workers_stops_its_own_batch_and_no_other(tmp_path: Path, mode: str) -> None:
    path = install(tmp_path / "package")
    with deployment(tmp_path / "gateway", mode, PYTHONPATH=path, SWEEP_SECONDS="0.3") as (gateway, platform):
        gateway.apply(CONFIG)
        singles = platform.create("single", hooks=40, sendout="Singles", **NAMES)
        file = platform.create("batch", contacts=2_000, sendout="File", **NAMES)
        deadly = platform.create("single", rows=[{"contactId": "DEADLY"}], contacts=1, sendout="Deadly", **NAMES)
        more = platform.create("single", hooks=40, sendout="More", wait=False, **NAMES)

        def attention() -> list[tuple[str, int]]:
            return gateway.rows(
                "SELECT attention, count(*) FROM sendouts_batch WHERE status <> 'finished' GROUP BY attention"
            )

        started_again_until(gateway, lambda: attention() == [("worker_died", 1)], 90)
        assert gateway.rows("SELECT count(*) FROM sendouts_webhook WHERE outcome = ''") == [(0,)]
        for sent in (singles, file, more):
            # Hooks that came while the process was dead were not taken, and the platform knows.
            seen = platform.wait_for(sent["id"], lambda now: now["finished"] >= now["acknowledged"] > 0, within=30)
            assert (seen["rejected"], seen["released_due"]) == (0, 0)
        assert platform.sendout(deadly["id"])["calls"]["finish"] == 0
        # It has stopped killing: what comes now goes through, and the process lives.
        after = platform.create("single", hooks=5, sendout="After", **NAMES)
        platform.wait_finished(after["id"], within=20)
        assert wait_until(lambda: attention() == [("worker_died", 1)], 5, "nothing else is stopped", gateway.tail)
