"""An error of the surroundings is no fault of a row, and a session that cannot write is replaced."""

import errno
import sqlite3
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, Error, InternalError, OperationalError, connection, connections
from django.test import Client
from django.utils import timezone

from sendouts.models import Webhook
from tests.factories import webhook
from work import claims, outages, pulses
from work.postgresql import base

PASSING = ("08006", "25006", "40001", "40P01", "53100", "53300", "55P03", "57014", "57P01", "57P02", "57P03", "58030")
OWN = ("22001", "22P05", "23505", "42P01", "54000", "XX000")
SQLITE = {"FULL": True, "BUSY": True, "READONLY": True, "IOERR": True, "ERROR": False, "TOOBIG": False}
on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no sessions")


def of_server(state: str) -> psycopg.Error:
    return psycopg.errors.lookup(state)()


def of_file(name: str) -> sqlite3.Error:
    error = sqlite3.OperationalError()
    error.sqlite_errorcode = getattr(sqlite3, f"SQLITE_{name}")
    return error


def wrapped(error: Exception) -> Exception:
    """As Django wraps it, and as a caller may wrap that again."""
    try:
        try:
            raise DatabaseError from error
        except DatabaseError as found:
            raise ValueError from found
    except ValueError as found:
        return found


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        *((of_server(state), True) for state in PASSING),
        *((of_server(state), False) for state in OWN),
        *((of_file(name), passing) for name, passing in SQLITE.items()),
        (psycopg.OperationalError("the connection is lost"), True),
        (psycopg.InterfaceError("the connection is closed"), True),
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.ENOENT, "No such file"), False),
        (ValueError(), False),
    ],
    ids=lambda each: getattr(each, "sqlstate", None) or str(each),
)
def test_an_error_of_the_surroundings_is_told_from_one_of_a_row(error: Exception, passing: bool) -> None:
    assert outages.is_outage(error) == outages.is_outage(wrapped(error)) == passing


@pytest.fixture(autouse=True)
def _renews_at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test leaves a read-only session in the pool for the next one."""
    monkeypatch.setattr(base, "RENEW_SECONDS", 0.0)
    yield
    if getattr(connection, "pool", None):
        connection.close()
        connection.pool.drain()


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_session_that_a_failover_left_read_only_is_replaced() -> None:
    mine = connections.create_connection("default")
    with mine.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    with pytest.raises(InternalError), mine.cursor() as cursor:
        cursor.execute("DELETE FROM sendouts_pulse")
    mine.close()
    with mine.cursor() as cursor:
        cursor.execute("DELETE FROM sendouts_pulse")
    mine.close()


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_read_only_is_not_ready_and_says_so(client: Client) -> None:
    pulses._signed.clear()
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    try:
        answer = client.get("/health/ready")
    finally:
        connection.close()
    assert answer.status_code == 503
    assert answer.json()["database"] == "The database is read-only: it answers, and stores nothing."
    assert answer.json()["sweep"] == "ok"
    assert client.get("/health/ready").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_claim_is_released_though_its_connection_broke(monkeypatch: pytest.MonkeyPatch) -> None:
    row = webhook("", due_at=timezone.now())
    claim = claims.take(Webhook, [row.pk])
    cut(monkeypatch)
    claim.release()
    assert claims.take(Webhook, [row.pk]).ids == (row.pk,)


def cut(patch: pytest.MonkeyPatch) -> None:
    """End the connection, as a server does; SQLite has none, so that the next statement fails once."""
    if connection.vendor == "postgresql":
        connection.connection.close()
        return
    fails = [OperationalError("disk I/O error")]
    patch.setattr(connection, "cursor", lambda: _raise_once(fails, patch))


def _raise_once(fails: list[Error], patch: pytest.MonkeyPatch) -> Any:
    patch.undo()
    raise fails.pop()
