"""The verbs that people can apply to a batch. The stages carry them out.

Each verb is a page of its own that states the consequence in numbers, and acts on POST only. A script shows it as a
dialog.
"""

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import AbstractUser

from desk.verbs.accept import AcceptPage, RejectPage, TakeBackPage
from desk.verbs.base import VerbPage
from desk.verbs.change import CancelChangePage
from desk.verbs.hold import HoldPage, LiftHoldPage
from desk.verbs.settle import (
    AllowHostPage,
    GiveUpPage,
    GoWithoutPage,
    RunAgainPage,
    SendAgainPage,
    TakeOnPage,
    TryAgainPage,
    WholeFilePage,
)
from desk.verbs.stop import StopPage
from desk.verbs.use_file import UseFilePage
from sendouts.models import Batch

VERBS: Mapping[str, type[VerbPage]] = {
    verb.name: verb
    for verb in (
        *(UseFilePage, AllowHostPage, AcceptPage, RejectPage, TakeBackPage, TryAgainPage, TakeOnPage, GoWithoutPage),
        *(SendAgainPage, StopPage, WholeFilePage, CancelChangePage, LiftHoldPage, HoldPage, RunAgainPage),
        GiveUpPage,
    )
}


def offered(batch: Batch, user: AbstractUser, now: datetime) -> list[VerbPage]:
    """Return the verbs that are possible now and that this person may use; the first primary one stays the only one."""
    made = [verb(batch, user, now) for verb in VERBS.values()]
    found = [verb for verb in made if verb.is_possible and verb.is_permitted]
    for verb in [verb for verb in found if verb.tone == "primary"][1:]:
        verb.tone = "default"
    return found
