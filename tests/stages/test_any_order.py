"""Hooks, workers, deaths, people and the clock in any order: whatever happened, what is promised holds.

`HYPOTHESIS_PROFILE=long` looks further, at other examples each time.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import hypothesis
import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone, translation
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sendouts import lifecycle
from sendouts.models import Batch, DecisionVerdict, Event, Status, Webhook
from sendouts.stages import advance, delivery, finishing, review
from sendouts.stages.screening import contact_file
from sendouts.verbs import Accept, ChangeDecisions, GiveUp, Reject, RunAgain, StopRelease, TakeOn, TryAgain, stop
from sendouts.verbs.base import NotDone, Verb
from simulator.client import Report
from tests.examples import THOROUGH
from tests.gate import Gate, carry_out, person
from tests.lanes import advance_batches
from tests.stages.invariants import hold
from tests.stages.rows import Killed
from work import claims

STAGES = advance.STAGES
# How many examples of how many steps: few at each `make test`.
LOOKED_AT = hypothesis.settings(
    max_examples=500 if THOROUGH else 15,
    stateful_step_count=60 if THOROUGH else 30,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
CONTACTS = st.lists(st.sampled_from([True, True, False, None]), min_size=1, max_size=5)
FAULTS = [
    [],
    [{"kind": "status", "on": "reject", "status": 500, "times": 1}],
    [{"kind": "status", "on": "reject", "status": 404, "share": 0.5}],
    [{"kind": "reset_after", "on": "reject", "times": 1}],
    [{"kind": "reset_after", "on": "finish", "times": 1}],
    [{"kind": "status", "on": "finish", "status": 500, "times": 1}],
    [{"kind": "status", "on": "download", "status": 503, "times": 1}],
]
# Where a worker dies: before it stores a chunk, with rejections under way, before it stores an answer, with the release called.
DEATHS: list[tuple[Any, str]] = [
    (contact_file, "insert_decisions"),
    (delivery, "_collect"),
    (delivery, "_store"),
    (delivery, "_conclude"),
    (finishing, "_conclude"),
    (review, "release"),
]
VERBS: dict[str, Verb[Any]] = {
    "accept": Accept(),
    "accept all": Accept(undecided="accept"),
    "refuse": Reject(),
    "undo": StopRelease(),
    "run again": RunAgain(),
    "retry": TryAgain(),
    "take on": TakeOn(),
    "give up": GiveUp(),
}


# What is possible in a status, the likely more often.
FITTING: dict[str, list[str]] = {
    "planned": ["run again", "retry"],
    "in_review": ["accept", "accept", "accept all", "refuse", "refuse", "run again"],
    "accepted": ["undo", "undo", "retry", "take on", "give up"],
    "refused": ["undo", "undo", "retry", "take on"],
    "delivered": ["undo", "undo", "take on", "retry"],
}


class AnyOrder(RuleBasedStateMachine):
    """One example, in a transaction that is rolled back at its end."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self.gate = gate
        self.sent: dict[int, Report] = {}
        self.seen: dict[int, int] = {}
        self._transaction = transaction.atomic()
        self._transaction.__enter__()
        gate.platform.reset()
        gate.platform.faults()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._transaction.__exit__(None, None, None)

    @initialize(policy=st.sampled_from(["never", "always"]), declared=st.sampled_from(["leave", "accept", "reject"]))
    def begin(self, policy: str, declared: str) -> None:
        self.gate.project(review=policy, at_deadline=declared)
        self.boss = person("boss", "view_batch", "review_batch", "take_on_batch")
        self.hook([True, False, None], "batch")

    # --- the platform

    @precondition(lambda self: len(self.sent) < 3)
    @rule(contacts=CONTACTS, kind=st.sampled_from(["batch", "batch", "single"]))
    def hook(self, contacts: list[bool | None], kind: str) -> None:
        rows = [
            {"contactId": f"A-{place}", "properties": {} if consent is None else {"consent": consent}}
            for place, consent in enumerate(contacts)
        ]
        sent = self.gate.fire(kind, rows=rows, contacts=len(rows), due="none", faults={"repeat_status": 410})
        (batch_id,) = self.gate.plan()
        self.sent[batch_id] = sent

    @rule(faults=st.sampled_from(FAULTS))
    def faults(self, faults: list[dict[str, Any]]) -> None:
        self.gate.platform.faults(faults=faults)

    # --- workers

    @rule(stage=st.integers(0, len(STAGES) - 1))
    def one_stage(self, stage: int) -> None:
        with patch.object(advance, "STAGES", (STAGES[stage],)):
            self._advance()

    @rule()
    def all_stages(self) -> None:
        self._advance()

    @rule(death=st.integers(0, len(DEATHS) - 1))
    def a_worker_dies(self, death: int) -> None:
        with killed_at(*DEATHS[death]) as died:
            self._advance()
        if died:
            self._excuse()

    @rule()
    def claims_run_out(self) -> None:
        past = timezone.now() - timedelta(seconds=1)
        Batch.objects.filter(claim_id__isnull=False).update(claimed_until=past)

    @rule()
    def the_embedded_process_starts_again(self) -> None:
        claims.drop_all(Batch)

    def _advance(self) -> None:
        due = Batch.objects.filter(due_at__gt=timezone.now()).exclude(status=Status.IN_REVIEW)
        due.update(due_at=timezone.now())
        advance_batches(list(Batch.objects.order_by("pk").values_list("pk", flat=True)))

    def _excuse(self) -> None:
        for sent in self.sent.values():
            self.gate.platform.excuse(sent["id"])

    # --- the clock

    @rule(share=st.sampled_from([0.3, 0.6, 1.0]))
    def time_passes(self, share: float) -> None:
        gone = timedelta(hours=1) * share
        moments = ("received_at", "deadline", "due_at", "claimed_until")
        Batch.objects.filter(ended_at__isnull=True).update(**{name: F(name) - gone for name in moments})

    @rule()
    def the_sweep_comes(self) -> None:
        lifecycle.expire(timezone.now())
        self._advance()

    # --- people

    @rule(place=st.integers(0, 2))
    def somebody_looks(self, place: int) -> None:
        batch = self._batch(place)
        self.seen[batch.pk] = batch.revision

    @rule(place=st.integers(0, 2), verb=st.sampled_from(sorted(VERBS)), fresh=st.booleans())
    def somebody_asks_for_anything(self, place: int, verb: str, fresh: bool) -> None:
        self._do(self._batch(place), fresh, VERBS[verb])

    @rule(place=st.integers(0, 2), verb=st.integers(0, 11))
    def somebody_does_what_is_possible(self, place: int, verb: int) -> None:
        batch = self._batch(place)
        possible = FITTING.get(batch.status, ["accept"])
        self._do(batch, True, VERBS[possible[verb % len(possible)]])

    @precondition(lambda self: self._held())
    @rule(
        verb=st.sampled_from(["accept", "refuse", "accept all"]),
        death=st.sampled_from([1, 1, 2, 3, 4]),
        rows=st.sets(st.integers(0, 4)),
    )
    def a_worker_dies_of_what_somebody_decides_and_it_is_stopped(self, verb: str, death: int, rows: set[int]) -> None:
        """A way that chance finds too seldom, and that must hold whatever came before it."""
        batch = self._held()[0]
        self._do(batch, True, VERBS[verb])
        self.a_worker_dies(death)
        self._do(Batch.objects.get(pk=batch.pk), True, StopRelease())
        for row in sorted(rows):
            self._change(Batch.objects.get(pk=batch.pk), row, DecisionVerdict.ACCEPTED)

    def _held(self) -> list[Batch]:
        return list(Batch.objects.filter(pk__in=self.sent, status=Status.IN_REVIEW).order_by("pk"))

    @rule(
        place=st.integers(0, 2),
        row=st.integers(0, 4),
        to=st.sampled_from([DecisionVerdict.ACCEPTED, DecisionVerdict.REJECTED]),
    )
    def somebody_changes_a_contact(self, place: int, row: int, to: DecisionVerdict) -> None:
        self._change(self._batch(place), row, to)

    def _change(self, batch: Batch, row: int, to: DecisionVerdict) -> None:
        self._do(batch, True, ChangeDecisions([batch.first_decision + row], to))

    def _batch(self, place: int) -> Batch:
        return Batch.objects.get(pk=sorted(self.sent)[place % len(self.sent)])

    def _do(self, batch: Batch, fresh: bool, verb: Verb[Any]) -> None:
        revision = batch.revision if fresh else self.seen.get(batch.pk, batch.revision)
        events = Event.objects.filter(batch=batch).count()
        try:
            carry_out(verb, batch, self.boss, revision=revision)
        except NotDone as refusal:
            assert str(refusal)
            now = Batch.objects.get(pk=batch.pk)
            assert (now.status, now.revision, now.final) == (batch.status, batch.revision, batch.final)
            assert Event.objects.filter(batch=batch).count() == events
        else:
            assert revision == batch.revision, "nobody decides on what they did not see"
            assert Batch.objects.get(pk=batch.pk).revision > batch.revision

    # --- what must be true

    @invariant()
    def what_is_promised_holds(self) -> None:
        hold(Batch.objects.filter(pk__in=self.sent))
        for batch in Batch.objects.filter(pk__in=self.sent):
            seen = self.gate.platform.sendout(self.sent[batch.pk]["id"])
            assert seen["violations"] == []
            assert batch.confirmed <= seen["rejected"] <= stop.count_sent_rejections(batch)
            words = list(Event.objects.filter(batch=batch).values_list("word", flat=True))
            assert seen["calls"]["finish"] <= words.count("finish_sent") + words.count("finish_repeated")
            assert words.count("finish_sent") <= 1
            if seen["finished"]:
                assert batch.finish_sent_at is not None
                assert seen["accepted"] <= batch.accepted + batch.taken_on
                assert seen["accepted"] + seen["rejected"] == batch.total
        assert not Webhook.objects.exclude(outcome="planned").exists()


@contextmanager
def killed_at(module: Any, name: str) -> Iterator[list[bool]]:
    """A process that is killed when it comes to this function; tells whether it came there."""
    died: list[bool] = []
    release = claims.Claim.release

    def kill(*_: Any, **__: Any) -> None:
        died.append(True)
        raise Killed

    def release_if_alive(claim: claims.Claim) -> None:
        if not died:
            release(claim)

    with patch.object(module, name, kill), patch.object(claims.Claim, "release", release_if_alive), suppress(Killed):
        yield died


@pytest.mark.django_db
def test_whatever_happens_in_whatever_order_the_promises_hold(gate: Gate, settings: Any) -> None:
    settings.CHUNK_ROWS = 2
    with translation.override("en"):
        run_state_machine_as_test(lambda: AnyOrder(gate), settings=LOOKED_AT)
