"""A platform over real HTTP, a mailbox for its hooks, and servers that accept mails and messages."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection, connections, transaction
from django.test import TransactionTestCase

from gateway.ops import schema
from outbound.breaker import breakers
from sendouts.services import hosts
from sendouts.symplify import client
from simulator.client import Simulator
from tests.databases import REFERENCE, copy_file, create_database, drop_database
from tests.gate import Gate
from tests.listeners import Chat, Post, running
from tests.serving import Serve, serving


@pytest.fixture(scope="session", autouse=True)
def _tables_are_current() -> None:
    """Pages need not look for migrations: the databases of tests have every table."""
    schema._current.set()


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """A copy of the migrated database for each process of the tests."""
    with django_db_blocker.unblock(), ExitStack() as stack:
        connection.close()
        if connection.vendor == "sqlite":
            path = tmp_path_factory.mktemp("database") / "gateway.sqlite3"
            copy_file(path)
            name = str(path)
        else:
            server = os.environ["DATABASE_URL"]
            url = create_database(server)
            stack.callback(drop_database, server, url)
            name = urlsplit(url).path[1:]
        settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name
        yield
        connections.close_all()


def empty_database() -> None:
    """Delete the rows that a test committed. Django's own flush makes every permission anew, a second of CPU each time."""
    if connection.features.uses_savepoints and connection.in_atomic_block:
        raise RuntimeError("a test left a transaction open")
    with transaction.atomic(), connection.cursor() as cursor:
        found = set(connection.introspection.django_table_names(only_existing=True)) - REFERENCE
        asked = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in sorted(found))
        cursor.execute(asked)
        filled = [name for (name,) in cursor.fetchall()]
        if connection.vendor == "sqlite":
            # The tables of records refuse this.
            kept = "SELECT name, sql, tbl_name FROM sqlite_master WHERE type = 'trigger'"
            triggers = [(name, made) for name, made, table in cursor.execute(kept).fetchall() if table in filled]
            for name, _ in triggers:
                cursor.execute(f"DROP TRIGGER {name}")
            for name in filled:
                cursor.execute(f"DELETE FROM {name}")
            for _, statement in triggers:
                cursor.execute(statement)
        elif filled:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(f"TRUNCATE {', '.join(filled)} CASCADE")


@pytest.fixture(scope="session", autouse=True)
def _quick_django(django_test_environment: None) -> None:
    """Passwords of tests need no strength, and their databases no new permissions."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    TransactionTestCase._fixture_teardown = lambda self: empty_database()


class _Mailbox(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taker)
        self.bodies: list[bytes] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"


class _Taker(BaseHTTPRequestHandler):
    server: _Mailbox

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def _mailbox() -> Iterator[_Mailbox]:
    with _Mailbox() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def _simulator(_mailbox: _Mailbox) -> Iterator[Simulator]:
    with Simulator.start(target=_mailbox.url) as simulator:
        yield simulator


def _forget_paces() -> None:
    """How many calls leave at once is learnt by a thread's connections: a test must not begin with what another taught them."""
    while client._kept.fanouts:
        client._kept.fanouts.popitem()[1].close()


@pytest.fixture
def platform(_simulator: Simulator, _mailbox: _Mailbox) -> Iterator[Simulator]:
    """The simulated platform; its hooks land in the mailbox of `gate`."""
    _simulator.reset()
    _simulator.faults()
    _mailbox.bodies.clear()
    hosts._known.clear()
    breakers.forget()
    _forget_paces()
    yield _simulator
    _simulator.faults()


@pytest.fixture
def gate(platform: Simulator, _mailbox: _Mailbox, db: None) -> Gate:
    """The gateway's stages, run by the test itself, one step at a time."""
    return Gate(platform, _mailbox.bodies)


@pytest.fixture
def serve(transactional_db: None) -> Iterator[Serve]:
    """Serve a door; gives its URL."""
    with serving() as start:
        yield start


@pytest.fixture
def post(settings: Any) -> Iterator[Post]:
    """A mail server that the gateway knows."""
    for server in running(Post()):
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        settings.MAIL_WORKS = True
        settings.BASE_URL = "https://gateway.example.com"
        yield server


@pytest.fixture
def chat() -> Iterator[Chat]:
    """A chat service that may be called."""
    hosts._known.clear()
    yield from running(Chat())


@pytest.fixture
def nobody_is_called(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No service hears of what the test does."""
    called: list[str] = []
    monkeypatch.setattr("outbound.session.GuardedSession.request", lambda self, *a, **b: called.append("called"))
    yield
    assert called == []
