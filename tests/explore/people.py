"""People in a schedule: they look, think, and act on what they saw, which may be old by then."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from sendouts.models import Batch, Decision, DecisionVerdict, Event
from sendouts.models.decision import rows_of
from sendouts.verbs import Accept, ChangeDecisions, GiveUp, Reject, RunAgain, StopRelease, TakeOn, TryAgain
from sendouts.verbs.base import Act, NotDone, Verb
from sendouts.verbs.change_many import CancelChange, ChangeAlike, Which
from sendouts.verbs.hold import LiftHold, PutOnHold
from sendouts.verbs.second_person import TakeBack
from tests.explore.audit import OPEN
from tests.explore.virtual.scheduler import Scheduler

# What a person does in a status, the likely more often.
HABITS: dict[str, dict[str, int]] = {
    "planned": {"run again": 1, "retry": 2},
    "screened": {"retry": 1},
    "in_review": {
        "accept": 5,
        "accept all": 2,
        "reject": 3,
        "change": 6,
        "hold": 3,
        "lift hold": 3,
        "change many": 2,
        "cancel change": 1,
        "take back": 1,
        "run again": 1,
    },
    "accepted": {"stop": 8, "retry": 2, "take on": 1, "give up": 1},
    "refused": {"stop": 8, "retry": 2, "take on": 1},
    "delivered": {"stop": 8, "retry": 2, "take on": 1},
    "expired": {"accept": 1, "stop": 1},
    "finished": {"stop": 1, "accept": 1},
    "abandoned": {"accept": 1},
}
ALL = sorted({name for habits in HABITS.values() for name in habits})


@dataclass(frozen=True, slots=True)
class Habits:
    """How a schedule's people are: how many acts, how often on old numbers or for no reason, how fast."""

    acts: int = 0
    stale: float = 0.2
    wild: float = 0.1
    # Seconds between two acts, and from a look to the act.
    pause: float = 20.0
    thinks: float = 2.0


class Person:
    """Acts some times, each time on one batch; `wrong` is told what must not have happened."""

    def __init__(
        self, scheduler: Scheduler, user: User, habits: Habits, wrong: Callable[[str], None], *, may_decide: bool = True
    ) -> None:
        self._scheduler, self._draw = scheduler, scheduler.draw
        self._user, self._habits, self._wrong, self._may_decide = user, habits, wrong, may_decide
        self._seen: dict[int, int] = {}

    def act(self) -> None:
        """Look at a batch, and do something about it."""
        ids = list(Batch.objects.order_by("pk").values_list("pk", flat=True))
        if not ids:
            return
        pk = self._draw.choice(ids)
        batch = Batch.objects.get(pk=pk)
        old = self._seen.get(pk, batch.revision)
        self._seen[pk] = batch.revision
        name = self._choose(batch)
        verb = self._verb(name, batch)
        if verb is None:
            return
        self._scheduler.sleep(self._draw.expovariate(1 / self._habits.thinks) if self._draw.random() < 0.5 else 0.001)
        revision = old if self._draw.random() < self._habits.stale else batch.revision
        self._carry_out(name, verb, pk, revision)

    def _choose(self, batch: Batch) -> str:
        if self._draw.random() < self._habits.wild:
            return self._draw.choice(ALL)
        habits = HABITS[batch.status]
        return self._draw.choices(list(habits), list(habits.values()))[0]

    def _verb(self, name: str, batch: Batch) -> Verb[Any] | None:
        if name == "change":
            rows = list(Decision.objects.filter(rows_of(batch.pk)).order_by("pk").values_list("pk", flat=True))
            verdict = self._draw.choice((DecisionVerdict.ACCEPTED, DecisionVerdict.REJECTED))
            return ChangeDecisions([self._draw.choice(rows)], verdict) if rows else None
        if name == "change many":
            before, after = self._draw.sample(list(DecisionVerdict), 2)
            return ChangeAlike(Which(before), after) if after != DecisionVerdict.UNDECIDED else None
        return VERBS[name]()

    def _carry_out(self, name: str, verb: Verb[Any], pk: int, revision: int) -> None:
        note = "" if self._draw.random() < 0.1 else "Why."
        act = Act(self._user, revision, note, timezone.now())
        # What is true under the lock is what counts: nobody else acts between this check and the verb's own.
        checked: dict[str, Any] = {}
        carry_out = type(verb).carry_out

        def look(batch: Batch, given: Act) -> Any:
            events = Event.objects.filter(batch=batch).count()
            checked.update(revision=batch.revision, status=batch.status, deadline=batch.deadline, events=events)
            checked["changing"] = bool(batch.running_change) and not verb.while_changing
            return carry_out(verb, batch, given)

        object.__setattr__(verb, "carry_out", look)
        try:
            verb.run(pk, act)
        except NotDone as refusal:
            self._scheduler.trace(f"{name} {pk}: {refusal.code}")
            return
        self._scheduler.trace(f"{name} {pk} at revision {revision}: done")
        self._judge(name, verb, act, checked)

    def _judge(self, name: str, verb: Verb[Any], act: Act, checked: dict[str, Any]) -> None:
        told = f"“{name}” was carried out"
        if not self._may_decide:
            self._wrong(f"{told} for somebody without the permission")
        if act.revision != checked["revision"]:
            self._wrong(f"{told} on revision {checked['revision']}, and the person saw {act.revision}")
        if checked["status"] not in verb.statuses:
            self._wrong(f"{told} on a batch that is {checked['status']}")
        if checked["status"] in OPEN and act.now >= checked["deadline"]:
            self._wrong(f"{told} after the deadline")
        if checked["changing"]:
            self._wrong(f"{told} while many decisions were being changed")
        if verb.needs_note and not act.note:
            self._wrong(f"{told} without a note")

    def live(self) -> None:
        """Act as often as the habits say."""
        for _ in range(self._habits.acts):
            self._scheduler.sleep(self._draw.expovariate(1 / self._habits.pause))
            self.act()
            while self._draw.random() < 0.4:
                # Somebody who is at it does several things.
                self.act()


VERBS: dict[str, Callable[[], Verb[Any]]] = {
    "accept": Accept,
    "accept all": lambda: Accept(undecided="accept"),
    "reject": Reject,
    "hold": PutOnHold,
    "lift hold": LiftHold,
    "cancel change": CancelChange,
    "take back": TakeBack,
    "stop": StopRelease,
    "run again": RunAgain,
    "retry": TryAgain,
    "take on": TakeOn,
    "give up": GiveUp,
}
