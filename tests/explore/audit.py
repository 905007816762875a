"""What must be true after each commit.

The rows are read past Django, so that the audit costs little and shares no code with what it judges.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from tests.explore.platform import Platform
from tests.explore.virtual.clock import EPOCH, clock
from tests.explore.virtual.database import database
from tests.explore.virtual.scheduler import Process, Scheduler, Task
from work import pulses

OPEN = ("planned", "screened", "in_review", "accepted", "refused", "delivered")
# Joined with nothing, a column loses its declared type, by which Django would convert it.
_BATCHES = """
SELECT id, status, revision, claim_id, claimed_until || '', deadline || '', due_at || '', attention, finish_sent_at || '', finish_lost,
  finish_key, finish_status, finish_attempts, total, accepted, rejected, undecided, unread, confirmed, taken_on, file_complete, deaths
FROM sendouts_batch ORDER BY id"""


# What stages find out about a batch.
_RESULTS = ("total", "accepted", "rejected", "undecided", "unread", "confirmed")


@dataclass(frozen=True, slots=True)
class Row:
    """A batch as stored."""

    id: int
    status: str
    revision: int
    claim: str | None
    claimed_until: str | None
    deadline: str
    due_at: str | None
    attention: str
    finish_sent_at: str | None
    finish_lost: int
    finish_key: str
    finish_status: int
    finish_attempts: int
    total: int
    accepted: int
    rejected: int
    undecided: int
    unread: int
    confirmed: int
    taken_on: int
    file_complete: int
    deaths: int


@dataclass(slots=True)
class Held:
    """Who holds a claim, and since when."""

    task: Task | None
    process: Process | None


class Audit:
    """Watches one schedule; `wrong` collects what is not as promised."""

    def __init__(self, scheduler: Scheduler, platform: Platform) -> None:
        self.wrong: list[str] = []
        self._scheduler, self.platform = scheduler, platform
        self.rows: dict[int, Row] = {}
        self.holders: dict[str, Held] = {}
        # When a task other than this one last changed a batch, by batch.
        self.changes: dict[int, list[tuple[float, Task | None]]] = {}
        self.batch_of: dict[str, int] = {}
        self.sendout_of: dict[str, str] = {}
        self.due: dict[str, list[Any]] = {}
        self.by_person: Callable[[Task | None], bool] = lambda task: task is not None and task.name.startswith("person")

    def complain(self, sentence: str) -> None:
        self.wrong.append(f"at {clock.now:.3f} s: {sentence}")
        self._scheduler.trace(f"WRONG {sentence}")

    # --- after each commit

    def after_commit(self, task: Task | None) -> None:
        rows = {row[0]: Row(*row) for row in database.fetch(_BATCHES)}
        now = str(clock.database_moment().replace(tzinfo=None))
        changed = [row for row in rows.values() if self.rows.get(row.id) != row]
        for row in changed:
            before = self.rows.get(row.id)
            if before is None:
                self.batch_of[self.sendout_of[row.finish_key]] = row.id
            self.changes.setdefault(row.id, []).append((clock.now, task))
            if before is not None:
                self._check_claim(before, row, task, now)
                if before.status != row.status:
                    self._check_move(before, row, task)
                if any(getattr(before, name) != getattr(row, name) for name in _RESULTS):
                    self._check_results(before, row, task)
                if before.revision > row.revision:
                    self.complain(f"the revision of batch {row.id} went back")
            elif row.claim:
                self.holders[row.claim] = Held(task, task.process if task else None)
            self._check_row(row)
        self.rows = rows
        if changed:
            self._scheduler.trace(
                " ".join(f"{row.id}:{row.status}/{row.revision}{'c' if row.claim else ''}" for row in changed)
            )

    def after_task(self, task: Task) -> None:
        """A task that came to its end, and was not killed, has given back what it held."""
        for row in [] if task.failed_by_database else self.rows.values():
            held = self.holders.get(row.claim or "")
            if held is not None and held.task is task:
                self.complain(f"{task.name} ended, and keeps its claim on batch {row.id}")

    def _check_results(self, before: Row, row: Row, task: Task | None) -> None:
        """Only who holds a batch stores results; a change of many decisions holds a row of its own."""
        held = self.holders.get(before.claim or "")
        if task is None or self.by_person(task) or "changes" in task.name or (held is not None and held.task is task):
            return
        self.complain(f"results of batch {row.id} were stored by a worker that does not hold it")

    def _check_claim(self, before: Row, row: Row, task: Task | None, now: str) -> None:
        """A claim that has not run out ends only by its holder, or by a person's act."""
        if row.claim == before.claim:
            return
        if row.claim:
            self.holders[row.claim] = Held(task, task.process if task else None)
        if before.claim is None:
            return
        held = self.holders.get(before.claim, Held(None, None))
        valid = (before.claimed_until or "") > now
        if valid and held.task is not task and not self.by_person(task) and not self._at_start(task):
            what = "was taken over" if row.claim else "was dropped by somebody else"
            self.complain(f"a claim on batch {row.id} that had not run out {what}")
        if row.claim and not valid and row.deaths <= before.deaths and not self._outage_since(before):
            self.complain(f"batch {row.id} was taken over from a worker that died, and its death is not counted")

    @staticmethod
    def _outage_since(before: Row) -> bool:
        """Return whether the surroundings failed while a claim was held: its end proves nothing about the row then."""
        sql = "SELECT 1 FROM sendouts_pulse WHERE name = ? AND julianday(at) >= julianday(?) - ? / 86400.0"
        return bool(database.fetch(sql, pulses.OUTAGE, before.claimed_until, settings.CLAIM_SECONDS + 0.1))

    @staticmethod
    def _at_start(task: Task | None) -> bool:
        return task is not None and task.name == "start"

    def _check_move(self, before: Row, row: Row, task: Task | None) -> None:
        """A worker moves only what it holds; nobody ends what is at work, or before its time."""
        now = clock.now
        if row.revision <= before.revision:
            self.complain(f"batch {row.id} went from {before.status} to {row.status} at the same revision")
        if row.status == "expired":
            if self.seconds(row.deadline) > now + 1:
                self.complain(f"batch {row.id} expired {self.seconds(row.deadline) - now:.0f} s before its deadline")
            if before.claim and self.seconds(before.claimed_until) > now + 1 and self._is_alive(before.claim):
                self.complain(f"batch {row.id} expired while a worker had it")
        elif row.status == "finished":
            pass
        elif before.status != "planned" or row.status != "abandoned":
            held = self.holders.get(before.claim or "")
            if not self.by_person(task) and (held is None or held.task is not task):
                self.complain(
                    f"batch {row.id} went from {before.status} to {row.status} by a worker that does not hold it"
                )
        if before.status == "in_review" and not self.by_person(task):
            self._check_clock(before, row)
        if row.status == "in_review" and row.finish_sent_at and before.finish_sent_at:
            self.complain(f"the release of batch {row.id} was stopped after it was called")
        if row.status == "delivered" and row.rejected > row.confirmed + row.taken_on:
            self.complain(f"batch {row.id} goes on with rejections open")
        if row.status == "accepted" and row.undecided:
            self.complain(f"batch {row.id} is accepted with {row.undecided} undecided")
        if row.status == "accepted" and not row.file_complete:
            self.complain(f"batch {row.id} is accepted, though its file has no proven end")

    def _check_clock(self, before: Row, row: Row) -> None:
        """The declared action never meets a batch on hold, or one of which two people must accept."""
        if row.status not in ("accepted", "refused"):
            return
        if database.fetch("SELECT 1 FROM sendouts_hold WHERE batch_id = ?", row.id):
            self.complain(f"the clock decided on batch {row.id}, which is on hold")
        if before.due_at is None:
            self.complain(f"the clock decided on batch {row.id}, which was not due")
        two = database.fetch(
            "SELECT p.second_person_from FROM sendouts_batch b JOIN actions_project p ON p.id = b.project_id "
            "WHERE b.id = ? AND b.total >= p.second_person_from",
            row.id,
        )
        if row.status == "accepted" and two:
            self.complain(f"the clock accepted batch {row.id}, which needs two people")

    def _check_row(self, row: Row) -> None:
        if row.finish_sent_at and (not row.file_complete or row.undecided or row.unread):
            self.complain(f"batch {row.id} is released with rows undecided or unread")
        if row.confirmed + row.taken_on > row.rejected:
            self.complain(f"batch {row.id} has more confirmed rejections than rejections")
        ((told, last),) = database.fetch(
            "SELECT COALESCE(SUM(revision > 0), 0), (SELECT new FROM sendouts_event WHERE batch_id = ?1 AND word = 'moved' "
            "ORDER BY id DESC LIMIT 1) FROM sendouts_event WHERE batch_id = ?1",
            row.id,
        )
        if row.revision != 1 + told:
            self.complain(f"batch {row.id} has revision {row.revision} after {told} changes")
        if last != row.status:
            self.complain(f"batch {row.id} is {row.status}, its events end with {last}")

    def _is_alive(self, claim: str) -> bool:
        held = self.holders.get(claim)
        return held is not None and held.process is not None and held.process.alive

    @staticmethod
    def seconds(text: str | None) -> float:
        """Return a stored time as virtual seconds."""
        if text is None:
            return float("-inf")
        ((seconds,),) = database.fetch("SELECT (julianday(?) - 2440587.5) * 86400 - ?", text, EPOCH)
        return float(seconds)
