"""A database that another version made is told from one that only lacks migrations."""

import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from gateway.management.commands.migrate import REFUSED
from gateway.ops import schema
from tests.databases import copy_file
from tests.gateway.test_starting import start
from tests.servers import free_port

LATER = "sendouts.9999_later"


def record(name: str) -> None:
    MigrationRecorder(connection).record_applied(*name.split("."))


def forget(name: str) -> None:
    """Take the records of a migration and of those after it away, and leave the tables."""
    label, first = name.split(".")
    MigrationRecorder.Migration.objects.filter(app=label, name__gte=first).delete()


@pytest.fixture
def unknown() -> Iterator[None]:
    """Nothing is known about the database yet."""
    schema._current.clear()
    yield
    schema._current.set()


@pytest.mark.django_db
def test_a_migrated_database_is_current_and_one_that_lacks_the_last_migration_is_not(unknown: None) -> None:
    assert schema.refusal() == "" and not schema.find().pending
    last = max(name for label, name in schema._files() if label == "actions")
    forget(f"actions.{last}")
    assert schema.find().pending == {("actions", last)} and not schema.is_current()
    record(f"actions.{last}")
    assert schema.is_current() and schema.sentence() == ""


@pytest.mark.django_db
def test_who_waits_for_migrations_looks_whether_to_tell_somebody(unknown: None) -> None:
    last = max(name for label, name in schema._files() if label == "actions")
    forget(f"actions.{last}")
    stop, pending = Mock(spec=threading.Event, is_set=Mock(side_effect=[False, True])), Mock()
    with patch.object(connection, "close"):
        assert not schema.wait(stop, pending)
    pending.assert_called_once()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda: record("sendouts.0004_alarms"), "it has sendouts.0004_alarms, which"),
        (lambda: [forget(each) for each in ("actions.0009", "sendouts.0001")], "there is a table sendouts_"),
        (lambda: forget("actions.0001"), "in another order"),
        (lambda: run("ALTER TABLE sendouts_webhook RENAME detail TO words"), "sendouts_webhook has no column detail"),
        (lambda: run("ALTER TABLE sendouts_pulse RENAME TO of_before"), "there is no table sendouts_pulse"),
    ],
)
def test_a_database_that_older_migrations_made_is_refused_and_nothing_is_changed(change: Any, words: str) -> None:
    change()
    why = schema.refusal()
    assert words in why and "made anew" in why and "empty database" in why and why.endswith("Nothing was changed.")


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db
def test_a_database_of_a_later_version_is_refused_unless_a_person_says_that_it_may_stay(
    client: Client, settings: Any, unknown: None
) -> None:
    record(LATER)
    assert f"it has {LATER}" in schema.refusal() and "Going back" in schema.refusal()
    answer = client.get("/health/ready")
    assert answer.status_code == 503 and LATER in answer.json()["migrations"]
    answer = client.get("/admin/login/", headers={"accept-language": "en"})
    assert answer.status_code == 503 and "another version" in answer.content.decode()
    settings.LATER_MIGRATIONS = {LATER}
    assert schema.refusal() == "" and schema.is_current()
    assert client.get("/admin/login/").status_code == 200


@pytest.mark.parametrize("command", ["run", "migrate"])
def test_the_start_ends_with_one_sentence(tmp_path: Path, command: str) -> None:
    copy_file(tmp_path / "gateway.sqlite3")
    with closing(sqlite3.connect(tmp_path / "gateway.sqlite3")) as database:
        database.execute("ALTER TABLE sendouts_webhook RENAME COLUMN detail TO words")
    said: subprocess.CompletedProcess[str] = start(
        tmp_path, "manage.py", command, WEBHOOK_BASIC_AUTH="hook:x", PORT=str(free_port())
    )
    assert said.returncode == REFUSED and "Traceback" not in said.stderr
    [line] = [line for line in said.stderr.splitlines() if line.startswith("CommandError")]
    assert "sendouts_webhook has no column detail" in line
