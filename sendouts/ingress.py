"""Storing hooks, in groups, before anything is read from them."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import structlog
from django.db import connection, transaction

from gateway.sqlite.gate import urgent
from sendouts.models import Webhook
from sendouts.nudges import nudge
from sendouts.received import Received

log = structlog.get_logger(__name__)
# One INSERT for what arrived together; PostgreSQL takes at most 65,535 parameters, memory sets the rest.
GROUP_HOOKS = 500
GROUP_BYTES = 20_000_000


def store(hooks: list[Received]) -> list[int]:
    """Write the hooks with one INSERT and return their row ids; what is there already is left as it is."""
    columns = "uuid, body, content_type, source, received_at, outcome, detail, due_at, attempts"
    one = "(" + ", ".join(["%s"] * 9) + ")"
    adapt = connection.ops.adapt_datetimefield_value
    values: list[Any] = []
    for hook in hooks:
        at = adapt(hook.received_at)
        key = hook.uuid if connection.features.has_native_uuid_field else hook.uuid.hex
        values += [key, hook.body, hook.content_type[:100], hook.source, at, "", "", at, 0]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Webhook._meta.db_table} ({columns}) VALUES {', '.join([one] * len(hooks))} "
            "ON CONFLICT (uuid) DO NOTHING RETURNING id",
            values,
        )
        return [row[0] for row in cursor.fetchall()]


class Store:
    """A thread with a connection of its own that stores whatever arrived while it wrote the group before."""

    def __init__(self, write: Callable[[list[Received]], list[int]] = store) -> None:
        self._write = write
        self._waiting: list[tuple[Received, asyncio.Future[None]]] = []
        self._arrived = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._turn: Callable[[], AbstractContextManager[None]] = (
            urgent if connection.vendor == "sqlite" else nullcontext
        )

    def put(self, hook: Received) -> asyncio.Future[None]:
        """Hand a hook over; the future is done when it is durable, and fails when it could not be stored."""
        future = asyncio.get_running_loop().create_future()
        with self._arrived:
            self._waiting.append((hook, future))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="hook-store", daemon=True)
                self._thread.start()
            self._arrived.notify()
        return future

    def close(self, timeout: float = 5) -> None:
        """Write what still waits, then end the thread."""
        with self._arrived:
            self._stopping = True
            self._arrived.notify()
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            with self._arrived:
                self._arrived.wait_for(lambda: self._waiting or self._stopping)
                group = self._take_group()
            if not group:
                connection.close()
                return
            self._store_group(group)

    def _take_group(self) -> list[tuple[Received, asyncio.Future[None]]]:
        """The next hooks, up to the limits of one INSERT; the caller holds the lock."""
        size = count = 0
        for hook, _ in self._waiting[:GROUP_HOOKS]:
            size += len(hook.body)
            if count and size > GROUP_BYTES:
                break
            count += 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        return group

    def _store_group(self, group: list[tuple[Received, asyncio.Future[None]]]) -> None:
        started = time.monotonic()
        error: Exception | None = None
        try:
            with self._turn():
                ids = self._write([hook for hook, _ in group])
        except Exception as problem:
            # Whatever went wrong with the database: each waiting request answers 503, and the next group starts afresh.
            log.exception("hooks_not_stored", hooks=len(group))
            error = problem
            connection.close()
        else:
            log.debug("hooks_stored", hooks=len(group), ms=round((time.monotonic() - started) * 1000))
            nudge("sendouts.plan", ids)
        loops = {future.get_loop() for _, future in group}
        for loop in loops:
            mine = [future for _, future in group if future.get_loop() is loop]
            loop.call_soon_threadsafe(_settle, mine, error)


def _settle(futures: list[asyncio.Future[None]], error: Exception | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
