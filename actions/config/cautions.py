"""Warning about a policy that needs staff on duty, shown when it is saved."""

from actions.contract import gettext_noop
from actions.models import AtDeadline, Review

UNATTENDED = gettext_noop(
    "Every batch waits for a person, and times out if nobody decides: "
    "a sendout at night that nobody attends reaches nobody. "
    "Choose another value for “at the deadline”, or make sure that somebody is there."
)


def unattended(review: str, at_deadline: str) -> str:
    """Return the untranslated warning for `review: always` with `at_deadline: leave`, else ""."""
    return UNATTENDED if (review, at_deadline) == (Review.ALWAYS, AtDeadline.LEAVE) else ""
