"""Fixtures and hooks for all tests."""

import pytest
from hypothesis import settings

from tests.examples import THOROUGH, UNTIMED, examples

pytest_plugins = ["tests.fixtures"]
# Fixtures by which a test says that it needs a database; without one of them or the mark it is refused any.
DATABASE = frozenset({"db", "transactional_db", "django_db_reset_sequences", "django_db_serialized_rollback"})

# The same examples at every run: a change is judged by what it changed. Longer, random searches are made on purpose.
settings.register_profile("quick", UNTIMED, derandomize=True, max_examples=examples(100))
settings.register_profile("long", UNTIMED, derandomize=False, print_blob=True)
settings.load_profile("long" if THOROUGH else "quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--with-a-database", action="store_true", help="leave out what no database could change: tests that have none"
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--with-a-database"):
        return
    kept = [item for item in items if _has_a_database(item)]
    config.hook.pytest_deselected(items=[item for item in items if not _has_a_database(item)])
    items[:] = kept


def _has_a_database(item: pytest.Item) -> bool:
    """Whether a test may reach a database itself, or starts processes that do."""
    names = DATABASE.intersection(getattr(item, "fixturenames", ()))
    return bool(names) or any(item.get_closest_marker(mark) for mark in ("django_db", "acceptance"))
