"""A file for a suppression list outlives kill -9 of every process: each line counts once."""

from pathlib import Path

import pytest

from tests.acceptance.deployment import deployment, wait_until

LINES = 300_000
SEND = f"""
from django.contrib.auth.models import User
from actions.models import SuppressionList
from actions.suppression import receive

content = b"".join(b"A-%07d\\n" % number for number in range({LINES}))
found = SuppressionList.objects.create(name="Opposition")
begun = receive.begin(found, by=User.objects.create_user("somebody").pk, file_name="list.csv", size=len(content))
size = receive.PIECE_BYTES
receive.take(begun, (content[start : start + size] for start in range(0, len(content), size)))
"""
UPLOAD = "SELECT status, added, unreadable FROM actions_suppressionupload"
LIST = "SELECT l.entries, (SELECT count(*) FROM actions_suppressionentry) FROM actions_suppressionlist l"
TOGETHER = f"SELECT u.status, u.added, seen.* FROM actions_suppressionupload u, ({LIST}) AS seen"
PIECES = "SELECT count(*) FROM actions_suppressionpiece"


@pytest.mark.acceptance
@pytest.mark.parametrize("mode", ["embedded", "processes"])
def test_a_file_is_read_to_its_end_after_everything_was_killed(tmp_path: Path, mode: str) -> None:
    with deployment(tmp_path, mode, CLAIM_SECONDS="2") as (gateway, _):
        gateway.manage("shell", "-v0", "-c", SEND)
        wait_until(lambda: gateway.rows(UPLOAD)[0][1], 60, "the first lines", gateway.tail)
        gateway.kill()
        # In one look: what a killed process had sent to PostgreSQL may be committed a moment later.
        ((status, added, entries, rows),) = gateway.rows(TOGETHER)
        assert status == "received" and 0 < added == entries == rows < LINES
        gateway.start()
        wait_until(lambda: gateway.rows(UPLOAD)[0][0] == "done", 120, "the end of the file", gateway.tail)
        assert gateway.rows(UPLOAD) == [("done", LINES, 0)]
        assert gateway.rows(LIST) == [(LINES, LINES)] and gateway.rows(PIECES) == [(0,)]
