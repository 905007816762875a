"""`make explore`: run schedules of the whole gateway in one process, on one virtual clock and one random source.

python -m tests.explore --minutes 10 --seed 1        run schedules, and print the seed of each violation
python -m tests.explore --replay 4711                run one schedule, and print what happened in it
python -m tests.explore --mutants                    break the product, and count the schedules until it shows
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import structlog

ROOT = Path(__file__).resolve().parent.parent.parent
# Sets of strings have another order in each run unless their hashes are the same.
FIXED = {"PYTHONHASHSEED": "0"}


def main() -> int:
    asked = _arguments()
    if any(os.environ.get(name) != value for name, value in FIXED.items()):
        return subprocess.run(
            [sys.executable, "-m", "tests.explore", *sys.argv[1:]], env=os.environ | FIXED, cwd=ROOT
        ).returncode
    if asked.mutants:
        from tests.explore import mutants

        return mutants.run(asked.minutes, asked.schedules, asked.jobs, asked.only, asked.seed)
    with tempfile.TemporaryDirectory(prefix="explore-") as folder:
        _set_up(Path(folder))
        from tests.explore import exploration

        if asked.replay is not None:
            return exploration.replay(asked.replay)
        return exploration.explore(asked.seed, asked.schedules, asked.minutes, asked.jobs, first_only=asked.first)


def _set_up(folder: Path) -> None:
    """Start Django on the virtual clock: the order matters."""
    from tests.servers import common_environment

    os.environ |= common_environment(folder)
    os.environ |= {"DATABASE_URL": "sqlite://:memory:", "CELERY_BROKER_URL": "", "LOG_LEVEL": "CRITICAL"}
    os.environ["DJANGO_SETTINGS_MODULE"] = "gateway.settings"
    from tests.explore.virtual import clock

    clock.install()
    import django

    django.setup()
    # Nobody reads the log, and a traceback takes as long as some queries.
    structlog.configure(processors=[_drop])
    from tests.explore import processes, schedule
    from tests.explore.virtual import database, wire

    clock.install_in_product()
    database.install()
    wire.install()
    processes.install()
    schedule.prepare()


def _drop(*event: object) -> NoReturn:
    raise structlog.DropEvent


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.explore", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="how long; with --mutants: for each fault at most")
    parser.add_argument("--seed", type=int, default=random.randrange(10**9), help="the seed of the first schedule")
    parser.add_argument("--schedules", type=int, default=10**9, help="how many at most")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes that run schedules")
    parser.add_argument("--first", action="store_true", help="stop at the first violation")
    parser.add_argument("--replay", type=int, metavar="SEED", help="run one schedule, and print all of it")
    parser.add_argument("--mutants", action="store_true", help="how soon are the named faults found?")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="WORD", help="only faults with such a word in their name"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
