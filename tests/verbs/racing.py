"""Races in real threads: concurrent operations on batch after batch, each run to its end."""

import os
import threading
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.utils import translation

from sendouts.models import Batch
from sendouts.verbs.base import NotDone, Verb
from tests.gate import Gate, carry_out
from tests.lanes import advance_batches
from tests.stages.invariants import hold, hold_at_the_platform

# SQLite has one writer, so that most of these races cannot happen there.
# A race that can be lost is lost within three rounds at named points; `make chaos` runs twenty.
ROUNDS = int(os.environ.get("RACE_ROUNDS", "3"))


def race(*calls: Callable[[], Any]) -> list[str]:
    """Do all of this at the same moment, each in a thread; returns what each came to: “done”, or the code of a refusal."""
    start = threading.Barrier(len(calls))
    said = [""] * len(calls)

    def run(place: int, call: Callable[[], Any]) -> None:
        start.wait(10)
        try:
            with translation.override("en"):
                call()
            said[place] = "done"
        except NotDone as refusal:
            said[place] = refusal.code
            assert str(refusal)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return said


class Rounds:
    """Batches of one project, one after the other, each raced over and then taken to its end."""

    def __init__(self, gate: Gate, **policy: Any) -> None:
        self.gate = gate
        self.project = gate.project(**({"review": "always"} | policy))

    def fire(self, *, work: bool = True, **wanted: Any) -> tuple[Batch, Any]:
        sent = self.gate.fire(**({"contacts": 20} | wanted))
        self.gate.plan()
        if work:
            self.advance(self.last())
        return self.last(), sent

    def last(self) -> Batch:
        return Batch.objects.select_related("project", "sendout", "plan").latest("pk")

    def advance(self, batch: Batch) -> None:
        advance_batches([batch.pk])

    def check(self, sent: Any) -> Batch:
        """Take the last batch as far as it goes, and look at all of it."""
        self.advance(self.last())
        batch = self.last()
        hold([batch])
        hold_at_the_platform(self.gate.platform, sent, batch)
        return batch


def verb(do: Verb[Any], batch: Batch, user: User, **more: Any) -> Callable[[], Any]:
    return lambda: carry_out(do, batch, user, **more)
