"""Verbs: the acts of people on a batch, each implemented once for desk, API and sets of singles."""

from collections.abc import Mapping
from typing import Any

from sendouts.verbs.accept import Accept, Reject
from sendouts.verbs.base import Verb
from sendouts.verbs.change import ChangeDecisions
from sendouts.verbs.change_many import CancelChange, ChangeAlike
from sendouts.verbs.hold import LiftHold, PutOnHold
from sendouts.verbs.run_again import AllowHost, RunAgain
from sendouts.verbs.second_person import TakeBack
from sendouts.verbs.settle import GiveUp, GoWithout, SendAgain, TakeOn, TryAgain, WholeFile
from sendouts.verbs.stop import StopRelease
from sendouts.verbs.use_file import UseFile

VERBS: Mapping[str, type[Verb[Any]]] = {
    verb.name: verb
    for verb in (
        *(Accept, Reject, TakeBack, ChangeDecisions, ChangeAlike, CancelChange, PutOnHold, LiftHold),
        *(RunAgain, AllowHost, UseFile, TryAgain, TakeOn, GoWithout, SendAgain, GiveUp, StopRelease, WholeFile),
    )
}
