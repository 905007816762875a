"""Process the rows of a lane: claim, work, release, retry, halve and escalate, in the same way for all lanes."""

from collections.abc import Callable, Sequence
from functools import partial

import structlog
from django.db import DatabaseError, transaction

from work import claims, outages
from work.claims import Claim
from work.lanes import Lane
from work.priority import in_own_thread

log = structlog.get_logger(__name__)
# Rows that are claimed and processed together.
GROUP = 200
PassOn = Callable[[Lane, Sequence[int]], object]


def run(lane: Lane, ids: Sequence[int], *, pass_on: PassOn | None = None) -> list[int]:
    """Claim those of the rows that are due and free, process them, and continue with the resulting rows; return their
    ids.

    A row on which a worker died is processed alone, after the others. `pass_on` receives the resulting rows of lanes
    that have other workers; without it they are processed here.
    """
    came: list[int] = []
    size = GROUP if lane.together else 1
    for some in lane.sets(ids):
        for start in range(0, len(some), size):
            claim = claims.take(lane.model, some[start : start + size], lane.of)
            came += _work_and_release(lane, claim)
            for pk in claim.suspects:
                with claims.alone(lane.model, pk, lane.of) as one:
                    came += _work(lane, one)
                lane.after(one.ids)
    if came:
        _run_onward(lane, came, pass_on)
    return came


def _run_onward(lane: Lane, came: Sequence[int], pass_on: PassOn | None) -> None:
    for onward in lane.onward:
        ids = list(onward.rows().filter(claims.due(), pk__in=came).order_by("pk").values_list("pk", flat=True))
        if not ids:
            continue
        if pass_on is None or onward.worker == lane.worker:
            run(onward, ids, pass_on=pass_on)
        else:
            for group in [ids] if onward.together else [[pk] for pk in ids]:
                pass_on(onward, group)


def _work_and_release(lane: Lane, claim: Claim) -> list[int]:
    try:
        return _work(lane, claim)
    finally:
        if claim.ids:
            claim.release()
            lane.after(claim.ids)


def _work(lane: Lane, claim: Claim) -> list[int]:
    """Process the claimed rows, or escalate a row on which too many workers have died."""
    if not claim.ids:
        return []
    try:
        if claim.deaths < claims.DEATHS:
            work = partial(_try_or_halve, lane, claim, claim.ids)
            return in_own_thread(work) if lane.own_thread else work()
        (pk,) = claim.ids
        log.error("worker_died", lane=lane.name, row=pk, deaths=claim.deaths)
        lane.escalate(claim, pk, None)
    except claims.ClaimLost:
        # Another worker has taken over, or a person ended the row; uncommitted work is theirs.
        log.warning("claim_lost", lane=lane.name, first=claim.ids[0], rows=len(claim.ids))
    return []


def _try_or_halve(lane: Lane, claim: Claim, ids: Sequence[int]) -> list[int]:
    """Process a set; halve a set that fails, until the faulty row is alone. A lost claim or an outage is not halved."""
    try:
        return list(lane.work(claim, ids) or ())
    except claims.ClaimLost:
        raise
    except Exception as error:
        if outages.is_outage(error):
            outages.saw(error)
            raise
        # Any other error may come from a single row, which must not affect its neighbours.
        if len(ids) == 1:
            _retry_or_escalate(lane, claim, ids[0], error)
            return []
    middle = len(ids) // 2
    return _try_or_halve(lane, claim, ids[:middle]) + _try_or_halve(lane, claim, ids[middle:])


def _retry_or_escalate(lane: Lane, claim: Claim, pk: int, error: Exception) -> None:
    """Retry a row that failed alone, or escalate it after too many failures in succession."""
    rows = lane.model._default_manager.filter(pk=pk)
    before = rows.values_list("attempts", flat=True).first()
    if before is None:
        # Its claim ran out, and another worker has removed the row.
        raise claims.ClaimLost
    attempts = before + 1
    # The first failure may be a race with another row, such as two hooks of one delivery: the next attempt tells.
    if not isinstance(error, DatabaseError) or attempts > 1:
        said = {"error": type(error).__name__} if lane.private else {"exc_info": error}
        log.error("work_failed", lane=lane.name, row=pk, attempts=attempts, **said)
    if lane.retry.ends(attempts):
        lane.escalate(claim, pk, error)
        return
    with transaction.atomic():
        claim.extend([pk], progress=True)
        due_at = claims.due_in(lane.retry.pause(attempts))
        rows.update(attempts=attempts, due_at=due_at, **lane.note(attempts, error))
