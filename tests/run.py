"""`make test`: PostgreSQL and Redis are the reference; SQLite runs what can differ there; then a real browser.

`make test-fast` leaves out what starts processes or a browser, and stops at the rooms below.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.databases import migrated_database, migrated_file
from tests.servers import common_environment, find_browser, servers, temporary_folder

ROOMS = (
    *("work", "actions", "symplify", "intake", "stages", "outlook", "privacy", "verbs", "inquiries"),
    *("notices", "api", "desk", "gateway"),
)
BEHAVIOUR = [f"tests/{room}" for room in ROOMS]
# What needs no server. Exploration has an SQLite database of its own, in memory.
PURE = ["tests/outbound", "tests/simulator", "tests/explore"]
PROCESSES = ["tests/acceptance", "tests/chaos"]
# What SQL, claims, the write gate, paging and races can make different on SQLite, and one whole way.
ON_SQLITE = [
    "tests/work",
    "tests/intake/test_door.py",
    "tests/intake/test_door_without_database.py",
    "tests/stages/test_way_of_a_batch.py",
    "tests/stages/test_forms_of_files.py",
    "tests/stages/test_deadlines.py",
    "tests/stages/test_answers.py",
    "tests/stages/test_shared_uris.py",
    "tests/stages/test_addresses.py",
    "tests/stages/test_effects.py",
    "tests/stages/effects/test_promo_codes.py",
    "tests/outlook/test_forecast.py",
    "tests/privacy/test_wiping.py",
    "tests/verbs",
    "tests/inquiries/test_exporting.py",
    "tests/inquiries/test_finding.py",
    "tests/desk/test_list.py",
    "tests/desk/batch/test_contacts_by_reason.py",
    "tests/desk/home/test_figures.py",
    "tests/api/test_pages.py",
    "tests/actions/test_suppression.py",
    "tests/actions/test_suppression_uploads.py",
]
# Raced over twenty times each by `make chaos`, and three times by `make test`.
RACES = [f"tests/verbs/test_{name}.py" for name in ("races", "races_changing", "second_person_races")]
# Of the fast round: rows and rules, on SQLite, whose database needs no server.
FAST = ["tests/work", "tests/symplify", "tests/actions", "tests/outlook", "tests/api", "tests/outbound"]
# Not everything could run: no failure, and no success either.
NOT_ALL_RUN = 3


@dataclass(frozen=True)
class Round:
    """One call of pytest: what it runs, and the environment that it adds."""

    name: str
    arguments: list[str]
    environment: dict[str, str]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", default="3")
    parser.add_argument("--fast", action="store_true", help="rows and rules only, on SQLite, in a minute or so")
    parser.add_argument("--races", action="store_true", help="the races only, twenty rounds each, on PostgreSQL")
    parser.add_argument("pytest", nargs="*", help="further arguments for pytest")
    asked = parser.parse_args()
    started = time.monotonic()
    with temporary_folder("tests") as data_dir:
        base = {**os.environ, **common_environment(data_dir)}
        embedded = {"DATABASE_URL": f"sqlite:///{data_dir}/gateway.sqlite3"}
        migrated_file()
        if asked.fast:
            codes = _run([Round("Rows and rules", FAST, embedded)], base, asked)
        else:
            with servers() as found:
                on_servers = {"DATABASE_URL": found["DATABASE_URL"], "TEST_BROKER_URL": found["CELERY_BROKER_URL"]}
                migrated_database(found["DATABASE_URL"])
                races = [Round("Races", RACES, on_servers | {"RACE_ROUNDS": "20"})]
                everything = [
                    # The longest tests first: begun last, they would keep one worker busy alone.
                    Round("PostgreSQL and Redis", [*PROCESSES, *BEHAVIOUR], on_servers),
                    Round("SQLite, embedded", [*ON_SQLITE, "--with-a-database"], embedded),
                    Round("Simulator, the way out", PURE, embedded),
                    # Apart from the others: two demos at once are load enough for hooks that have a second.
                    Round("Demo", ["tests/demo"], embedded),
                    # Apart from the others: the browser's driver keeps an event loop in the thread of Django's tests.
                    Round("Browser", ["tests/browser"], embedded),
                ]
                codes = _run(races if asked.races else everything, base, asked)
    return _tell(codes, time.monotonic() - started, browser=asked.fast or asked.races or find_browser() is not None)


def _run(rounds: list[Round], base: dict[str, str], asked: argparse.Namespace) -> list[int]:
    codes = []
    for each in rounds:
        print(f"\n=== {each.name} ===", flush=True)
        # Each test goes to the next free worker; those of a group share what they have started.
        command = [sys.executable, "-m", "pytest", "-q", "-n", asked.jobs, "--dist", "loadgroup"]
        done = subprocess.run([*command, *each.arguments, *asked.pytest], env=base | each.environment, check=False)
        codes.append(done.returncode)
    return codes


def _tell(codes: list[int], seconds: float, *, browser: bool) -> int:
    """Print the last line, and return the exit code: 0 only if every test ran and passed."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = f"in {seconds:.0f} s, {used.ru_utime + used.ru_stime:.0f} s of CPU"
    if any(codes):
        print(f"\nFAILED {took}.", flush=True)
        return max(codes)
    if not browser:
        print(f"\nNOT ALL RUN {took}: there is no browser; install Chromium and try again.", flush=True)
        return NOT_ALL_RUN
    print(f"\nAll green {took}.", flush=True)
    return 0


if __name__ == "__main__":
    # Also where it is called from another folder.
    os.chdir(Path(__file__).resolve().parent.parent)
    sys.exit(main())
