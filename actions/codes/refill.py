"""Requests to a service for more codes of a pool.

The request is stored before it is sent. After a kill between the answer and its storage, it is repeated under the same
key. The service then returns the same codes, so none is lost or stored twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from actions.catalog.shared.http import ask
from actions.codes.codefile import BadCode, clean
from actions.codes.intake import take_in
from actions.codes.models import CodePool, Refill
from actions.contract import Context, Permanent, Sentences, gettext_noop

MOST = 20_000
TIMEOUT = 30.0


class RefillFailure(Sentences):
    """Why an answer of a service contains no codes."""

    NO_CODES = "codes.no_codes", gettext_noop("The answer of the service does not hold “codes”.")
    TOO_MANY = "codes.too_many", gettext_noop("The service sent more codes than it was asked for.")
    NOT_A_CODE = "codes.not_a_code", gettext_noop("The service sent something that is not a code.")


@dataclass(frozen=True, slots=True)
class Refilled:
    """Result of one request: how many codes are new, and whether the service may have more."""

    new: int
    more: bool


def refill(pool: CodePool, lacking: int, context: Context) -> Refilled:
    """Request at least this many codes, or repeat the unanswered request; raise Retryable or Permanent."""
    with transaction.atomic():
        # One open request per pool: a concurrent refill repeats it.
        CodePool.objects.select_for_update().get(pk=pool.pk)
        count = min(MOST, max(lacking, pool.ask_for))
        question, _ = Refill.objects.get_or_create(
            pool=pool, answered_at=None, defaults={"key": uuid4(), "count": count}
        )
    answer = ask(
        context,
        pool.url,
        {"key": str(question.key), "count": question.count},
        credential=pool.credential,
        timeout=TIMEOUT,
    )
    codes = _codes(answer, question.count)
    new = take_in(pool, codes)
    # A concurrent refill may have stored the same answer already; its codes are then there.
    open_question = Refill.objects.filter(pk=question.pk, answered_at__isnull=True)
    mine = open_question.update(answered_at=timezone.now(), taken_in=new)
    return Refilled(new, more=len(codes) >= question.count and (new > 0 or not mine))


def _codes(answer: object, count: int) -> list[str]:
    codes = answer.get("codes") if isinstance(answer, Mapping) else None
    if not isinstance(codes, list):
        raise Permanent(RefillFailure.NO_CODES())
    if len(codes) > count:
        raise Permanent(RefillFailure.TOO_MANY())
    try:
        # No text is no code.
        return [clean(each if isinstance(each, str) else "") for each in codes]
    except BadCode:
        raise Permanent(RefillFailure.NOT_A_CODE()) from None
