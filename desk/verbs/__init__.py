"""The verbs that people can apply to a batch. The stages carry them out.

Each verb is a page of its own that states the consequence in numbers, and acts on POST only. A script shows it as a
dialog.
"""

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import AbstractUser

from desk.verbs.accept import AcceptPage, ChangeOnePage, RejectPage
from desk.verbs.base import VerbPage
from desk.verbs.change import TO, CancelChangePage, ChangeAlikePage, ChangeRowsPage, Ticked, alike, ticked, which_of
from desk.verbs.enrichments import GoWithoutPage, SendAgainPage
from desk.verbs.hold import HoldPage, LiftHoldPage, held_by
from desk.verbs.second_person import TakeBackPage
from desk.verbs.settle import GiveUpPage, RunAgainPage, TakeOnPage, TryAgainPage
from desk.verbs.stop import StopPage
from sendouts.models import Batch

__all__ = [
    "TO",
    "VERBS",
    "AcceptPage",
    "ChangeAlikePage",
    "ChangeOnePage",
    "ChangeRowsPage",
    "StopPage",
    "Ticked",
    "VerbPage",
    "alike",
    "held_by",
    "offered",
    "ticked",
    "which_of",
]

VERBS: Mapping[str, type[VerbPage]] = {
    verb.name: verb
    for verb in (
        *(AcceptPage, RejectPage, TakeBackPage, TryAgainPage, TakeOnPage, GoWithoutPage, SendAgainPage, StopPage),
        *(CancelChangePage, LiftHoldPage, HoldPage, RunAgainPage, GiveUpPage),
    )
}


def offered(batch: Batch, user: AbstractUser, now: datetime) -> list[VerbPage]:
    """Return the verbs that are possible now and that this person may use."""
    made = [verb(batch, user, now) for verb in VERBS.values()]
    return [verb for verb in made if verb.is_possible and verb.is_permitted]
