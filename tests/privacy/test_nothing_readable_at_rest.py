"""Neither the database nor the journal holds a URI of the platform, or a raw hook, that can be read.

A kept contact file cannot be read at all without the database.
"""

import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db import OperationalError, connection

from sendouts.intake import store
from sendouts.intake.hook import Received
from sendouts.intake.journal import Journal
from sendouts.intake.store import Store
from sendouts.models import Batch, Decision, Webhook
from sendouts.verbs import Accept
from tests.gate import Gate, body_of, carry_out, reviewer
from tests.serving import Serve, post

# The files of SQLite are read as they are: what a test wrote must be committed.
pytestmark = pytest.mark.django_db(transaction=True)
PRIVATE = b'{"finishUri": "https://symplify.example.com/f/T0P", "projectName": "P", "actions": [], "items": [%s]}' % (
    b'{"contactId": "A-999777", "rejectUri": "https://symplify.example.com/r/S3C", "email": "who@example.com"}'
)
WORDS = {b"/f/T0P", b"/r/S3C", b"A-999777", b"who@example.com"}
KEYS = pytest.mark.parametrize("sealed", [True, False], ids=["with_keys", "without"])


@pytest.fixture(autouse=True)
def _keys(request: pytest.FixtureRequest, settings: Any) -> None:
    if "sealed" in request.fixturenames and not request.getfixturevalue("sealed"):
        settings.ENCRYPTION_KEYS = ()


def database() -> bytes:
    """Every byte of the file, or of every cell of every table."""
    if connection.vendor == "sqlite":
        file = Path(connection.settings_dict["NAME"])
        return b"".join(part.read_bytes() for part in file.parent.glob(f"{file.name}*") if part.is_file())
    found = bytearray()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            with cursor.copy(f'COPY "{table}" TO STDOUT (FORMAT BINARY)') as rows:
                for data in rows:
                    found += data
    return bytes(found)


def addresses(gate: Gate) -> Iterator[bytes]:
    """The part of each URI that nobody could guess: of the hooks that the platform fired, and of their contact files."""
    for body in gate.mailbox:
        text = body.decode()
        for uri in re.findall(r"https?://[^\"\s]+/([^\"\s/]{8,})\"", text):
            yield uri.encode()
        if download := json.loads(text).get("itemDownloadUri"):
            for contact in requests.get(download, timeout=10).json():
                yield contact["cancelUri"].rpartition("/")[2].encode()


@KEYS
def test_a_whole_run_leaves_no_uri_and_no_part_of_a_hook_that_can_be_read(
    gate: Gate, settings: Any, tmp_path: Path, sealed: bool
) -> None:
    settings.SPOOL_DIR = tmp_path
    gate.project(review="always")
    spec = {"project": "Newsletter", "actions": ["consent-check"], "no_consent": 0.3}
    gate.platform.create("batch", contacts=50, **spec)
    gate.platform.create("single", hooks=8, item_fields=True, **spec)
    secrets = set(addresses(gate))
    assert len(secrets) > 60
    # Fields of items are in the hook alone, since the project keeps none.
    secrets |= {b"c%06d@example.com" % number for number in range(1, 9)}
    gate.take_in()
    gate.store(b'{"event": "Sendout summary", "link": "https://symplify.example.com/T0PSECRET"}')
    secrets.add(b"T0PSECRET")
    stages = [database()]
    gate.work()
    stages.append(database())
    (kept,) = (path.read_bytes() for path in tmp_path.iterdir())
    assert len(kept) > 5_000 and not any(secret in kept for secret in secrets | {b"contactId", b"A-0"})
    person = reviewer()
    for batch in Batch.objects.filter(status="in_review"):
        carry_out(Accept(), batch, person)
    gate.work()
    stages.append(database())
    assert set(Batch.objects.values_list("status", flat=True)) == {"finished"}
    assert Decision.objects.filter(answer=1).count() > 10
    readable = {secret for secret in secrets for stage in stages if secret in stage}
    if sealed:
        assert readable == set()
    else:
        # A page of SQLite may end in the middle of one. This is what the other case would look like.
        assert len(readable) > 0.8 * len(secrets)


@KEYS
def test_neither_the_journal_nor_the_row_of_a_hook_can_be_read(serve: Serve, tmp_path: Path, sealed: bool) -> None:
    away = threading.Event()
    away.set()

    def write(hooks: list[Received]) -> list[int]:
        if away.is_set():
            raise OperationalError("the server closed the connection")
        return store.store(hooks)

    url = serve(store=Store(write, journal=Journal(tmp_path)))
    assert post(url, PRIVATE).status_code == 202
    journal = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert {word for word in WORDS if word in journal} == (set() if sealed else WORDS)
    away.clear()
    until = time.monotonic() + 20
    while not Webhook.objects.exists():
        assert time.monotonic() < until, "loaded by itself"
        time.sleep(0.01)
    assert body_of(Webhook.objects.get()) == PRIVATE
    assert {word for word in WORDS if word in database()} == (set() if sealed else WORDS)
