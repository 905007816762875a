"""What people can do to a batch. The stages carry it out.

Each verb is a page of its own that states the consequence in numbers, and acts on POST only. A script shows it as a dialog.
"""

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import AbstractUser

from sendouts.admin.verbs.base import Verb
from sendouts.admin.verbs.changing import TO, CancelChange, ChangeAll, ChangeRows, Ticked, alike, ticked, which_of
from sendouts.admin.verbs.deciding import Accept, ChangeOne, RejectAll
from sendouts.admin.verbs.effects import GoWithout, SendAgain
from sendouts.admin.verbs.holding import Hold, LiftHold, held_by
from sendouts.admin.verbs.seconding import TakeBack
from sendouts.admin.verbs.settling import GiveUp, RunAgain, TakeOn, TryAgain
from sendouts.admin.verbs.stopping import Stop
from sendouts.models import Batch

__all__ = [
    "TO", "VERBS", "Accept", "ChangeAll", "ChangeOne", "ChangeRows", "Stop", "Ticked", "Verb", "alike", "held_by", "offered", "ticked",
    "which_of",
]  # fmt: skip

VERBS: Mapping[str, type[Verb]] = {
    verb.name: verb
    for verb in (
        *(Accept, RejectAll, TakeBack, TryAgain, TakeOn, GoWithout, SendAgain, Stop),
        *(CancelChange, LiftHold, Hold, RunAgain, GiveUp),
    )
}


def offered(batch: Batch, user: AbstractUser, now: datetime) -> list[Verb]:
    """The verbs that are possible now and that this person may use."""
    made = [verb(batch, user, now) for verb in VERBS.values()]
    return [verb for verb in made if verb.is_possible and verb.is_permitted]
