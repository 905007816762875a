"""A claim on rows: who gets it, how long it is held, and what is refused once it is lost."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from sendouts.models import Webhook
from tests.factories import webhook
from work import claims

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
real_now = timezone.now


def due(**columns: Any) -> Webhook:
    return webhook("", **columns)


def taken(*rows: Webhook) -> claims.Claim:
    claim = claims.take(Webhook, [row.pk for row in rows])
    assert claim.ids == tuple(row.pk for row in rows)
    return claim


def lose(*rows: Webhook) -> None:
    Webhook.objects.filter(pk__in=[row.pk for row in rows]).update(claim_id=uuid4())


@pytest.mark.parametrize("by", [-HOUR, 2 * HOUR])
def test_a_row_is_due_on_the_clock_of_the_database_only(by: timedelta, monkeypatch: pytest.MonkeyPatch) -> None:
    now, later = due(due_at=real_now() - HOUR / 60), due(due_at=real_now() + HOUR)
    monkeypatch.setattr(timezone, "now", lambda: real_now() + by)
    assert claims.take(Webhook, [now.pk, later.pk]).ids == (now.pk,)


def test_what_is_waited_for_with_the_claim_held_extends_it_now_and_then(django_assert_num_queries: Any) -> None:
    row = due()
    claim = taken(row)
    with django_assert_num_queries(0):
        claim.keep()
    soon = timezone.now() + timedelta(seconds=1)
    Webhook.objects.filter(pk=row.pk).update(claimed_until=soon)
    claim._kept[0] -= settings.CLAIM_SECONDS
    claim.keep()
    row.refresh_from_db()
    assert row.claimed_until is not None and row.claimed_until > soon


def test_once_one_of_its_rows_is_lost_a_claim_is_neither_extended_nor_kept_nor_checked() -> None:
    mine, lost = due(), due()
    claim = taken(mine, lost)
    lose(lost)
    with pytest.raises(claims.ClaimLost), transaction.atomic():
        claim.extend(claim.ids)
    with pytest.raises(claims.ClaimLost):
        claim.check(claim.ids)
    claim._kept[0] -= settings.CLAIM_SECONDS
    with pytest.raises(claims.ClaimLost):
        claim.keep()
    claim.check([mine.pk])


def test_a_claim_gives_back_its_own_rows_only() -> None:
    mine, lost = due(), due()
    claim = taken(mine, lost)
    lose(lost)
    claim.release()
    assert list(Webhook.objects.filter(claim_id=None).values_list("pk", flat=True)) == [mine.pk]
