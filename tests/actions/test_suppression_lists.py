"""Lists are looked up as they are now: by project, without what expired; and their number of entries is true."""

import threading
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from actions.contract import Permanent, Retryable
from actions.models import Project, SuppressionEntry, SuppressionList
from actions.suppression import entries, lookups, prune
from actions.suppression.entries import NewEntry
from actions.suppression.lookups import suppressed

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def make(name: str = "Opposition", **columns: Any) -> SuppressionList:
    return SuppressionList.objects.create(name=name, **columns)


def put(found: SuppressionList, *values: str, **said: Any) -> entries.Added:
    keys = {found.writing.key(value): NewEntry(**said) for value in values}
    return entries.add(found.pk, keys, by=None, now=timezone.now())


def on(name: str, *values: str, project: str = "Newsletter") -> dict[str, str]:
    return dict(suppressed(name, set(values), project=project).reasons)


def counted(found: SuppressionList) -> int:
    """The number that the list tells, which must be the number that there are."""
    found.refresh_from_db()
    assert found.entries == SuppressionEntry.objects.filter(suppression_list=found).count()
    return found.entries


def test_a_value_is_found_however_the_contact_writes_it_and_told_as_it_was_asked() -> None:
    put(make(holds="email"), "reader@example.com", reason="Complaint")
    found = suppressed("Opposition", {"READER@example.com", "other@example.com", "nobody"}, project="Newsletter")
    assert (found.reasons, found.unlike) == ({"READER@example.com": "Complaint"}, {"nobody"})


@pytest.mark.parametrize("hashed", [False, True])
def test_invisible_characters_hide_nobody_on_either_side(hashed: bool) -> None:
    listed = [
        "\u200bperson1@example.com",
        "person2@example.com\u200b",
        "person\xad3@example.com",
        "person4@example.com\xa0",
    ]
    put(make(holds="email", hashed=hashed), *listed)
    asked = [f"person{number}@example.com" for number in range(1, 5)]
    assert set(on("Opposition", *asked)) == set(asked)
    assert set(on("Opposition", "\ufeffperson1@example.com", "person1@exam\u200dple.com")) == {
        *("\ufeffperson1@example.com", "person1@exam\u200dple.com")
    }


def test_a_hashed_list_holds_no_address() -> None:
    put(make(holds="email", hashed=True), "reader@example.com")
    assert on("Opposition", "Reader@Example.com") == {"Reader@Example.com": ""}
    (stored,) = SuppressionEntry.objects.values_list("value", flat=True)
    assert len(stored) == 64 and "@" not in stored


def test_more_values_than_one_statement_takes_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "AT_ONCE", 3)
    put(make(), *(f"A-{number}" for number in range(10)))
    assert len(on("Opposition", *(f"A-{number}" for number in range(20)))) == 10


def test_an_expired_entry_does_not_count() -> None:
    found, now = make(), timezone.now()
    put(found, "A-1", expires_at=now - DAY)
    put(found, "A-2", expires_at=now + DAY)
    assert on("Opposition", "A-1", "A-2") == {"A-2": ""}


def test_a_list_of_one_project_is_unknown_to_the_others_and_a_list_of_all_is_not() -> None:
    put(make(project=Project.objects.create(name="Newsletter")), "A-1")
    put(make("Everywhere"), "A-1")
    assert on("Opposition", "A-1") and on("Everywhere", "A-1", project="Shop")
    with pytest.raises(Permanent, match="No list “Opposition” is kept here for this project"):
        on("Opposition", "A-1", project="Shop")


def test_an_archived_list_is_unknown() -> None:
    make(archived=True)
    with pytest.raises(Permanent):
        on("Opposition", "A-1")


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_is_asked_again_over_a_new_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    put(make(), "A-1")
    original: Callable[..., Any] = entries.held

    def away(*given: Any) -> Any:
        monkeypatch.setattr(entries, "held", original)
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(entries, "held", away)
    with pytest.raises(Retryable):
        on("Opposition", "A-1")
    assert on("Opposition", "A-1") == {"A-1": ""}


def test_what_is_there_is_not_added_twice() -> None:
    found = make()
    assert put(found, "A-1", "A-2", reason="First") == entries.Added(2, 0)
    assert put(found, "A-2", "A-3", reason="Second") == entries.Added(1, 0)
    assert counted(found) == 3
    assert on("Opposition", "A-2", "A-3") == {"A-2": "First", "A-3": "Second"}


ENDS = [(None, DAY, False), (DAY, None, True), (DAY, 2 * DAY, True), (2 * DAY, DAY, False), (-DAY, DAY, True)]


@pytest.mark.parametrize(("first", "second", "longer"), ENDS)
def test_an_entry_that_is_there_only_ever_counts_for_longer(
    first: timedelta | None, second: timedelta | None, longer: bool
) -> None:
    found, now = make(), timezone.now()
    put(found, "A-1", reason="First", expires_at=first and now + first)
    assert put(found, "A-1", reason="Second", expires_at=second and now + second) == entries.Added(0, int(longer))
    assert on("Opposition", "A-1") == {"A-1": "Second" if longer else "First"}
    assert counted(found) == 1


def test_an_entry_knows_who_added_it_and_is_removed_once() -> None:
    found, someone = make(), User.objects.create_user("manager.lyon")
    put(found, "A-2")
    entries.add(found.pk, {"A-1": NewEntry()}, by=someone.pk, now=timezone.now())
    entry = entries.find(found.pk, "A-1")
    assert entry is not None and entry.added_by == someone
    assert [entries.remove(found.pk, "A-1"), entries.remove(found.pk, "A-1")] == [True, False]
    assert counted(found) == 1 and not on("Opposition", "A-1")


def test_nothing_is_added_to_an_archived_list() -> None:
    found = make(archived=True)
    with pytest.raises(SuppressionList.DoesNotExist):
        put(found, "A-1")


@pytest.mark.django_db(transaction=True)
def test_who_adds_the_same_at_the_same_time_adds_it_once() -> None:
    found = make()
    failed: list[Exception] = []
    start = threading.Barrier(4)

    def work() -> None:
        try:
            start.wait(10)
            for first in range(0, 200, 50):
                put(found, *(f"A-{number}" for number in range(first, first + 50)))
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed and counted(found) == 200


def test_the_database_itself_refuses_a_second_entry_and_other_nonsense() -> None:
    found = make()
    row = entries.EntryRow(found.pk, "A-1", "", None, timezone.now(), None)
    with pytest.raises(IntegrityError), transaction.atomic():
        entries.insert([row, row])
    for columns in ({"holds": "shoes"}, {"holds": "email", "calling_code": "33"}, {"name": "Opposition"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            make(**({"name": "Another"} | columns))


def test_a_day_counts_to_its_end_where_the_gateway_is() -> None:
    end = timezone.localtime(entries.day_after(date(2027, 3, 27)))
    assert (end.date(), end.hour) == (date(2027, 3, 28), 0)
    with pytest.raises(ValueError, match="9999"):
        entries.day_after(date(9999, 12, 31))


def test_what_expired_and_what_an_archived_list_held_is_deleted(settings: Any) -> None:
    settings.CHUNK_ROWS = 2
    now = timezone.now()
    kept, gone = make("Kept"), make("Gone")
    put(kept, "A-1", "A-2", "A-3", "A-4", "A-5", expires_at=now - DAY)
    put(kept, "B-1", expires_at=now + DAY)
    put(kept, "B-2")
    put(gone, "A-1", "A-2", "A-3")
    SuppressionList.objects.filter(pk=gone.pk).update(archived=True)
    assert prune.prune(now) == 8
    assert (counted(kept), counted(gone)) == (2, 0)
