"""Many schedules, one after the other, in one or more processes; and one schedule, in all detail."""

import hashlib
import os
from collections.abc import Iterator
from multiprocessing import get_context

from tests.explore.schedule import Outcome, Schedule
from tests.explore.virtual.clock import real_monotonic

# Schedules that each process gets at a time.
AT_ONCE = 10
REPLAY = "python -m tests.explore --replay {}"


def explore(seed: int, schedules: int, minutes: float, jobs: int, *, first_only: bool = False) -> int:
    """Run schedules with the seeds from `seed` on; print each violation, and the hash of all traces."""
    print(f"seed {seed}", flush=True)
    began, ends = real_monotonic(), real_monotonic() + 60 * minutes
    digest = hashlib.blake2b(digest_size=12)
    done = wrong = kills = 0
    seconds = 0.0
    for outcome in _outcomes(seed, schedules, jobs, ends):
        done, kills, seconds = done + 1, kills + outcome.kills, seconds + outcome.seconds
        digest.update(outcome.digest.encode())
        if outcome.wrong:
            wrong += 1
            _tell(outcome)
            if first_only:
                break
    took, used = real_monotonic() - began, sum(os.times()[:4])
    print(
        f"{done} schedules in {took:.0f} s, {used:.0f} s of CPU: {seconds / 3600:.1f} virtual hours, {kills} kills, "
        f"{wrong} with a violation. Hash {digest.hexdigest()}",
        flush=True,
    )
    return 1 if wrong else 0


def replay(seed: int) -> int:
    """Run one schedule, and print what happened in it."""
    outcome = Schedule(seed, keep_lines=True).run()
    print("\n".join(outcome.lines))
    _tell(outcome)
    print(f"hash {outcome.digest}")
    return 1 if outcome.wrong else 0


def _tell(outcome: Outcome) -> None:
    for sentence in outcome.wrong[:3]:
        print(f"{outcome.seed}: {sentence}", flush=True)
    if outcome.wrong:
        print(f"    {REPLAY.format(outcome.seed)}", flush=True)


def _outcomes(seed: int, schedules: int, jobs: int, ends: float) -> Iterator[Outcome]:
    """Yield the outcomes in the order of their seeds, whatever process had them."""
    last = seed + schedules
    if jobs <= 1:
        while seed < last and real_monotonic() < ends:
            yield _run(seed)
            seed += 1
        return
    # Forked after the set-up, so that each has the template in its memory.
    with get_context("fork").Pool(jobs) as pool:
        while seed < last and real_monotonic() < ends:
            group = range(seed, min(last, seed + AT_ONCE * jobs))
            yield from pool.imap(_run, group, chunksize=1)
            seed = group.stop


def _run(seed: int) -> Outcome:
    return Schedule(seed).run()
