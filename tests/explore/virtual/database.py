"""The database of a schedule: SQLite in memory, filled from a template, with points around each transaction.

All tasks share one connection. They switch only outside transactions, so transactions are serial, as SQLite's are.
"""

import sqlite3
from collections.abc import Callable
from typing import Any

from django.db import OperationalError, connection
from greenlet import getcurrent

from tests.databases import migrated_file
from tests.explore.virtual.clock import clock, sqlite_now
from tests.explore.virtual.scheduler import Killed, Scheduler, Task
from work.sqlite.base import DatabaseWrapper

_WRITES = ("INSERT", "UPDATE", "DELETE")


class Database:
    """What the schedule does to the database, and whom it tells of each commit."""

    def __init__(self) -> None:
        self.scheduler: Scheduler | None = None
        self.away_until = 0.0
        # How probable it is that a commit's answer is lost, done or not.
        self.loses_answers = 0.0
        self.on_commit: Callable[[Task | None], None] = lambda task: None
        self._template: sqlite3.Connection | None = None

    def begin(self, scheduler: Scheduler) -> None:
        """Start a schedule on a fresh copy of the template."""
        assert self._template is not None
        self.scheduler = scheduler
        self.away_until = self.loses_answers = 0.0
        self._template.backup(connection.connection)

    def end(self) -> None:
        self.scheduler = None

    def keep_template(self) -> None:
        """Keep what is in the database now as the beginning of every schedule."""
        self._template = sqlite3.connect(":memory:")
        connection.connection.backup(self._template)

    def fetch(self, sql: str, *values: Any) -> list[Any]:
        """Read rows past Django, without a point."""
        return sqlite3.Cursor(connection.connection).execute(sql, values).fetchall()

    # --- points

    def before(self, where: str) -> None:
        """Before a statement that stands alone, or before a transaction."""
        if self.scheduler is None:
            return
        self.scheduler.point(where)
        if isinstance(task := getcurrent(), Task):
            self._refuse_while_away()
            task.asked_at = clock.now

    def _refuse_while_away(self) -> None:
        if clock.now < self.away_until:
            assert self.scheduler is not None
            getcurrent().failed_by_database = True  # type: ignore[attr-defined]
            # As a connection that is refused: soon, but not at once.
            self.scheduler.sleep(0.05)
            raise OperationalError("the database is away")

    def committed(self, where: str) -> None:
        """After a commit: somebody looks at the rows, and the process may die with what it did not learn."""
        if self.scheduler is None:
            return
        task = getcurrent()
        self.on_commit(task if isinstance(task, Task) else None)

    def lose_answer(self) -> bool:
        task = getcurrent()
        if self.scheduler is None or not self.loses_answers or not isinstance(task, Task):
            return False
        task.failed_by_database |= (lost := self.scheduler.draw.random() < self.loses_answers)
        return lost


database = Database()


def install() -> None:
    """Wrap Django's connection, once."""
    start, commit, set_autocommit = (
        DatabaseWrapper._start_transaction_under_autocommit,
        DatabaseWrapper._commit,
        DatabaseWrapper.set_autocommit,
    )

    def begin(self: Any) -> None:
        database.before("begin")
        start(self)

    def commit_or_not(self: Any) -> None:
        if (lost := database.lose_answer()) and database.scheduler.draw.random() < 0.5:
            self._rollback()
            database.scheduler.trace("commit fails")
            raise OperationalError("the commit failed")
        commit(self)
        database.committed("commit")
        if lost:
            database.scheduler.trace("the answer to a commit is lost")
            raise OperationalError("the answer to the commit was lost")

    def set_autocommit_with_point(self: Any, autocommit: bool, **more: Any) -> None:
        set_autocommit(self, autocommit, **more)
        # Only now Django has forgotten the transaction, so that another task may begin one.
        if autocommit and database.scheduler is not None:
            database.scheduler.point("after a transaction")

    DatabaseWrapper._start_transaction_under_autocommit = begin
    DatabaseWrapper._commit = commit_or_not
    DatabaseWrapper.set_autocommit = set_autocommit_with_point
    connection.ensure_connection()
    sqlite3.connect(f"file:{migrated_file()}?mode=ro", uri=True).backup(connection.connection)
    connection.connection.create_function("virtual_now", 0, sqlite_now)
    connection.execute_wrappers.append(_around_statement)


def _around_statement(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    if database.scheduler is None or sql.startswith("BEGIN"):
        return execute(sql, params, many, context)
    if connection.in_atomic_block:
        task = getcurrent()
        if isinstance(task, Task) and not task.process.alive:
            raise Killed
        return execute(sql, params, many, context)
    writes = sql.lstrip()[:6].upper() in _WRITES
    database.before("write" if writes else "read")
    result = execute(sql, params, many, context)
    if writes:
        database.committed("write")
    return result
