"""How long it takes to find one contact among millions of decisions, and to write a large batch as CSV.

    python -m tests.benchmarks.looking [--mode embedded|processes] [--decisions 10000000] [--exported 1000000]

Each mode has a database of its own, which is thrown away; the rows are made inside the database.
"""

import argparse
import os
import subprocess
import sys
import time
import tracemalloc
from contextlib import ExitStack
from statistics import median
from typing import Any

from tests.benchmarks.deployment import MODES, ROOT
from tests.servers import common_environment, servers, temporary_folder

# Contacts of one batch, and batches that each contact is in.
BATCH = 100_000
ASKED = 200
AIM_SECONDS = 0.2
LIMIT_SECONDS = 3_600


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=MODES, default="processes")
    parser.add_argument("--decisions", type=int, default=10_000_000)
    parser.add_argument("--exported", type=int, default=1_000_000)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        return _inside(asked.decisions, asked.exported)
    with ExitStack() as open_things:
        folder = open_things.enter_context(temporary_folder("looking"))
        environment = {**os.environ, **common_environment(folder), "DJANGO_SETTINGS_MODULE": "gateway.settings"}
        if asked.mode == "processes":
            environment |= open_things.enter_context(servers(durable=True))
        else:
            environment |= {"DATABASE_URL": f"sqlite:///{folder}/gateway.sqlite3", "CELERY_BROKER_URL": ""}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
        command = [sys.executable, "-m", "tests.benchmarks.looking", "--inside", *sys.argv[1:]]
        return subprocess.run(command, cwd=ROOT, env=environment, timeout=LIMIT_SECONDS, check=False).returncode


def _inside(decisions: int, exported: int) -> int:
    """Measure, in the environment of a gateway; returns 1 where a search takes longer than it may."""
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.db import connection
    from django.utils import timezone

    from sendouts.inquiries import export
    from sendouts.inquiries.csv import CsvForm
    from sendouts.inquiries.export import ExportChoice
    from sendouts.models import Status
    from tests.factories import batch

    root = User.objects.create_superuser("root")
    ended = {"outcome": "released", "finish_status": 204, "finish_sent_at": timezone.now(), "ended_at": timezone.now()}
    began = time.monotonic()
    largest = batch(Status.FINISHED, decisions=False, total=exported, **ended)
    _fill(connection, largest.first_decision, exported)
    left = decisions - exported
    while left > 0:
        made = batch(Status.FINISHED, decisions=False, total=min(BATCH, left), **ended)
        _fill(connection, made.first_decision, made.total)
        left -= made.total
    print(f"{connection.vendor}: {decisions:,} decisions made in {time.monotonic() - began:.0f} s", flush=True)
    behind = _searches("right behind the load, without statistics", root)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    slowest = max(behind, _searches("with statistics", root))
    for traced in (False, True):
        begun = export.begin(largest, root, ExportChoice(), now=timezone.now())
        if traced:
            tracemalloc.start()
        began = time.monotonic()
        size = sum(len(part) for part in export.parts(begun, ExportChoice(), export.for_people(largest), CsvForm()))
        seconds = time.monotonic() - began
        if traced:
            print(f"  at most {tracemalloc.get_traced_memory()[1] / 1e6:.0f} MB of memory", flush=True)
        else:
            print(f"export of {exported:,} decisions: {seconds:.1f} s, {size / 1e6:.0f} MB", flush=True)
    return int(slowest > AIM_SECONDS)


def _searches(when: str, user: Any) -> float:
    """Search many contacts, and one that there is not; returns the 95th percentile in seconds."""
    from sendouts.inquiries import find

    times = []
    found = 0
    for place in range(ASKED):
        # Strides over all ids, so that each search finds its rows where nobody has just looked.
        contact = f"A-{place * 487 % BATCH}"
        began = time.monotonic()
        found += len(find.find(contact, user).found)
        times.append(time.monotonic() - began)
    times.sort()
    began = time.monotonic()
    assert not find.find("nobody", user).found
    nobody = time.monotonic() - began
    print(
        f"find a contact {when}, {found / ASKED:.0f} decisions a page: median {1000 * median(times):.1f} ms, "
        f"95th percentile {1000 * times[int(0.95 * ASKED)]:.1f} ms, slowest {1000 * times[-1]:.1f} ms; "
        f"nobody: {1000 * nobody:.1f} ms",
        flush=True,
    )
    return times[int(0.95 * ASKED)]


def _fill(connection: Any, first: int, number: int) -> None:
    """Make the decisions of a batch in the database itself: one in ten rejected and confirmed."""
    rows = (
        f"generate_series(0, {number - 1}) AS series (n)"
        if connection.vendor == "postgresql"
        else f"(WITH RECURSIVE series(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM series WHERE n < {number - 1}) SELECT n FROM series)"
    )
    rejected = "CASE WHEN n % 10 = 0 THEN"
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sendouts_decision"
            " (id, contact_id, uri, verdict, unread, reason, text, action, kept, evidence_at, answer, answer_status)"
            f" SELECT {first} + n, 'A-' || (n % {BATCH}), '', {rejected} 2 ELSE 1 END, FALSE,"
            f" {rejected} 'rule' ELSE '' END, {rejected} 'No consent' ELSE '' END, {rejected} 'consent-check' ELSE '' END,"
            f" NULL, NULL, {rejected} 1 ELSE 0 END, {rejected} 204 ELSE 0 END FROM {rows}"
        )


if __name__ == "__main__":
    sys.exit(main())
