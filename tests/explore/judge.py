"""What must be true at each call, and at the end of a schedule."""

from __future__ import annotations

import traceback
from typing import Any

from sendouts import rules
from sendouts.models import Batch, Event
from simulator.platform.sendouts import ACCEPTED, REJECTED, Sendout
from tests.chaos import stored
from tests.explore.audit import Audit, Row
from tests.explore.platform import Call
from tests.explore.virtual.clock import EPOCH, clock
from tests.explore.virtual.database import database
from tests.explore.virtual.scheduler import Task
from tests.stages import invariants

# Seconds after the deadline in which a call may still leave: the clock is read a little before.
GRACE = 1.0


class Judge(Audit):
    """Judges the calls as they leave and as they take effect, and what is left at the end."""

    # --- at each call

    def at_call(self, call: Call) -> None:
        """A call that leaves must be right by the rows, as its caller knew them."""
        if call.kind == "files":
            return
        batch_id = self.batch_of.get(call.sendout.id)
        row = self.rows.get(batch_id or 0)
        if row is None:
            self.complain(f"{call.kind} is called for {call.sendout.id}, which no batch came of")
            return
        late = clock.now - self.seconds(row.deadline)
        if late > GRACE and not self._is_excused(call.task, late):
            self.complain(f"{call.kind} of batch {row.id} left {late:.1f} s after its deadline")
        if self._changed_since(row.id, call.task):
            return
        held = self.holders.get(row.claim or "")
        if held is None or held.task is not call.task:
            self.complain(f"{call.kind} of batch {row.id} left from a worker that does not hold it")
        if call.kind == "finish":
            if row.status != "delivered" or not row.finish_sent_at or not row.finish_lost:
                self.complain(f"finishUri of batch {row.id} was called without an intent")
        else:
            self._check_rejection(row, call)

    def _check_rejection(self, row: Row, call: Call) -> None:
        found = database.fetch(
            "SELECT verdict, answer FROM sendouts_decision WHERE id = ?", (row.id << 32) + call.number
        )
        if row.status not in ("accepted", "refused"):
            self.complain(f"a rejection of batch {row.id} left while it was {row.status}")
        elif not found or found[0][0] != 2:
            self.complain(f"a rejection of batch {row.id} left for a contact that is not rejected")
        elif found[0][1] not in (0, 2, 3):
            self.complain(f"a rejection of batch {row.id} left though its answer is stored")

    def _is_excused(self, task: Task, late: float) -> bool:
        """A worker that stood still, or whose clock is behind, could not know."""
        began, ended = task.stalled
        return task.process.offset < -GRACE or (
            ended - began > 0 and clock.now - ended < late and ended > clock.now - late - 1
        )

    def _changed_since(self, batch_id: int, task: Task) -> bool:
        return any(at >= task.asked_at and by is not task for at, by in reversed(self.changes.get(batch_id, [])[-20:]))

    def at_effect(self, call: Call) -> None:
        """What the platform does now must be known, or be taken for lost, in the rows."""
        row = self.rows.get(self.batch_of.get(call.sendout.id, 0))
        if row is None or call.kind == "files":
            return
        pk = (row.id << 32) + call.number
        if call.kind == "reject":
            may = database.fetch(
                "SELECT 1 FROM sendouts_decision d WHERE d.id = ?1 AND d.verdict = 2 AND (d.answer <> 0 OR EXISTS (SELECT 1 FROM "
                "sendouts_chunk c JOIN sendouts_batch b ON b.id = c.batch_id WHERE c.batch_id = ?2 AND c.sending AND "
                "?3 >= c.number * b.chunk_rows AND ?3 < c.number * b.chunk_rows + c.rows))",
                pk,
                row.id,
                call.number,
            )
            if not may and not self._stalled_lately(call.task):
                self.complain(f"contact {call.number} of batch {row.id} is rejected, and the rows know nothing of it")
            return
        self._check_release(row, call.sendout)

    def _stalled_lately(self, task: Task) -> bool:
        return clock.now - task.stalled[1] < 30.0 and task.stalled[1] > 0

    def _check_release(self, row: Row, sendout: Sendout) -> None:
        if sendout.deliveries[0].finished_at is not None:
            return
        verdicts = database.fetch(
            "SELECT id & 4294967295, verdict, answer, decided_by_id, unread FROM sendouts_decision "
            "WHERE id >= ?1 AND id < ?2 ORDER BY id",
            row.id << 32,
            (row.id + 1) << 32,
        )
        if len(verdicts) != len(sendout.states):
            self.complain(f"batch {row.id} is released with {len(verdicts)} of {len(sendout.states)} contacts known")
        for place, verdict, answer, by, _unread in verdicts:
            if verdict == 2 and answer != 5 and sendout.states[place] != REJECTED:
                self.complain(f"batch {row.id} is released with contact {place} rejected here and not there")
            if verdict == 1 and sendout.states[place] == REJECTED:
                self.complain(f"batch {row.id} is released with contact {place} accepted here and rejected there")
            if verdict == 1 and by is None and self.due[sendout.id][place] is not True:
                self.complain(
                    f"contact {place} of batch {row.id} is released, and neither check nor person accepted it"
                )

    # --- at the end

    def at_end(self, hooks: dict[Any, str], settled_from: float) -> None:
        """Nothing is left open but what waits for a person, and both sides agree."""
        gateway: Any = _Rows()
        found = stored.batches(gateway)
        told = stored.histories(gateway)
        for each in found:
            calls = sum(word in ("finish_sent", "finish_repeated") for word, _, _ in told[each.id])
            if calls != each.finish_attempts:
                self.complain(f"batch {each.id} intended {each.finish_attempts} calls of finishUri, {calls} are told")
        known = stored.hooks(gateway)
        for uuid, sendout in hooks.items():
            outcome, batch = known.get(uuid, ("", None))
            if outcome not in ("planned", "duplicate") or batch is None:
                self.complain(f"the hook of {sendout} was acknowledged and is {outcome or 'lost'}")
        try:
            # What expired in the middle of its screening has rows, and no counts yet.
            screened = Event.objects.filter(word="moved", new="screened").values("batch_id")
            invariants.hold(Batch.objects.exclude(status="expired") | Batch.objects.filter(pk__in=screened))
        except AssertionError as broken:
            where = traceback.extract_tb(broken.__traceback__)[-1]
            self.complain(f"an invariant is broken: {where.name}: {where.line} {broken}")
        for batch in Batch.objects.all():
            self._check_end(batch, settled_from)

    def _check_end(self, batch: Batch, settled_from: float) -> None:
        row = self.rows[batch.pk]
        sendout = next(each for each in self.platform.world.sendouts.values() if self.batch_of.get(each.id) == batch.pk)
        if batch.is_open and clock.now > self.seconds(row.deadline) + 60:
            self.complain(f"batch {batch.pk} is {batch.status} long after its deadline")
        if batch.status == "expired":
            self._check_expired(batch, settled_from)
        if row.finish_attempts < sendout.calls["finish"]:
            self.complain(f"finishUri of batch {batch.pk} was called more often than intended")
        if batch.attention == "finish_unconfirmed" and not batch.finish_lost and sendout.deliveries[0].finished_at:
            self.complain(f"batch {batch.pk} is released, and the rows say that the platform refused it")
        refused = database.fetch(
            "SELECT id & 4294967295 FROM sendouts_decision WHERE id >= ?1 AND id < ?2 AND answer = 4",
            batch.pk << 32,
            (batch.pk + 1) << 32,
        )
        confirmed = database.fetch(
            "SELECT id & 4294967295 FROM sendouts_decision WHERE id >= ?1 AND id < ?2 AND answer = 1",
            batch.pk << 32,
            (batch.pk + 1) << 32,
        )
        if any(sendout.states[place] == REJECTED for (place,) in refused):
            self.complain(f"batch {batch.pk}: a rejection took effect, and the rows say that it was refused")
        if any(sendout.states[place] != REJECTED for (place,) in confirmed):
            self.complain(f"batch {batch.pk}: a rejection is confirmed here, and did not take effect there")
        if batch.status == "finished" and not batch.taken_on:
            here, there = (
                (batch.accepted, batch.confirmed),
                (sendout.states.count(ACCEPTED), sendout.states.count(REJECTED)),
            )
            if here != there and sendout.deliveries[0].finished_at:
                self.complain(f"batch {batch.pk}: {here} accepted and rejected here, {there} there")

    def _check_expired(self, batch: Batch, settled_from: float) -> None:
        """Whatever could be done before the deadline, was."""
        deadline = self.seconds(self.rows[batch.pk].deadline)
        before = batch.events.filter(word="moved").order_by("pk").last().old
        if (acts := batch.events.filter(user__isnull=False).order_by("pk").last()) is not None:
            settled_from = max(settled_from, acts.at.timestamp() - EPOCH + 30)
        if before != "in_review":
            if settled_from < deadline and not batch.attention:
                self.complain(f"batch {batch.pk} was {before} when it expired, though nothing was wrong any more")
            return
        window = (batch.deadline - batch.received_at).total_seconds()
        if settled_from > deadline - window / 5 or batch.attention or batch.at_deadline == "leave" or not batch.total:
            return
        if batch.at_deadline == "accept" and (batch.unjudged() or rules.clock_waits(batch)):
            return
        if not batch.events.filter(user__isnull=False).exists():
            self.complain(f"batch {batch.pk} expired, and the clock should have decided")


class _Rows:
    """Stands for a deployment, whose tables `tests/chaos/stored.py` reads."""

    def rows(self, sql: str) -> list[Any]:
        return database.fetch(sql)
