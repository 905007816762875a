"""Go on with the file that a person has sent in place of a batch's contact file."""

from dataclasses import dataclass
from typing import Any

import structlog
from django.utils.translation import gettext as _

from sendouts import lifecycle
from sendouts.models import Attention, Batch, EventWord, Spool
from sendouts.spool import offers
from sendouts.spool.offers import OfferState
from sendouts.stages.screening import compare_offer
from sendouts.verbs import base
from sendouts.verbs.base import Act, NotDone, NotDoneCode
from sendouts.verbs.run_again import RunAgain

log = structlog.get_logger(__name__)
# The troubles of a contact file.
TROUBLES = frozenset(
    {
        *(Attention.NO_DOWNLOAD, Attention.HOST_NOT_LISTED, Attention.NO_PROVEN_END),
        *(Attention.FILE_CHANGED, Attention.UNREAD_ROWS),
    }
)


def can_be_saved(batch: Batch) -> bool:
    """Return whether a batch waits for its contact file, so that a person may put in another one."""
    right = batch.source == Batch.Source.BATCH and batch.status in UseFile.statuses
    return right and batch.attention in TROUBLES and not batch.final


def lost_of(offered: dict[str, Any]) -> int:
    """Return how many contacts that were read already do not have the same address in an offered file."""
    return int(offered.get("missing", 0)) + int(offered.get("other", 0))


@dataclass(frozen=True)
class UseFile(RunAgain):
    """Make the offered file that of the batch, and screen from the start; people's decisions are kept.

    key: the offer that the person saw; empty: whichever there is.
    """

    key: str = ""

    name = "use-file"

    def carry_out(self, batch: Batch, act: Act) -> None:
        row = Spool.objects.select_for_update().filter(pk=batch.pk).first()
        if row is None or row.offered.get("state") != OfferState.READY or not can_be_saved(batch):
            raise NotDone(NotDoneCode.NOTHING, _("There is no file to use. Send one first."))
        if self.key and self.key != row.offered["key"]:
            raise NotDone(NotDoneCode.CHANGED, _("Another file was sent meanwhile. Look at it, then decide."))
        if row.offered["mark"] != compare_offer.stored_mark(batch.pk):
            sentence = _("The contacts were read again since the file was compared. Send the file again.")
            raise NotDone(NotDoneCode.CHANGED, sentence)
        if lost_of(row.offered):
            base.check_permission(act.user, base.TAKE_ON)
            base.require_note(act)
        numbers = {name: row.offered[name] for name in ("rows", "same", "new", "missing", "other")}
        super().carry_out(batch, act)
        offers.use(row)
        lifecycle.record([batch.pk], EventWord.FILE_USED, data={batch.pk: numbers}, **act.by)
        log.warning("file_used", batch=batch.pk, user=act.user.pk, **numbers)
