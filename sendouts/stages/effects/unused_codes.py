"""Promo codes that a batch had reserved and did not use go back to their pool once it is over, however it ended."""

import structlog
from django.db.models import Exists, OuterRef, QuerySet

from actions.codes import draw
from actions.codes.models import Draw
from sendouts.models import Batch

log = structlog.get_logger(__name__)
AT_ONCE = 500


def over() -> QuerySet[Draw]:
    """Open draws of batches that are over."""
    goes_on = Batch.objects.filter(pk=OuterRef("batch_number"), ended_at__isnull=True)
    return Draw.objects.filter(~Exists(goes_on), closed_at__isnull=True).order_by("pk")


def codes_wait() -> bool:
    """Whether there is anything to give back, or a draw to close."""
    return over().exists()


def give_back_codes() -> int:
    """Give back what batches that are over did not use; returns how many codes."""
    ids = list(over().values_list("pk", flat=True)[:AT_ONCE])
    freed = draw.give_back(ids)
    if freed:
        log.info("codes_given_back", draws=len(ids), codes=freed)
    return freed
