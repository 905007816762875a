"""Operators are told by a real mail and a real hook: once for each occasion, and again only what certainly did not leave."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from notices import outbox
from notices.alarms import notify, record
from notices.alarms import watch as alarm_watch
from notices.models import Alarm, Code, Notice
from sendouts.models import Status
from sendouts.services import hosts
from tests.factories import SECRET, batch, webhook
from tests.listeners import Chat, Post, running
from work import pulses

pytestmark = pytest.mark.django_db


@pytest.fixture
def post(settings: Any) -> Iterator[Post]:
    for server in running(Post()):
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        settings.ALARM_MAIL_TO = ["operators@example.com"]
        yield server


@pytest.fixture
def chat(settings: Any) -> Iterator[Chat]:
    hosts._known.clear()
    for server in running(Chat()):
        settings.ALARM_HOOK_URL = f"http://127.0.0.1:{server.server_address[1]}/services/T0/secret"
        yield server


def all_is_well() -> None:
    for name in (pulses.SWEEP, pulses.BEAT):
        pulses.write(name)


def opened() -> Alarm:
    all_is_well()
    webhook("unreadable")
    alarm_watch.look(timezone.now())
    return Alarm.objects.get()


def over(alarm: Alarm) -> None:
    now = timezone.now()
    Alarm.objects.update(last_seen_at=now)
    alarm.refresh_from_db()
    assert record.close(alarm, now)


def send(later: timedelta = timedelta(0)) -> int:
    return notify.send_due(timezone.now() + later)


def states() -> dict[str, str]:
    return dict(Notice.objects.values_list("channel", "state"))


def test_a_mail_says_in_french_what_is_wrong_since_when_and_what_to_do(post: Post, settings: Any) -> None:
    settings.BASE_URL = "https://gateway.example.com"
    alarm = opened()
    assert send() == 1
    (mail,) = post.mails
    assert mail["To"] == "operators@example.com" and mail["From"] == settings.ALARM_MAIL_FROM
    assert mail["Subject"].strip() == "[Send Gate] Alarme\u00a0: des webhooks sont illisibles"
    text = mail.get_content()
    assert "1 webhook est illisible." in text and "prévenez qui gère le compte" in text
    assert f"https://gateway.example.com/admin/sendouts/alarm/{alarm.pk}/change/" in text
    assert timezone.localtime().tzname() in text
    over(alarm)
    assert send() == 1 and send() == 0
    assert post.mails[1]["Subject"].strip().startswith("[Send Gate] Terminée\u00a0:")


def test_a_hook_gets_a_line_for_people_and_fields_for_programs_and_a_name_calls_nobody(
    chat: Chat, settings: Any
) -> None:
    settings.ALARM_LANGUAGE = "en"
    alarm = opened()
    assert send() == 1
    (said,) = chat.posts
    assert (said["code"], said["occasion"], said["sentence"]) == ("hook_unreadable", "opened", "1 hook cannot be read.")
    assert said["opened_at"] == alarm.opened_at.isoformat() and said["closed_at"] is None
    assert said["text"].startswith("Alarm: hooks cannot be read\n1 hook cannot be read.")
    assert said["url"] in said["text"]
    data = {"project": "Shop", "sendout": "<!channel> & co", "every": 3600, "last": None}
    silent = Alarm(pk=1, code=Code.SENDOUT_SILENT, subject="1", data=data, opened_at=alarm.opened_at)
    said = notify.compose(silent, "opened").content
    assert "&lt;!channel&gt; &amp; co" in said["text"] and "<!channel>" not in said["text"]
    assert "<!channel> & co" in said["sentence"]


@pytest.mark.django_db(transaction=True)
def test_two_processes_that_look_and_send_at_the_same_moment_tell_once(post: Post, chat: Chat) -> None:
    all_is_well()
    webhook("unreadable")
    ready = threading.Barrier(6)

    def process() -> None:
        try:
            for _ in range(3):
                ready.wait(10)
                alarm_watch.look(timezone.now())
                notify.send_due(timezone.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(process) for _ in range(6)]:
            done.result()
    assert (Alarm.objects.count(), len(post.mails), len(chat.posts)) == (1, 1, 1)
    alarm = Alarm.objects.get()
    later = timezone.now() + record.CLEAR_AFTER
    with ThreadPoolExecutor(6) as pool:
        closed = [pool.submit(in_own_connection, record.close, alarm, later) for _ in range(6)]
        assert sorted(done.result() for done in closed) == [False] * 5 + [True]
    assert send(timedelta(minutes=1)) == 2
    assert (len(post.mails), len(chat.posts)) == (2, 2)


def in_own_connection(work: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return work(*arguments)
    finally:
        connection.close()


def test_a_sender_that_died_in_the_middle_is_not_followed_by_another(chat: Chat) -> None:
    opened()
    Notice.objects.update(state="sending", at=timezone.now())
    assert send() == 0 and states() == {"hook": "sending"}
    assert send(outbox.LOST_AFTER * 2) == 0 and states() == {"hook": "lost"}
    assert chat.posts == []


def test_the_end_is_not_told_before_the_beginning(chat: Chat) -> None:
    alarm = opened()
    chat.status = 500
    send()
    over(alarm)
    chat.status = 200
    assert send() == 0, "the beginning waits for its next attempt"
    assert send(timedelta(minutes=5)) == 1 and send(timedelta(minutes=5)) == 1
    assert [said["occasion"] for said in chat.posts] == ["opened", "opened", "closed"]


def test_a_hook_outside_the_allow_list_is_not_called_and_not_logged(chat: Chat, settings: Any, caplog: Any) -> None:
    settings.ALARM_HOOK_URL = "http://chat.example.com/secret-of-the-chat"
    opened()
    assert send() == 0 and states() == {"hook": "waiting"}
    assert "alarm_hook_refused" in caplog.text and "secret-of-the-chat" not in caplog.text


def test_a_database_that_is_away_is_told_without_it_once_and_written_down_afterwards(post: Post, chat: Chat) -> None:
    watch = alarm_watch.Watch()
    began = watch._fine[0]
    with patch.object(alarm_watch, "look", side_effect=OperationalError), patch.object(connection, "close"):
        watch.look_once()
        watch.tell_once()
        assert chat.posts == [], "a moment's trouble is nobody's business"
        watch._fine = began, watch._fine[1] - alarm_watch.DATABASE_SECONDS
        with patch.object(connection, "cursor", side_effect=OperationalError):
            for _ in range(3):
                watch.look_once()
                watch.tell_once()
    assert [said["code"] for said in chat.posts] == ["database"] and len(post.mails) == 1
    all_is_well()
    watch.look_once()
    alarm = Alarm.objects.get()
    assert (alarm.code, alarm.opened_at, alarm.closed_at) == (Code.DATABASE, began, None)
    Alarm.objects.update(last_seen_at=timezone.now() - record.CLEAR_AFTER)
    watch.look_once()
    send()
    assert [said["occasion"] for said in chat.posts] == ["opened", "closed"] and len(post.mails) == 2


def test_migrations_that_are_not_applied_are_told_without_a_row_once_and_the_alarm_ends_by_itself(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarm = alarm_watch.PendingMigrations()
    alarm.look()
    alarm.look()
    assert chat.posts == [], "most migrations are quick"
    monkeypatch.setattr(alarm_watch, "MIGRATIONS_SECONDS", 0.0)
    for _ in range(3):
        alarm.look()
    (said,) = chat.posts
    assert said["code"] == "migrations_pending" and "manage.py migrate" in said["advice"]
    assert not Alarm.objects.exists()
    alarm.applied()
    all_is_well()
    Alarm.objects.update(last_seen_at=timezone.now() - record.CLEAR_AFTER)
    alarm_watch.Watch().look_once()
    send()
    assert [said["occasion"] for said in chat.posts] == ["opened", "closed"]


def test_where_nobody_is_to_be_told_nothing_is_stored_and_a_trial_says_what_to_set() -> None:
    opened()
    assert not Notice.objects.exists()
    with pytest.raises(CommandError, match="ALARM_MAIL_TO"):
        call_command("tell_operators")


def test_a_trial_goes_to_every_channel_and_says_what_came_of_it(post: Post, chat: Chat, capsys: Any) -> None:
    call_command("tell_operators")
    assert capsys.readouterr().out == "mail: sent\nhook: sent\n"
    assert chat.posts[0]["occasion"] == "trial" and "arrivent" in post.mails[0]["Subject"]
    chat.status, post.answer = 404, "554 no"
    with pytest.raises(CommandError, match=r"mail: The message certainly did not leave(.|\n)*hook: The message"):
        call_command("tell_operators")


def test_no_address_of_the_platform_and_no_contact_is_in_a_message(chat: Chat) -> None:
    all_is_well()
    soon = timedelta(minutes=8)
    batch(
        Status.IN_REVIEW, undecided=2, attention="unread_rows", attention_data={"rows": 1, "code": "no_id"}, left=soon
    )
    alarm_watch.look(timezone.now())
    assert send() == 1
    words = json.dumps(chat.posts)
    assert "unread_rows" not in words and SECRET not in words and "A-0" not in words


def test_a_database_that_hangs_is_told_though_the_look_never_returns(chat: Chat, settings: Any) -> None:
    settings.ALARM_LANGUAGE = "en"
    stop, go_on = threading.Event(), threading.Event()

    def hang(*_: Any) -> None:
        go_on.wait(10)
        raise OperationalError

    with (
        patch.object(alarm_watch, "look", side_effect=hang),
        patch.object(notify, "send_due", side_effect=hang),
        patch.multiple(alarm_watch, LOOK_SECONDS=0.02, SEND_SECONDS=0.02, DATABASE_SECONDS=0.2),
    ):
        alarm_watch.Watch().start(stop)
        until = time.monotonic() + 10
        while not chat.posts and time.monotonic() < until:
            stop.wait(0.02)
        stop.set()
        go_on.set()
    assert [said["sentence"][:35] for said in chat.posts] == ["The database has not answered since"]
