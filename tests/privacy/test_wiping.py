"""The platform's URIs are kept for as long as they open something, and then wiped wherever they lie."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from sendouts.models import Batch, Decision, Event, Webhook
from sendouts.privacy import retention
from sendouts.privacy.retention import retire
from tests.factories import batch, client_of, page_url, plain_english, text_of, webhook
from tests.gate import Gate

DAY = timedelta(hours=24)


def everything_stored() -> str:
    """All tables of the sendouts as one text, binary columns included."""
    found = []
    for model in (Batch, Decision, Webhook):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {model._meta.db_table}")
            rows = cursor.fetchall()
        found += [bytes(cell) if isinstance(cell, memoryview) else cell for row in rows for cell in row]
    return " ".join(map(str, found))


def test_a_day_after_the_end_no_uri_is_left_and_every_decision_is(gate: Gate, settings: Any) -> None:
    # Without keys everything can be read, so that what is left would be found.
    settings.ENCRYPTION_KEYS = ()
    gate.project()
    gate.fire()
    gate.fire("single", hooks=5)
    gate.store(b'{"event": "Sendout summary", "link": "http://127.0.0.1/secret"}', b"http://127.0.0.1/broken")
    gate.work()
    before = list(Decision.objects.order_by("pk").values_list("pk", "contact_id", "verdict", "answer", "reason"))
    now = timezone.now()
    retention.forget(now + DAY - timedelta(minutes=1))
    assert "://" in everything_stored()
    retention.forget(now + DAY + timedelta(minutes=1))
    assert "://" not in everything_stored()
    after = list(Decision.objects.order_by("pk").values_list("pk", "contact_id", "verdict", "answer", "reason"))
    assert after == before and len(after) == 105
    assert retention.wipe(now + DAY + timedelta(minutes=1)) == 0


def test_what_is_open_keeps_its_uris(gate: Gate) -> None:
    gate.project(review="always")
    gate.fire()
    gate.work()
    now = timezone.now()
    assert (retention.wipe(now + 100 * DAY), retire(now + 400 * DAY)) == (0, 0)
    assert not Decision.objects.filter(uri=b"").exists() and Decision.objects.count() == 100
    assert Webhook.objects.exclude(body=b"").count() == Batch.objects.exclude(finish_uri=b"").count() == 1


def test_what_is_over_for_long_loses_its_rows_and_addresses_and_keeps_its_counts(gate: Gate) -> None:
    gate.project()
    gate.fire()
    gate.work()
    gate.store(b'{"event": "Sendout summary"}')
    gate.plan()
    now = timezone.now()
    assert [retire(now + days * DAY) for days in (89, 91, 91)] == [0, 1, 0]
    retention.forget(now + 91 * DAY)
    made = gate.batch()
    assert made.retired_at is not None
    assert (bytes(made.finish_uri), bytes(made.download_uri), made.total, made.rejected) == (b"", b"", 100, 10)
    assert not Decision.objects.exists() and not made.chunks.exists()
    assert [bytes(hook.body) for hook in Webhook.objects.all()] == [b""]
    assert Event.objects.filter(batch=made).count() == 6


@pytest.mark.parametrize("source", ["batch", "single"])
def test_rows_are_wiped_in_small_steps_beyond_what_was_counted(
    db: None, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setattr(retention, "ROWS", 3)
    made = batch(accepted=5, rejected=5)
    now = timezone.now()
    Batch.objects.update(source=source, status="expired", ended_at=now, total=0, accepted=0, rejected=0)
    sizes: list[int] = []
    update = Decision.objects.none().__class__.update

    def counted(rows: Any, **values: Any) -> int:
        done: int = update(rows, **values)
        if rows.model is Decision:
            sizes.append(done)
        return done

    monkeypatch.setattr(type(Decision.objects.none()), "update", counted)
    assert retention.wipe(now + 2 * DAY) == 1
    assert sizes == [3, 3, 3, 1]
    assert Decision.objects.filter(uri=b"").count() == 10
    made.refresh_from_db()
    assert (bytes(made.finish_uri), bytes(made.download_uri)) == (b"", b"")


def test_many_singles_are_forgotten_in_sets_and_nothing_of_them_stays(
    gate: Gate, django_assert_max_num_queries: Any
) -> None:
    gate.project()
    gate.fire("single", hooks=40)
    kept = batch(rejected=2)
    gate.work()
    now = timezone.now()
    with django_assert_max_num_queries(20):
        retention.forget(now + 2 * DAY)
    assert not Batch.objects.filter(source="single").exclude(finish_uri=b"").exists()
    with django_assert_max_num_queries(60):
        retention.forget(now + timedelta(days=91))
    assert not Webhook.objects.exists() and not Event.objects.filter(batch__source="single").exists()
    assert list(Batch.objects.values_list("pk", flat=True)) == [kept.pk]
    assert Decision.objects.count() == 2


def test_other_events_are_deleted_however_many_there_are(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ROWS", 2)
    for _ in range(5):
        webhook("other", batch=None)
    retention.forget(timezone.now() + timedelta(days=91))
    assert not Webhook.objects.exists()


def test_how_late_forgetting_is_can_be_seen(db: None) -> None:
    batch(accepted=1)
    now = timezone.now()
    Batch.objects.update(status="expired", ended_at=now)
    assert retention.behind(now) == {"uris": 0.0, "contacts": 0.0}
    assert retention.behind(now + DAY + timedelta(minutes=3)) == {"uris": 180.0, "contacts": 0.0}
    assert retention.behind(now + timedelta(days=92))["contacts"] == 2 * DAY.total_seconds()


@pytest.mark.django_db(transaction=True)
def test_the_database_refuses_to_change_or_delete_an_event(gate: Gate) -> None:
    gate.project()
    gate.fire()
    gate.work()
    table = Event._meta.db_table
    statements = [f"UPDATE {table} SET note = 'x'", f"DELETE FROM {table}"]
    if connection.vendor == "postgresql":
        statements += [f"TRUNCATE {table}", f"TRUNCATE {Batch._meta.db_table} CASCADE"]
    for statement in statements:
        with pytest.raises(DatabaseError, match="events are never"), connection.cursor() as cursor:
            cursor.execute(statement)
    with pytest.raises(DatabaseError, match="never deleted"), transaction.atomic(), retention._record_door([]):
        Event.objects.all().delete()


def test_the_page_of_a_wiped_batch_still_shows_its_contacts(db: None, settings: Any) -> None:
    plain_english(settings)
    made = batch(rejected=2)
    now = timezone.now()
    Batch.objects.update(status="expired", ended_at=now)
    assert retention.wipe(now + 2 * DAY) == 1
    reviewer = client_of("Reviewer")
    assert "A-1" in text_of(reviewer.get(page_url(made)))
    assert retire(now + timedelta(days=91)) == 1
    page = text_of(reviewer.get(page_url(made)))
    assert "The contacts of this batch are no longer kept." in page
    assert not Decision.objects.exists()
