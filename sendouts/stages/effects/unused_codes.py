"""Give reserved, unused promo codes back to their pools once their batch has ended, however it ended."""

import structlog
from django.db.models import Exists, OuterRef, QuerySet

from actions.codes import draw
from actions.codes.models import Draw
from sendouts.models import Batch

log = structlog.get_logger(__name__)
AT_ONCE = 500


def over() -> QuerySet[Draw]:
    """Return the open draws of ended batches."""
    goes_on = Batch.objects.filter(pk=OuterRef("batch_number"), ended_at__isnull=True)
    return Draw.objects.filter(~Exists(goes_on), closed_at__isnull=True).order_by("pk")


def codes_wait() -> bool:
    """Return whether there are codes to give back or draws to close."""
    return over().exists()


def give_back_codes() -> int:
    """Give the unused codes of ended batches back to their pools; return the number of codes."""
    ids = list(over().values_list("pk", flat=True)[:AT_ONCE])
    freed = draw.give_back(ids)
    if freed:
        log.info("codes_given_back", draws=len(ids), codes=freed)
    return freed
