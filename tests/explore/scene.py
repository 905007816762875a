"""What a schedule begins with: projects, people, and what it draws of troubles.

Each schedule draws which troubles it has at all, and how much of each: many schedules with few kinds of trouble find
more than as many with all of them.
"""

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Permission, User

from actions.models import ActionDefinition, Project, Sendout
from tests.explore.people import Habits
from tests.explore.platform import Trouble
from tests.explore.virtual.scheduler import Odds

CONSENT = {"field": "properties.consent", "reject_if": {"equals": False}, "if_missing": "hold", "reason": "No consent"}
# Name, review, at the deadline, seconds to answer, contacts from which on two people accept.
PROJECTS: tuple[tuple[str, str, str, int, int | None], ...] = (
    ("Newsletter", "never", "leave", 240, None),
    ("Welcome", "never", "accept", 120, None),
    ("Birthday", "never", "reject", 120, None),
    ("Offers", "always", "leave", 240, None),
    ("Closing", "always", "accept", 150, None),
    ("Private", "always", "reject", 150, None),
    ("Two people", "always", "accept", 150, 1),
    ("Two at last", "always", "leave", 240, 1),
    ("Short", "never", "accept", 30, None),
    ("Short and read", "always", "accept", 30, None),
)
# Short, so that much happens before a deadline: a claim lasts longer than two time-outs, as in the settings.
TIMEOUT = 5.0
CLAIM_SECONDS = 2 * TIMEOUT + 5
REVIEWERS = ("anna", "bo", "cleo")


def fill() -> None:
    """Make the projects and people of every schedule."""
    for name, review, at_deadline, seconds, two in PROJECTS:
        policy: dict[str, Any] = {"review": review, "at_deadline": at_deadline, "second_person_from": two}
        project = Project.objects.create(name=name, answer_within=timedelta(seconds=seconds), **policy)
        ActionDefinition.objects.create(identifier="consent-check", project=project, kind="field_rule", config=CONSENT)
        Sendout.objects.create(project=project, journey="Journey", name="Day 1")
    for name in REVIEWERS:
        user = User.objects.create(username=name)
        user.user_permissions.set(Permission.objects.filter(codename__in=("review_batch", "take_on_batch")))
    User.objects.create(username="viewer")


def people() -> dict[str, User]:
    """Return the users, with their permissions read, so that a schedule need not."""
    found = {user.username: user for user in User.objects.all()}
    for user in found.values():
        user.get_all_permissions()
    return found


@dataclass(frozen=True, slots=True)
class Sent:
    """One sendout: what the platform holds, and when it tells. consent: True, False, or None for nothing known."""

    kind: str
    project: str
    consent: tuple[bool | None, ...]
    after: float
    posts: int
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Draws:
    """Everything that a schedule draws before it begins."""

    sent: tuple[Sent, ...]
    odds: Odds
    kills: int
    stalls: int
    trouble: Trouble
    repeat_status: int
    habits: Habits
    chunk_rows: int
    embedded: bool
    loses: float
    doubles: float
    # Seconds from when on nothing is wrong any more.
    quiet_from: float
    # (from, for) in seconds.
    broker_away: tuple[float, float] | None
    database_away: tuple[float, float] | None
    workers_away: tuple[float, float] | None
    commit_doubt: float
    # Seconds that the clock of one kind of process is ahead until all is quiet.
    offsets: dict[str, float]


def drawn(draw: random.Random) -> Draws:
    """Draw a schedule."""

    def maybe(share: float, value: Any, otherwise: Any) -> Any:
        return value if draw.random() < share else otherwise

    quiet_from = draw.choice((10.0, 30.0, 60.0, 100.0, 200.0))

    def span() -> tuple[float, float]:
        return draw.uniform(0, quiet_from), draw.choice((2.0, 15.0, 60.0))

    trouble = Trouble(
        status=maybe(0.4, 0.3, 0.0),
        lost_before=maybe(0.3, 0.2, 0.0),
        lost_after=maybe(0.4, 0.3, 0.0),
        unsent=maybe(0.2, 0.3, 0.0),
        cut=maybe(0.2, 0.5, 0.0),
        refused=maybe(0.15, 0.15, 0.0),
        latency=draw.choice((0.02, 0.2, 2.0)),
    )
    odds = Odds(
        kill=maybe(0.6, draw.choice((0.002, 0.01, 0.05)), 0.0),
        stall=maybe(0.5, draw.choice((0.002, 0.01, 0.05)), 0.0),
        switch=draw.choice((0.01, 0.1, 0.4)),
        stalls=draw.choice(((0.5, 3.0), (5.0, 40.0), (CLAIM_SECONDS + 1, 2 * CLAIM_SECONDS))),
    )
    habits = Habits(
        acts=maybe(0.6, draw.randint(1, 8), 0),
        stale=draw.choice((0.0, 0.2)),
        wild=draw.choice((0.0, 0.1, 0.5)),
        pause=draw.choice((0.3, 2.0, 20.0)),
        thinks=draw.choice((0.01, 1.0, 10.0)),
    )
    embedded = draw.random() < 0.3
    kinds = ("gateway",) if embedded else ("web", "small", "files", "sweep")
    return Draws(
        sent=tuple(_sent(draw) for _ in range(draw.choice((1, 1, 2, 3)))),
        odds=odds,
        kills=draw.choice((1, 2, 6)),
        stalls=draw.choice((1, 2, 4)),
        trouble=maybe(0.7, trouble, Trouble(latency=trouble.latency)),
        repeat_status=draw.choice((200, 409, 410)),
        habits=habits,
        chunk_rows=draw.choice((2, 3, 100)),
        embedded=embedded,
        loses=maybe(0.3, draw.choice((0.2, 1.0)), 0.0),
        doubles=maybe(0.4, draw.choice((0.3, 1.0)), 0.0),
        quiet_from=quiet_from,
        broker_away=maybe(0.15, span(), None),
        database_away=maybe(0.15, span(), None),
        workers_away=maybe(0.1, span(), None),
        commit_doubt=maybe(0.1, 0.05, 0.0),
        offsets={draw.choice(kinds): draw.choice((-40.0, -3.0, 3.0, 40.0))} if draw.random() < 0.25 else {},
    )


def _sent(draw: random.Random) -> Sent:
    kind = draw.choice(("batch", "batch", "single"))
    usual = draw.choice(((True,), (True, False), (True, False, None), (True, True, False)))
    return Sent(
        kind=kind,
        project=draw.choice(PROJECTS)[0],
        consent=tuple(draw.choice(usual) for _ in range(draw.randint(1, 7 if kind == "batch" else 2))),
        after=draw.choice((0.0, 0.0, draw.uniform(0, 20))),
        posts=draw.choice((1, 1, 1, 2)),
        actions=("consent-check",) if draw.random() < 0.95 else ("consent-check", "nobody-knows"),
    )
