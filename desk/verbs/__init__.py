"""What people can do to a batch. The stages carry it out.

Each verb is a page of its own that states the consequence in numbers, and acts on POST only. A script shows it as a dialog.
"""

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import AbstractUser

from desk.verbs.accept import Accept, ChangeOne, RejectAll
from desk.verbs.base import Verb
from desk.verbs.change import TO, CancelChange, ChangeAll, ChangeRows, Ticked, alike, ticked, which_of
from desk.verbs.enrichments import GoWithout, SendAgain
from desk.verbs.hold import Hold, LiftHold, held_by
from desk.verbs.second_person import TakeBack
from desk.verbs.settle import GiveUp, RunAgain, TakeOn, TryAgain
from desk.verbs.stop import Stop
from sendouts.models import Batch

__all__ = [
    "TO",
    "VERBS",
    "Accept",
    "ChangeAll",
    "ChangeOne",
    "ChangeRows",
    "Stop",
    "Ticked",
    "Verb",
    "alike",
    "held_by",
    "offered",
    "ticked",
    "which_of",
]

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
