"""Time of a large batch's page: each tab, a search, a rare reason, and the polling of an open page.

Run as a module it is the measured process, in the environment of a gateway; `looking` starts it.
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

AIM_MS = 200.0
RUNS = 7
LIMIT_SECONDS = 1_800
# Every other contact is rejected, all for one reason but these few, of which so many are undecided and unreadable, too.
RARE = 6
AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Looking:
    """One address of the page: the middle and the longest of its answers, in ms; `rows`: contacts that it showed."""

    mode: str
    decisions: int
    what: str
    middle: float
    longest: float
    rows: int


def looking(mode: str, decisions: int) -> list[Looking]:
    """Measure the page over so many decisions. mode: one of MODES."""
    with ExitStack() as open_things:
        folder = open_things.enter_context(temporary_folder("looking"))
        environment = {**os.environ, **common_environment(folder), "DJANGO_SETTINGS_MODULE": "gateway.settings"}
        if mode == "processes":
            environment |= open_things.enter_context(servers(durable=True))
        else:
            environment |= {"DATABASE_URL": f"sqlite:///{folder}/gateway.sqlite3", "CELERY_BROKER_URL": ""}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
        said = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.pages", mode, str(decisions)],
            cwd=ROOT,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            timeout=LIMIT_SECONDS,
        )
    return [Looking(**one) for one in map(json.loads, said.stdout.splitlines())]


def looking_table(measured: list[Looking]) -> str:
    """One row for each address."""
    head = ("mode", "decisions", "page", "contacts shown", "middle ms", "longest ms")
    rows = [
        (MODES[one.mode], f"{one.decisions:,}", one.what, str(one.rows), f"{one.middle:.0f}", f"{one.longest:.0f}")
        for one in measured
    ]
    return aligned(head, rows)


def looking_aim(measured: list[Looking]) -> Iterator[str]:
    """One line for each mode: whoever reviews does not wait."""
    for mode in dict.fromkeys(one.mode for one in measured):
        slowest = max((one for one in measured if one.mode == mode), key=lambda one: one.middle)
        word = "reached" if slowest.middle < AIM_MS else "MISSED"
        yield (
            f"{word:<8} {MODES[mode]}: the page of a batch of {slowest.decisions:,} under {AIM_MS:.0f} ms "
            f"({slowest.middle:.0f} ms, {slowest.what})"
        )


def _measured(mode: str, decisions: int) -> Iterator[Looking]:
    """In the measured process: what Django needs is imported once it is set up."""
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client
    from django.utils import translation

    from sendouts.models import Batch, Chunk, Status
    from tests.factories import batch

    settings.ALLOWED_HOSTS = ["*"]
    translation.activate("en")
    rejected = decisions // 2
    usual = [2, "rule", "No consent", "consent-check", rejected - RARE]
    columns = {
        "accepted": decisions - rejected - 2 * RARE,
        "rejected": rejected,
        "undecided": RARE,
        "unread": RARE,
        "decisions": False,
        "reasons": [usual, [2, "rule", "Pressure", "frequency-cap", RARE]],
    }
    made = batch(Status.IN_REVIEW, held_for=["always"], **columns)
    _store(made.first_decision, decisions)
    size = settings.CHUNK_ROWS
    Chunk.objects.bulk_create(
        Chunk(batch=made, number=n, rows=size, accepted=size, rejected=0, undecided=0, unread=0, digest=b"")
        for n in range(decisions // size)
    )
    client = Client()
    client.force_login(User.objects.create_superuser("somebody"))
    page = f"/admin/sendouts/batch/{made.pk}/change/"
    last = decisions - 60
    asked = {
        "first": page,
        "get it": f"{page}?tab=accepted",
        "get it, near the end": f"{page}?tab=accepted&after={last}",
        "do not get it, near the end": f"{page}?tab=rejected&after={last}",
        "unreadable": f"{page}?tab=unread",
        "undecided": f"{page}?tab=undecided",
        "search, found": f"{page}?contact=A-{decisions - 1}",
        "search, not found": f"{page}?contact=A-nobody",
        "common reason": f"{page}?tab=rejected&reason=rule:consent-check",
        "rare reason": f"{page}?tab=rejected&reason=rule:frequency-cap",
        "reason that nobody has": f"{page}?tab=rejected&reason=rule:nobody",
        "live": page.replace("/change/", "/live/"),
    }
    for what, url in asked.items():
        yield _timed(client, mode, decisions, what, url)
    sending = {"status": Status.ACCEPTED, "confirmed": rejected // 2, "decided_at": made.received_at}
    Batch.objects.filter(pk=made.pk).update(**sending)
    yield _timed(client, mode, decisions, "live, rejections being sent", asked["live"])


def _timed(client: object, mode: str, decisions: int, what: str, url: str) -> Looking:
    taken = []
    rows = 0
    for _ in range(RUNS + 1):
        started = time.monotonic()
        answer = client.get(url)  # type: ignore[attr-defined]
        taken.append(1000 * (time.monotonic() - started))
        assert answer.status_code == 200, (url, answer.status_code)
        if "/live/" not in url:
            rows = len(answer.context_data["page"].contacts.rows)
    # The first one compiles the templates.
    return Looking(mode, decisions, what, median(taken[1:]), max(taken[1:]), rows)


def _store(first: int, decisions: int) -> None:
    """The decisions in the order of a file, stored as screening stores them."""
    from django.db import transaction

    from sendouts.stages.storage import NewDecision, insert_decisions

    def row(number: int) -> NewDecision:
        if number >= decisions - 4 * RARE and number % 2 == 0:
            unread = number % 4 == 0
            why = ("no_id", "", "") if unread else ("missing", "The field is missing.", "consent-check")
            return NewDecision(first + number, f"A-{number}", b"x" * 120, 0, unread, *why, None)
        if number % 2 == 0:
            return NewDecision(first + number, f"A-{number}", b"x" * 120, 1, False, "", "", "", None)
        name = "frequency-cap" if number > decisions - 2 * RARE else "consent-check"
        return NewDecision(first + number, f"A-{number}", b"x" * 120, 2, False, "rule", "No consent", name, None)

    for start in range(0, decisions, AT_ONCE):
        with transaction.atomic():
            insert_decisions(row(number) for number in range(start, min(start + AT_ONCE, decisions)))


if __name__ == "__main__":
    for one in _measured(sys.argv[1], int(sys.argv[2])):
        print(json.dumps(asdict(one)), flush=True)
