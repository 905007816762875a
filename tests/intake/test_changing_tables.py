"""Hooks that arrive while the table of hooks belongs to another version: kept in the journal, and loaded later."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from sendouts.intake.journal import Journal, depth
from sendouts.intake.store import Store
from sendouts.models import Webhook
from tests.intake.test_door_without_database import ids, stored, wait_until
from tests.serving import Serve, post

# SQLite adds no required column without a default; a trigger refuses rows with the same error.
NEWER = {
    "postgresql": (
        "ALTER TABLE sendouts_webhook ADD COLUMN of_later text NOT NULL",
        "ALTER TABLE sendouts_webhook DROP COLUMN of_later",
    ),
    "sqlite": (
        "CREATE TRIGGER of_later BEFORE INSERT ON sendouts_webhook BEGIN SELECT RAISE(ABORT, 'NOT NULL'); END",
        "DROP TRIGGER of_later",
    ),
}
OLDER = (
    "ALTER TABLE sendouts_webhook RENAME COLUMN detail TO of_before",
    "ALTER TABLE sendouts_webhook RENAME COLUMN of_before TO detail",
)


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture(params=["newer", "older"])
def mend(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[list[str]]:
    """Change the table; yields the statement that changes it back, to be taken and run."""
    change, back = NEWER[connection.vendor] if request.param == "newer" else OLDER
    run(change)
    left = [back]
    yield left
    for statement in left:
        run(statement)


def test_hooks_are_acknowledged_beside_tables_of_another_version_and_loaded_when_these_are_right(
    mend: list[str], serve: Serve, tmp_path: Path
) -> None:
    store = Store(journal=Journal(tmp_path))
    url = serve(store=store)
    answers = [post(url) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {202}
    wait_until(lambda: not store.database_answers, "a look tries to load them")
    assert depth(tmp_path).hooks == 5 and depth(tmp_path).damaged == 0
    run(mend.pop())
    wait_until(lambda: depth(tmp_path).hooks == 0, "loaded by itself")
    assert stored() == ids(answers) and Webhook.objects.count() == 5
    assert depth(tmp_path).damaged == 0
