"""Compute when a batch must be answered, and when the gateway acts on it. Pure functions of times."""

from datetime import datetime, timedelta

LONGEST_MARGIN = timedelta(minutes=5)
# Time left between the last rejection and the deadline if a person decides at the last moment shown.
RESERVE = timedelta(minutes=2)
# Time that people have to decide on a batch after it was saved.
DECIDING = timedelta(minutes=10)
# In windows of at least this length the moment of decision is shown to the minute.
TOLD_IN_MINUTES = timedelta(minutes=10)
# Assumed until a delivery was measured; a cautious rate, in rejections per second, for a platform across the internet.
ASSUMED_RATE = 50.0


def margin(window: timedelta) -> timedelta:
    """Return the reserve before a deadline: five minutes, and at most a fifth of the whole window."""
    return min(LONGEST_MARGIN, window / 5)


def acts_at(
    received_at: datetime, deadline: datetime, rejections: int, rate: float, silent: timedelta = timedelta()
) -> datetime:
    """Return the moment at which a declared `at_deadline` is carried out.

    rejections: the number to send then; rate: measured rejections per second; silent: how long the platform takes no
    calls.
    """
    needed = timedelta(seconds=2 * rejections / (rate or ASSUMED_RATE)) + silent
    return deadline - max(margin(deadline - received_at), needed)


def decide_before(
    received_at: datetime, deadline: datetime, rejections: int, rate: float, silent: timedelta = timedelta()
) -> datetime:
    """Return the last moment at which a person's decision leaves time to send the rejections, with a reserve.

    rejections, rate, silent: as for `acts_at`. The reserve is two minutes, and at most a tenth of the whole window.
    Long windows are rounded down to the minute, because seconds make no difference there.
    """
    window = deadline - received_at
    needed = timedelta(seconds=min(rejections / (rate or ASSUMED_RATE), 1e8)) + silent
    moment = deadline - needed - min(RESERVE, window / 10)
    return moment.replace(second=0, microsecond=0) if window >= TOLD_IN_MINUTES else moment


def save_before(received_at: datetime, deadline: datetime, decide: datetime, checking: timedelta) -> datetime:
    """Return the last moment at which another contact file leaves time to check it, and then to decide.

    decide: the last moment for a decision; checking: how long the checks take. Ten minutes, and at most a sixth of the
    whole window, are kept for the decision.
    """
    return decide - checking - min(DECIDING, (deadline - received_at) / 6)


def screening_ends(received_at: datetime, deadline: datetime) -> datetime:
    """Return until when screening may wait for slow services: half of the reserve stays for the answers."""
    return deadline - margin(deadline - received_at) / 2
