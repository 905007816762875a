"""Time of a suppression list on a separate database: reading a large file, then looking contacts up.

Run as a module it is the measured process, in the environment of a gateway; `suppressing` starts it.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from statistics import median

from tests.benchmarks.deployment import MODES, ROOT
from tests.benchmarks.reporting import aligned
from tests.servers import common_environment, servers, temporary_folder

# One contact in ten is on the list.
EVERY = 10
# The first comes right behind the file, whose pages the database still writes; the middle one is reported.
RUNS = 3
HOLDS = (("contact_id", False), ("email", True))
LIMIT_SECONDS = 1_800
AIM_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Suppressing:
    """One list: how long `entries` lines took to be read, and `contacts` contacts to be judged, in seconds."""

    mode: str
    holds: str
    hashed: bool
    entries: int
    contacts: int
    reading: float
    judging: float
    wrong: tuple[str, ...]


def suppressing(mode: str, entries: int, contacts: int) -> list[Suppressing]:
    """Measure each kind of list. mode: one of MODES."""
    with ExitStack() as open_things:
        folder = open_things.enter_context(temporary_folder("suppressing"))
        environment = {**os.environ, **common_environment(folder), "DJANGO_SETTINGS_MODULE": "gateway.settings"}
        if mode == "processes":
            environment |= open_things.enter_context(servers(durable=True))
        else:
            environment |= {"DATABASE_URL": f"sqlite:///{folder}/gateway.sqlite3", "CELERY_BROKER_URL": ""}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
        said = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.suppressing", mode, str(entries), str(contacts)],
            cwd=ROOT,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            timeout=LIMIT_SECONDS,
        )
    return [Suppressing(**{**one, "wrong": tuple(one["wrong"])}) for one in map(json.loads, said.stdout.splitlines())]


def suppressing_table(measured: list[Suppressing]) -> str:
    """One row for each list."""
    head = ("mode", "list", "entries", "read s", "contacts", "judged s")
    rows = [
        (
            MODES[one.mode],
            f"{one.holds}, SHA-256" if one.hashed else one.holds,
            f"{one.entries:,}",
            f"{one.reading:.1f}",
            f"{one.contacts:,}",
            f"{one.judging:.2f}",
        )
        for one in measured
    ]
    return aligned(head, rows)


def suppressing_aim(measured: list[Suppressing]) -> Iterator[str]:
    """One line for each mode: a page of contacts must not wait for its list."""
    for mode in dict.fromkeys(one.mode for one in measured):
        slowest = max(one.judging for one in measured if one.mode == mode)
        word = "reached" if slowest < AIM_SECONDS else "MISSED"
        yield f"{word:<8} {MODES[mode]}: contacts looked up in a list under {AIM_SECONDS:.0f} s ({slowest:.2f} s)"


def _measured(mode: str, entries: int, contacts: int) -> Iterator[Suppressing]:
    """In the measured process: what Django needs is imported once it is set up."""
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.auth.models import User

    from actions.models import SuppressionEntry, SuppressionList, SuppressionUpload
    from actions.suppression import receive
    from tests.lanes import work_on

    someone = User.objects.create_user("somebody")
    for holds, hashed in HOLDS:
        found = SuppressionList.objects.create(name=f"{holds} {hashed}", holds=holds, hashed=hashed)
        file = "".join(_value(holds, number) + "\n" for number in range(entries)).encode()
        upload = receive.begin(found, by=someone.pk, file_name="list.csv", size=len(file))
        size = receive.PIECE_BYTES
        receive.take(upload, (file[start : start + size] for start in range(0, len(file), size)))
        started = time.monotonic()
        while SuppressionUpload.objects.filter(pk=upload.pk, status="received").exists():
            work_on("uploads", [upload.pk])
        reading = time.monotonic() - started
        wrong = []
        if SuppressionEntry.objects.filter(suppression_list=found).count() != entries:
            wrong.append(f"{mode}, {holds}: the file was not read whole")
        runs = [_judge(found.name, holds, entries, contacts, settings.CHUNK_ROWS) for _ in range(RUNS)]
        judging, rejected = median(seconds for seconds, _ in runs), runs[0][1]
        if rejected != contacts // EVERY:
            wrong.append(f"{mode}, {holds}: {rejected} contacts rejected, not {contacts // EVERY}")
        yield Suppressing(mode, holds, hashed, entries, contacts, reading, judging, tuple(wrong))


def _judge(name: str, holds: str, entries: int, contacts: int, chunk: int) -> tuple[float, int]:
    """Judge contacts spread over the list and beside it, chunk by chunk as screening does; seconds, and how many are on it."""
    from concurrent.futures import ThreadPoolExecutor

    from actions.contract import Contact, Context, Word
    from actions.plan.merge import PlannedAction
    from actions.plan.run import run_plan
    from actions.suppression.lookups import suppressed

    match = "contact.id" if holds == "contact_id" else "properties.email"
    action = PlannedAction("s", "suppression", json.dumps({"list": name, "match": match}), "hold", "{}", "check", ())

    def lookup(wanted: str, values: object) -> object:
        return suppressed(wanted, values, project="Newsletter")  # type: ignore[arg-type]

    def context(_: PlannedAction) -> Context:
        return Context(
            "Newsletter",
            "",
            "",
            {},
            lambda: 60.0,
            lambda: None,
            lambda _: {},
            suppressed=lookup,  # type: ignore[arg-type,return-value]
        )

    step = max(1, entries * EVERY // contacts)
    people = []
    for number in range(contacts):
        place = number * step // EVERY if number % EVERY == 0 else entries + number
        people.append(Contact(_value("contact_id", place), {"email": _value("email", place)}))
    started = time.monotonic()
    rejected = 0
    with ThreadPoolExecutor(1) as pool:
        for first in range(0, contacts, chunk):
            result = run_plan([action], people[first : first + chunk], context, pool=pool)
            rejected += sum(verdict.word is Word.REJECT for verdict in result.verdicts)
    return time.monotonic() - started, rejected


def _value(holds: str, number: int) -> str:
    return f"A-{number:08}" if holds == "contact_id" else f"Reader.{number:08}@example.com"


if __name__ == "__main__":
    for one in _measured(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])):
        print(json.dumps(asdict(one)), flush=True)
