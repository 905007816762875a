"""Databases with every table, migrated once and then copied: a migration takes eleven seconds of CPU."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg

from tests.servers import common_environment, temporary_folder

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "var" / "test-databases"
# Rows that migrations make; they stay when a test empties its database.
REFERENCE = {
    "django_migrations",
    "django_content_type",
    "auth_permission",
    "auth_group",
    "auth_group_permissions",
}


@cache
def fingerprint() -> str:
    """Return what tells one set of migrations from another: ours by their text, others by the pinned versions."""
    digest = hashlib.sha256()
    found = [*ROOT.glob("*/migrations/*.py"), *ROOT.glob("requirements*.lock")]
    for path in sorted(found):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def migrated_file() -> Path:
    """Return an SQLite file with every table; never write to it. It is kept for later runs."""
    path = KEPT / f"{fingerprint()}.sqlite3"
    with _lock("sqlite"):
        if not path.exists():
            for old in KEPT.glob("*.sqlite3"):
                old.unlink()
            with temporary_folder("migrating") as folder:
                _migrate(f"sqlite:///{folder}/gateway.sqlite3", folder)
                # A database that was closed has no write-ahead log beside it any more.
                shutil.copy(folder / "gateway.sqlite3", path.with_suffix(".part"))
            path.with_suffix(".part").rename(path)
    return path


@cache
def migrated_database(server: str) -> str:
    """Return the name of a database with every table on this PostgreSQL server, to be copied only."""
    name = f"migrated_{fingerprint()}"
    with _lock(f"postgresql-{urlsplit(server).port}"), psycopg.connect(server, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            part = create_database(server, "template1")
            with temporary_folder("migrating") as folder:
                _migrate(part, folder)
            connection.execute(f"ALTER DATABASE {urlsplit(part).path[1:]} RENAME TO {name}".encode())
    return name


def copy_file(path: Path) -> str:
    """Make an SQLite file with every table at this path; returns its URL."""
    shutil.copy(migrated_file(), path)
    return f"sqlite:///{path}"


def create_database(server: str, template: str = "") -> str:
    """Make a database on the server, by default one with every table; returns its URL."""
    template = template or migrated_database(server)
    name = f"tests_{uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    return urlsplit(server)._replace(path=f"/{name}").geturl()


def drop_database(server: str, url: str) -> None:
    """Drop a database that create_database made, whoever is connected."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {urlsplit(url).path[1:]} WITH (FORCE)".encode())


@contextmanager
def _lock(name: str) -> Iterator[None]:
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _migrate(url: str, folder: Path) -> None:
    environment = {**os.environ, **common_environment(folder), "DATABASE_URL": url, "CELERY_BROKER_URL": ""}
    command = [sys.executable, "manage.py", "migrate", "-v0"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
