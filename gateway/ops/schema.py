"""Whether the database has the tables of this version, and whether its migrations made them.

The door does not ask: it journals what the tables do not take. Everything else waits for `manage.py migrate`.
"""

import pkgutil
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import structlog
from django.apps import apps
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

log = structlog.get_logger(__name__)
Migration = tuple[str, str]
WAIT_SECONDS = 1.0
# How often a process that waits says so.
LOG_SECONDS = 60.0
# Maximum number of names in a sentence.
NAMED = 3
_current = threading.Event()

_COLUMNS = {
    "postgresql": """
        SELECT table_name, column_name, is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'
        FROM information_schema.columns WHERE table_schema = ANY (current_schemas(FALSE))
    """,
    "sqlite": """
        SELECT tables.name, columns.name, columns."notnull" AND columns.dflt_value IS NULL AND NOT columns.pk
        FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns WHERE tables.type = 'table'
    """,
}


@dataclass(frozen=True, slots=True)
class Differences:
    """Migrations in the database, beside those of this version.

    pending: not applied yet; unknown: applied, of ours, and not part of this version.
    """

    pending: frozenset[Migration]
    unknown: frozenset[Migration]


def find() -> Differences:
    """Compare the recorded migrations with the files of this version. Raises the database's errors."""
    applied = set(MigrationRecorder(connection).applied_migrations())
    ours = {app.label for app in apps.get_app_configs() if Path(app.path).is_relative_to(settings.BASE_DIR)}
    unknown = {each for each in applied - _files() if each[0] in ours and _name(each) not in settings.LATER_MIGRATIONS}
    return Differences(_files() - applied, frozenset(unknown))


def _name(migration: Migration) -> str:
    return ".".join(migration)


@cache
def _files() -> frozenset[Migration]:
    """Return every migration of the installed applications by its file, without loading it."""
    found = set()
    for app in apps.get_app_configs():
        module, _ = MigrationLoader.migrations_module(app.label)
        spec = find_spec(module) if module and find_spec(module.rpartition(".")[0]) else None
        for file in pkgutil.iter_modules(spec.submodule_search_locations or []) if spec else ():
            if not file.ispkg and file.name[0] not in "_~":
                found.add((app.label, file.name))
    return frozenset(found)


def is_current() -> bool:
    """Return whether the tables are those of this version. Cheap after the first True. Raises the database's errors."""
    if not _current.is_set():
        found = find()
        if not found.pending and not found.unknown:
            _current.set()
    return _current.is_set()


def wait(stop: threading.Event | None = None, pending: Callable[[], None] | None = None) -> bool:
    """Return True once the tables are those of this version, or False if `stop` is set.

    pending: called at each look that finds the database without some migrations.
    """
    stop = stop or threading.Event()
    waited = 0.0
    while not stop.is_set():
        try:
            if is_current():
                return True
            names = describe(find().pending)
            if pending is not None:
                pending()
        except Error as error:
            names = type(error).__name__
        finally:
            connection.close()
        if waited % LOG_SECONDS == 0:
            log.warning("migrations_waited_for", pending=names)
        waited += WAIT_SECONDS
        stop.wait(WAIT_SECONDS)
    return False


def sentence() -> str:
    """Return what is wrong with the migrations, for the health page; empty if nothing is."""
    if is_current():
        return ""
    found = find()
    if found.unknown:
        return _of_another_version(found.unknown)
    return (
        f"These migrations are not applied: {describe(found.pending)}. Until then hooks wait in the journal, and "
        "nothing else works. If manage.py migrate has failed, its output says why."
    )


def describe(migrations: Iterable[Migration]) -> str:
    """Return the names of some migrations, in order."""
    return _some(sorted(map(_name, migrations)))


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def refusal() -> str:
    """Return why this version's migrations may not run on the database; empty if they may.

    The recorded migrations and the tables must be those of this version, as far as they are recorded.
    """
    found = find()
    if found.unknown:
        return _of_another_version(found.unknown)
    if found.pending:
        loader = MigrationLoader(connection)
        try:
            loader.check_consistent_history(connection)
        except InconsistentMigrationHistory:
            return _made_anew("its migrations were applied in another order")
        applied = [each for each in loader.applied_migrations if each in loader.graph.nodes]
        problems = _differences(loader.project_state(applied).apps)
    else:
        problems = _differences(apps)
    return _made_anew("its tables do not match its migrations: " + _some(problems)) if problems else ""


def _of_another_version(unknown: Iterable[Migration]) -> str:
    last = {label: max(name for of, name in _files() if of == label) for label, _ in unknown if _has(label)}
    if all(label in last and name > last[label] for label, name in unknown):
        return (
            f"A later version has used this database: it has {describe(unknown)}, which {settings.VERSION} "
            "does not know. Start the later version, or go back as docs/production.md says under “Going back”. "
            "Nothing was changed."
        )
    return _made_anew(f"it has {describe(unknown)}, which {settings.VERSION} does not know")


def _has(label: str) -> bool:
    return any(of == label for of, _ in _files())


def _made_anew(why: str) -> str:
    return (
        f"This database was made by a version whose migrations were made anew since; {why}. It cannot be brought to "
        f"{settings.VERSION}. Set DATABASE_URL to an empty database, run manage.py migrate and apply_config, and keep "
        "this one with its version until its batches have ended. Nothing was changed."
    )


def _differences(state: Any) -> list[str]:
    """Return where the tables differ from the models in a way that stops reading or writing them."""
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS[connection.vendor])
        rows = cursor.fetchall()
    columns: dict[str, set[str]] = {}
    required: dict[str, set[str]] = {}
    for table, column, is_required in rows:
        columns.setdefault(table, set()).add(column)
        if is_required:
            required.setdefault(table, set()).add(column)
    problems = []
    known = set()
    for model in state.get_models(include_auto_created=True):
        if not model._meta.managed or model._meta.proxy:
            continue
        table = model._meta.db_table
        known.add(table)
        wanted = {field.column for field in model._meta.local_concrete_fields}
        if table not in columns:
            problems.append(f"there is no table {table}")
            continue
        problems += [f"{table} has no column {name}" for name in sorted(wanted - columns[table])]
        if not settings.LATER_MIGRATIONS:
            unknown = required.get(table, set()) - wanted
            problems += [f"{table} has an unknown column {name}" for name in sorted(unknown)]
    # What pending migrations make must not be there yet.
    made = {model._meta.db_table for model in apps.get_models(include_auto_created=True) if model._meta.managed}
    problems += [f"there is a table {name} already" for name in sorted((made - known) & columns.keys())]
    return problems
