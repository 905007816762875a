"""Contacts and addresses are not kept for ever."""

from datetime import timedelta

from django.utils import timezone

from sendouts.models import Batch, Decision, Event, Webhook
from sendouts.privacy.retention import retire
from tests.gate import Gate


def test_what_is_over_for_long_loses_its_rows_and_addresses_and_keeps_its_counts(gate: Gate) -> None:
    gate.project()
    gate.fire()
    gate.work()
    gate.store(b'{"event": "Sendout summary"}')
    gate.plan()
    assert retire(timezone.now() + timedelta(days=89)) == 0
    assert retire(timezone.now() + timedelta(days=91)) == 1
    batch = gate.batch()
    assert batch.retired_at is not None
    assert (bytes(batch.finish_uri), bytes(batch.download_uri), batch.total, batch.rejected) == (b"", b"", 100, 10)
    assert not Decision.objects.exists() and not batch.chunks.exists()
    assert [bytes(hook.body) for hook in Webhook.objects.all()] == [b""]
    assert Event.objects.filter(batch=batch).count() == 6
    assert retire(timezone.now() + timedelta(days=91)) == 0


def test_what_is_open_is_never_retired(gate: Gate) -> None:
    gate.project(review="always")
    gate.fire()
    gate.work()
    assert retire(timezone.now() + timedelta(days=400)) == 0
    assert Decision.objects.count() == 100 and Batch.objects.exclude(finish_uri=b"").count() == 1
