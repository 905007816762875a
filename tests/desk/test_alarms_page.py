"""People see what is open first, what it means, what to do, and who was told."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from notices.models import Alarm, Notice
from tests.factories import batch, page_url, text_of, user_in

pytestmark = pytest.mark.django_db
LIST = reverse("admin:sendouts_alarm_changelist")
BATCHES = reverse("admin:sendouts_batch_changelist")


@pytest.fixture
def viewer() -> Client:
    user = user_in("Viewer")
    user.user_permissions.add(Permission.objects.get(codename="view_alarm"))
    client = Client()
    client.force_login(user)
    return client


def alarm(code: str = "hook_unreadable", *, over: bool = False, age: int = 5, **more: Any) -> Alarm:
    now = timezone.now()
    since = now - timedelta(minutes=age)
    values = {"data": {"hooks": 2, "first": 1}, "opened_at": since, "last_seen_at": since} | more
    return Alarm.objects.create(code=code, closed_at=now if over else None, **values)


def test_what_is_open_comes_first_and_then_the_newest(viewer: Client) -> None:
    old_and_open = alarm(age=300)
    over = alarm("beat_silent", over=True, age=1, data={})
    new_and_open = alarm("work_waits", age=2, subject="files", data={"seconds": 70})
    rows = viewer.get(LIST).context["cl"].result_list
    assert [row.pk for row in rows] == [new_and_open.pk, old_and_open.pk, over.pk]


def test_an_alarm_says_what_is_wrong_what_to_do_and_who_was_told(viewer: Client) -> None:
    made = alarm()
    Notice.objects.create(alarm=made, occasion="opened", channel="mail", state="sent", due_at=timezone.now())
    text = text_of(viewer.get(reverse("admin:sendouts_alarm_change", args=[made.pk])))
    assert "2 hooks cannot be read." in text and "tell whoever runs the platform" in text
    assert "mail · opened · sent" in text and reverse("admin:sendouts_webhook_change", args=[1]) in text
    held = batch(undecided=1, attention="unread_rows")
    data = {"batch": held.pk, "attention": "unread_rows", "deadline": held.deadline.isoformat()}
    made = alarm("attention", subject=str(held.pk), data=data)
    text = text_of(viewer.get(reverse("admin:sendouts_alarm_change", args=[made.pk])))
    assert f'href="{page_url(held)}"' in text and "rows of the contact file cannot be read" in text


def test_the_list_of_batches_says_that_alarms_are_open(viewer: Client) -> None:
    assert "open alarm" not in text_of(viewer.get(BATCHES))
    alarm(over=True)
    assert "open alarm" not in text_of(viewer.get(BATCHES))
    alarm()
    page = viewer.get(BATCHES)
    assert "The gateway has 1 open alarm." in text_of(page)
    entry = next(
        item for group in page.context["sidebar_navigation"] for item in group["items"] if item["link"] == LIST
    )
    assert entry["badge"] == 1


def test_whoever_may_not_look_at_alarms_is_told_nothing() -> None:
    alarm()
    user = user_in("staff")
    user.user_permissions.set(Permission.objects.filter(codename="view_batch"))
    client = Client()
    client.force_login(user)
    assert client.get(LIST).status_code == 403
    assert "open alarm" not in text_of(client.get(BATCHES))
