"""When a batch must be answered, and when the gateway acts by itself. Pure functions of times."""

from datetime import datetime, timedelta

LONGEST_MARGIN = timedelta(minutes=5)
# What stays between the last rejection and the deadline when a person decides at the last moment that is shown.
RESERVE = timedelta(minutes=2)
# In longer windows the moment of decision is told to the minute.
TOLD_IN_MINUTES = timedelta(minutes=10)
# Assumed where no delivery was measured yet; a cautious pace for a platform across the internet.
ASSUMED_RATE = 50.0


def margin(window: timedelta) -> timedelta:
    """The reserve before a deadline: five minutes, and at most a fifth of the whole window."""
    return min(LONGEST_MARGIN, window / 5)


def acts_at(
    received_at: datetime, deadline: datetime, rejections: int, rate: float, silent: timedelta = timedelta()
) -> datetime:
    """The moment at which a declared `at_deadline` is carried out.

    rejections: how many have to be sent then; rate: rejections a second, as measured; silent: for how long the platform
    takes no calls.
    """
    needed = timedelta(seconds=2 * rejections / (rate or ASSUMED_RATE)) + silent
    return deadline - max(margin(deadline - received_at), needed)


def decide_before(
    received_at: datetime, deadline: datetime, rejections: int, rate: float, silent: timedelta = timedelta()
) -> datetime:
    """The last moment at which a person's decision leaves time to send the rejections, with a reserve.

    rejections, rate, silent: as for `acts_at`. The reserve is two minutes, and at most a tenth of the whole window.
    Rounded down to the minute, where seconds decide nothing.
    """
    window = deadline - received_at
    needed = timedelta(seconds=min(rejections / (rate or ASSUMED_RATE), 1e8)) + silent
    moment = deadline - needed - min(RESERVE, window / 10)
    return moment.replace(second=0, microsecond=0) if window >= TOLD_IN_MINUTES else moment


def screening_ends(received_at: datetime, deadline: datetime) -> datetime:
    """Until when screening may wait for slow services: half of the reserve stays for the answers."""
    return deadline - margin(deadline - received_at) / 2
