"""`make test`: the behaviour tests on SQLite and on PostgreSQL, then what needs real processes and a real browser."""

import argparse
import os
import subprocess
import sys
import time

from tests.servers import common_environment, servers, temporary_folder

BEHAVIOUR = [
    f"tests/{room}"
    for room in (
        "work",
        "actions",
        "symplify",
        "intake",
        "stages",
        "outlook",
        "privacy",
        "verbs",
        "inquiries",
        "notices",
        "api",
        "desk",
        "gateway",
    )
]
PURE = ["tests/outbound", "tests/simulator", "tests/demo"]
# Files, waits and texts that no database can change, though their tests have one: once is enough.
ONCE = [
    "intake/hostile_inputs",
    "stages/hostile_platform",
    "desk/previewing",
    "desk/reach_everywhere",
    "stages/effects/transfer_s3",
    "stages/effects/transfer_sftp",
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", default="3")
    parser.add_argument("pytest", nargs="*", help="further arguments for pytest")
    asked = parser.parse_args()
    started = time.monotonic()
    with temporary_folder("tests") as data_dir, servers() as found:
        base = {**os.environ, **common_environment(data_dir)}
        on_servers = {"DATABASE_URL": found["DATABASE_URL"], "TEST_BROKER_URL": found["CELERY_BROKER_URL"]}
        embedded = {"DATABASE_URL": f"sqlite:///{data_dir}/gateway.sqlite3"}
        rounds = [
            ("SQLite, embedded", BEHAVIOUR, embedded),
            # Apart from the others: three demos at once are load enough for hooks that have a second.
            ("Demo, simulator, the way out", PURE, embedded),
            (
                "PostgreSQL and Redis",
                [*BEHAVIOUR, "tests/acceptance", "tests/chaos", "--with-a-database", *_without(ONCE)],
                on_servers,
            ),
            # Apart from the others: the browser's driver keeps an event loop in the thread that Django's tests need.
            ("Browser", ["tests/browser"], embedded),
        ]
        codes = []
        for name, folders, more in rounds:
            print(f"\n=== {name} ===", flush=True)
            # Each test goes to whoever is free; those of a group share what they have started.
            command = [sys.executable, "-m", "pytest", "-q", "-n", asked.jobs, "--dist", "loadgroup"]
            codes.append(subprocess.run([*command, *folders, *asked.pytest], env=base | more, check=False).returncode)
    print(f"\n{'All green' if not any(codes) else 'FAILED'} in {time.monotonic() - started:.0f} s.", flush=True)
    return max(codes)


def _without(names: list[str]) -> list[str]:
    return [f"--ignore=tests/{folder}/test_{name}.py" for folder, _, name in (each.rpartition("/") for each in names)]


if __name__ == "__main__":
    sys.exit(main())
