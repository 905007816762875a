"""Store hooks in groups, before they are parsed: in the database, or else in the journal."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import structlog
from django.db import DataError, Error, IntegrityError, connection, transaction

from actions.secrets.keys import keyring
from sendouts.intake.hook import Received
from sendouts.intake.journal import Journal
from sendouts.intake.journal.writer import JournalThread
from sendouts.intake.journal_loader import Loader, insert
from sendouts.intake.queue import Group, HookThread, Promise, Told, settle, wait_durable
from sendouts.models import Webhook
from sendouts.privacy.sealing import of_hook
from work.nudges import nudge
from work.outages import is_outage
from work.sqlite.gate import urgent

log = structlog.get_logger(__name__)
# The platform gives up after 1 s, including the round trip.
STORE_SECONDS = 0.4
# Longer than the platform waits: on a busy machine a hook that is stored late is better than one that is lost.
JOURNAL_SECONDS = 3.0
# How often the thread checks whether the database is back, or whether the journal holds hooks.
LOOK_SECONDS = 0.5
# How often the thread looks for journals of dead processes.
ADOPT_SECONDS = 15.0
# Shortest time between two nudges of the workers under load: they take along all hooks that are due.
NUDGE_SECONDS = 0.02


_TABLE = Webhook._meta.db_table
_COLUMNS = "uuid, body, content_type, source, received_at, outcome, detail, due_at, attempts"
_NEW_ONLY = "ON CONFLICT (uuid) DO NOTHING RETURNING id"
# The clock of the door may be ahead of the database's, on which rows are due. SQLite's time has milliseconds.
_ROW = "(%s, %s, %s, %s, %s, '', '', MIN(%s, STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f999', 'now')), 0)"
# The same text for groups of any size: each column is one parameter.
_FROM_COLUMNS = (
    f"INSERT INTO {_TABLE} ({_COLUMNS}) "
    "SELECT uuid, body, kind, source, at, '', '', LEAST(at, clock_timestamp()), 0 "
    "FROM unnest(%b::uuid[], %b::bytea[], %t::text[], %t::text[], %b::timestamptz[]) "
    f"AS hooks (uuid, body, kind, source, at) {_NEW_ONLY}"
)


class NotStored(Exception):
    """Neither the database nor the journal stored the hook in time."""


def seal_hook(
    body: bytes, content_type: str, received_at: datetime, source: str = "http", uuid: UUID | None = None
) -> Received:
    """Return a newly received hook, sealed before any part of it is written."""
    uuid = uuid or uuid4()
    return Received(keyring().seal(body, of_hook(uuid)), content_type, received_at, source, uuid)


def seal_hooks(arrived: Sequence[tuple[bytes, str, datetime]]) -> list[Received]:
    """Return newly received hooks from body, content type and time of each.

    The system is asked once for the random bytes of all ids, and once for those of all nonces.
    """
    random = os.urandom(16 * len(arrived))
    uuids = [UUID(bytes=random[start : start + 16], version=4) for start in range(0, len(random), 16)]
    bodies = keyring().seal_all([body for body, _, _ in arrived], [of_hook(uuid) for uuid in uuids])
    return [
        Received(sealed, kind, at, uuid=uuid)
        for sealed, (_, kind, at), uuid in zip(bodies, arrived, uuids, strict=True)
    ]


def store(hooks: list[Received]) -> list[int]:
    """Write the hooks with one INSERT and return their row ids; existing rows are left unchanged.

    Without hooks, check whether the table takes one: insert a row and roll it back.
    """
    if not hooks:
        with transaction.atomic():
            store([seal_hook(b"", "", datetime.now(UTC))])
            transaction.set_rollback(True)
        return []
    # PostgreSQL's text takes no NUL, and a header must not be a reason to refuse a hook.
    kinds = [hook.content_type[:100].replace("\0", "") for hook in hooks]
    return _insert_columns(hooks, kinds) if connection.vendor == "postgresql" else _insert_rows(hooks, kinds)


def _insert_columns(hooks: list[Received], kinds: list[str]) -> list[int]:
    """Send one array for each column, in PostgreSQL's binary form; the statement is a transaction of its own."""
    columns = (
        [hook.uuid for hook in hooks],
        [hook.body for hook in hooks],
        kinds,
        [hook.source for hook in hooks],
        [hook.received_at for hook in hooks],
    )
    connection.ensure_connection()
    around = transaction.atomic() if connection.in_atomic_block else nullcontext()
    # Django's cursors write values into the text of the statement.
    with around, connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return [row[0] for row in cursor.execute(_FROM_COLUMNS, columns)]


def _insert_rows(hooks: list[Received], kinds: list[str]) -> list[int]:
    adapt = connection.ops.adapt_datetimefield_value
    values: list[Any] = []
    for hook, kind in zip(hooks, kinds, strict=True):
        at = adapt(hook.received_at)
        values += [hook.uuid.hex, hook.body, kind, hook.source, at, at]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {_TABLE} ({_COLUMNS}) VALUES {', '.join([_ROW] * len(hooks))} {_NEW_ONLY}",
            values,
        )
        return [row[0] for row in cursor.fetchall()]


class Store(HookThread):
    """A thread with its own database connection that stores the hooks queued during its last write.

    journal: stores hooks that the database does not store in time; with None they are refused. folder: where to find
    and load journals of dead processes; the folder of `journal` if that is given. The thread may be blocked in one call
    for as long as the database hangs.
    """

    def __init__(
        self,
        write: Callable[[list[Received]], list[int]] = store,
        *,
        folder: Path | None = None,
        journal: Journal | None = None,
    ) -> None:
        super().__init__("hook-store")
        self._write = write
        self._journal = JournalThread(journal) if journal is not None else None
        if journal is not None:
            folder = journal.folder
        self._loader = Loader(folder, self._watched_write, journal) if folder is not None else None
        self._in_hand: Group = {}
        self._busy_since: float | None = None
        self._away = False
        self._more_to_load = False
        self._looked_at = float("-inf")
        # Rows that no worker was told of yet.
        self._unnudged: list[int] = []
        self._nudged_at = float("-inf")
        self._turn: Callable[[], AbstractContextManager[None]] = (
            urgent if connection.vendor == "sqlite" else nullcontext
        )

    async def keep(self, hook: Received) -> None:
        """Return once the hook is durable, in the database or in the journal. Raises NotStored."""
        durable: list[bool] = []
        await self.keep_all([hook], lambda _, stored: durable.append(stored))
        if not durable[0]:
            raise NotStored

    async def keep_all(self, hooks: Sequence[Received], told: Told) -> None:
        """Call `told` for each of these hooks once it is durable in the database or in the journal, or cannot be.

        They share their time-outs. If the database is known to hang or to be away, go to the journal without waiting.
        """
        asked: Group = {}
        left = list(hooks)
        if self._journal is None or self.database_answers:
            asked = self.put_all(hooks)
            left = await wait_durable(asked, STORE_SECONDS, told)
        if not left:
            return
        late = {hook.uuid for hook in left}
        # What is refused already cannot become durable there any more.
        asked = {promise: hook for promise, hook in asked.items() if hook.uuid in late and not promise.done()}
        if self._journal is not None:
            copies = self._journal.put_all(left)
            left = await wait_durable(asked | copies, JOURNAL_SECONDS, told)
            self._journal.withdraw(copies)
        # Withdraw the hooks, so that memory stays bounded however long the database is away.
        self.withdraw(asked)
        for hook in left:
            told(hook, False)

    @property
    def database_answers(self) -> bool:
        """Return whether the last write succeeded, and no write is running for too long."""
        since = self._busy_since
        return not self._away and (since is None or time.monotonic() - since < STORE_SECONDS)

    def start(self) -> None:
        """Start the threads, so that journals are loaded even before a hook arrives."""
        super().start()
        if self._journal is not None:
            self._journal.start()

    def close(self, timeout: float = 3) -> None:
        """Write the queued hooks into the database or else into the journal, then end the threads."""
        self.stop(timeout)
        left = dict(self._in_hand)
        while group := self.take(0):
            left |= group
        if left:
            settle(left, self._journal is not None and self._journal.write(list(left.values())))
        if self._journal is not None:
            self._journal.close(timeout)

    def _run(self) -> None:
        while self._has_work():
            if group := self.take(self._pause()):
                self._store_group(group)
            self._nudge()
            if self._loader is not None and self._is_time_to_look(self._loader):
                self._load_journals(self._loader)
        nudge("hooks", self._unnudged)
        if self._loader is not None:
            self._loader.close()
        connection.close()

    def _pause(self) -> float:
        """Return for how long the thread may wait for hooks."""
        if self._more_to_load:
            return 0
        return NUDGE_SECONDS if self._unnudged else LOOK_SECONDS

    def _nudge(self) -> None:
        """Tell the workers of stored hooks: at once, or a moment after the last time, together with later ones."""
        now = time.monotonic()
        if self._unnudged and now >= self._nudged_at + NUDGE_SECONDS:
            nudge("hooks", self._unnudged)
            self._nudged_at, self._unnudged = now, []

    def _store_group(self, group: Group) -> None:
        self._in_hand = group
        started = time.monotonic()
        refused: list[Received] = []
        stored: list[Promise] = []
        try:
            with self._turn():
                ids = insert(self._watched_write, list(group.values()), refused)
        except Exception:
            # After any database error the hooks go to the journal, or are refused.
            log.exception("hooks_not_stored", hooks=len(group))
        else:
            stored = [promise for promise, hook in group.items() if hook not in refused] if refused else list(group)
            log.debug("hooks_stored", hooks=len(group), ms=round((time.monotonic() - started) * 1000))
            self._unnudged += ids
            self._nudge()
        if refused:
            log.error("hooks_not_stored", hooks=len(refused), refused=[str(hook.uuid) for hook in refused])
        settle(stored, True)
        settle(group.keys() - set(stored), False)
        self._in_hand = {}

    def _is_time_to_look(self, loader: Loader) -> bool:
        pause = LOOK_SECONDS if self._away or loader.has_work else ADOPT_SECONDS
        return self._more_to_load or time.monotonic() >= self._looked_at + pause

    def _load_journals(self, loader: Loader) -> None:
        """Load one group from the journals; while the database is away, probe it first."""
        self._looked_at = time.monotonic()
        self._more_to_load = False
        was_away = self._away
        try:
            if was_away:
                self._watched_write([])
            self._more_to_load = loader.step()
            if was_away:
                log.warning("database_back")
        except Exception:
            # Log it once, not twice a second while the database is away.
            if not was_away:
                log.exception("journal_not_loaded")

    def _write_again(self, hooks: list[Received]) -> list[int]:
        """Write the hooks; retry once on another connection, as after a restart or a failover of the database."""
        had_connection = connection.connection is not None
        try:
            return self._write(hooks)
        except Error as error:
            if not had_connection or not is_outage(error):
                raise
            connection.close()
            return self._write(hooks)

    def _watched_write(self, hooks: list[Received]) -> list[int]:
        """Write the hooks, and record how long the database takes and whether it answered."""
        self._busy_since = time.monotonic()
        try:
            ids = self._write_again(hooks)
        except Exception as error:
            # A database that refuses the data of a hook still answers. One that refuses any hook counts as away.
            self._away = not hooks or not isinstance(error, DataError | IntegrityError)
            connection.close()
            raise
        finally:
            self._busy_since = None
        self._away = False
        return ids
