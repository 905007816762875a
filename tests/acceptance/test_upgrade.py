"""The door takes hooks while the tables are those of another version, and everything else waits for the migrations."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from gateway.management.commands.migrate import REFUSED
from tests.acceptance.deployment import ROOT, Deployment, _own_broker, wait_until
from tests.databases import create_database
from tests.servers import TEST_AUTH

PLANNED = "SELECT count(*) FROM sendouts_webhook WHERE outcome = 'planned'"


def servers(mode: str, folder: Path, template: str = "") -> dict[str, str]:
    """A database and a broker of their own. template: of PostgreSQL; `template1` is empty."""
    if mode == "processes":
        return {
            "DATABASE_URL": create_database(os.environ["DATABASE_URL"], template),
            "CELERY_BROKER_URL": _own_broker(),
        }
    return {"DATABASE_URL": f"sqlite:///{folder}/gateway.sqlite3", "CELERY_BROKER_URL": ""}


@pytest.fixture
def gateway(mode: str, tmp_path: Path) -> Iterator[Deployment]:
    """A gateway on an empty database, with a migration that fails until there is a file `mended`."""
    made = Deployment(
        tmp_path, {**servers(mode, tmp_path, "template1"), "DJANGO_SETTINGS_MODULE": "tests.upgrading.settings"}
    )
    made.start()
    try:
        yield made
    finally:
        made.stop()


def hook(gateway: Deployment, number: int) -> int:
    uri = f"https://symplify.example.com/{number}"
    item = {"contactId": str(number), "contactProperties": {}, "cancelUri": f"{uri}/cancel"}
    body = {"finishUri": f"{uri}/finish", "projectName": "P", "actions": [], "items": [item]}
    user, password = TEST_AUTH.split(":")
    return requests.post(gateway.hook_url, json=body, auth=(user, password), timeout=10).status_code


def ready(gateway: Deployment) -> dict[str, Any]:
    answer = requests.get(f"{gateway.url}/health/ready", timeout=10)
    return {"status": answer.status_code, **answer.json()}


def test_hooks_are_taken_while_a_migration_fails_and_planned_once_after_it(gateway: Deployment) -> None:
    codes = Counter(hook(gateway, number) for number in range(20))
    wait_until(lambda: "migration_failed" in gateway.log.read_text(), 120, "the log says so", gateway.tail)
    codes.update(hook(gateway, number) for number in range(20, 40))
    assert codes == {202: 40}, gateway.tail()
    said = ready(gateway)
    assert said["status"] == 503 and said["migrations"].startswith("These migrations are not applied"), said
    page = requests.get(f"{gateway.url}/admin/", headers={"Accept-Language": "en"}, timeout=10)
    assert page.status_code == 503 and "being brought to another version" in page.text
    data = Path(gateway.environment["DATA_DIR"])
    (data / "mended").touch()
    number = 40

    def migrated() -> bool:
        nonlocal number
        codes.update([hook(gateway, number)])
        number += 1
        return bool(ready(gateway)["migrations"] == "ok")

    wait_until(migrated, 180, "the migrations are applied", gateway.tail)
    wait_until(lambda: gateway.rows(PLANNED) == [(number,)], 120, "all are planned", gateway.tail)
    assert codes == {202: number}
    assert gateway.rows("SELECT count(*), count(DISTINCT batch_id) FROM sendouts_webhook") == [(number, number)]
    assert gateway.rows("SELECT count(*) FROM sendouts_batch") == [(number,)]
    assert not list((data / "journal").glob("*.damaged"))


def test_several_processes_end_with_one_sentence_on_a_database_of_another_version(tmp_path: Path) -> None:
    gateway = Deployment(tmp_path, servers("processes", tmp_path))
    with psycopg.connect(gateway.environment["DATABASE_URL"]) as database:
        database.execute("ALTER TABLE sendouts_webhook RENAME detail TO words")
    try:
        said = subprocess.run(
            [sys.executable, "manage.py", "run"],
            cwd=ROOT,
            env=gateway.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        gateway.stop()
    assert said.returncode == REFUSED and "Traceback" not in said.stderr, said.stderr
    assert "sendouts_webhook has no column detail" in said.stderr


def test_a_new_version_with_a_migration_replaces_the_doors_first_and_ends_the_workers(tmp_path: Path) -> None:
    gateway = Deployment(
        tmp_path, {**servers("processes", tmp_path), "DJANGO_SETTINGS_MODULE": "tests.upgrading.settings"}
    )
    data = Path(gateway.environment["DATA_DIR"])
    for name in ("earlier", "migrated"):
        (data / name).touch()
    gateway.start()
    try:
        codes = Counter([hook(gateway, 0)])
        wait_until(lambda: gateway.rows(PLANNED) == [(1,)], 60, "it works", gateway.tail)
        assert gateway.process is not None
        (data / "broken").touch()
        gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "replacement_refused" in gateway.tail(), 60, "it is refused, and all go on", gateway.tail)
        (data / "broken").unlink()
        (data / "earlier").unlink()
        gateway.process.send_signal(signal.SIGHUP)
        number = 1

        def sent(word: str) -> bool:
            nonlocal number
            codes.update([hook(gateway, number)])
            number += 1
            return word in gateway.log.read_text()

        wait_until(lambda: sent("migration_failed"), 180, "the migration fails", gateway.tail)
        planned = gateway.rows(PLANNED)
        codes.update(hook(gateway, number + more) for more in range(20))
        number += 20
        # The doors of the last version know nothing of it, until the new ones have taken over.
        wait_until(lambda: "upgrading.0001_broken" in ready(gateway)["migrations"], 60, "it is told", gateway.tail)
        assert gateway.rows(PLANNED) == planned, "no worker runs beside the migration"
        (data / "mended").touch()
        wait_until(lambda: gateway.rows(PLANNED) == [(number,)], 120, "all are planned", gateway.tail)
        assert codes == {202: number} and ready(gateway)["migrations"] == "ok"
    finally:
        gateway.stop()
