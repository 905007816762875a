"""Nobody is told twice: two sweeps at one moment, a sender that is killed, a mail server that hangs up; and many come as one."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from django.utils import timezone

from notices import outbox, transports
from notices.messages import due
from notices.messages import send as message_send
from notices.models import Channel, Message
from tests.factories import sendout
from tests.listeners import Chat, Post
from tests.notices.told_cases import channel, fill, held, person, rows, send, subjects, tell
from tests.servers import free_port

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_six_sweeps_at_the_same_moment_tell_each_reader_once(post: Post, chat: Chat) -> None:
    person()
    channel(chat)
    for number in range(4):
        held(sendout=sendout(name=f"Day {number}"))
    for _ in range(5):
        held(source="single")
    ready = threading.Barrier(6)

    def process() -> None:
        try:
            for later in (timedelta(0), timedelta(seconds=1), due.GATHER + timedelta(seconds=2)):
                ready.wait(20)
                due.fill(timezone.now() + later)
                message_send.send_due("user", timezone.now() + later)
                message_send.send_due("channel", timezone.now() + later)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(process) for _ in range(6)]:
            done.result()
    send(timedelta(minutes=5))
    assert set(rows()) == {("waiting", "sent")} and Message.objects.count() == 10
    assert len(set(subjects(post))) == len(post.mails), "no mail twice"
    told = [each for said in chat.posts for each in said.get("messages", [said])]
    assert sorted(str(each["batch"]) for each in told) == sorted(
        str(pk) for pk in Message.objects.filter(channel__isnull=False).values_list("batch", flat=True)
    ), "no hook twice"


def test_a_sender_that_is_killed_between_marking_and_sending_is_not_followed_by_another(post: Post) -> None:
    person()
    held()
    fill()
    with patch.object(transports.Mail, "send", side_effect=SystemExit), pytest.raises(SystemExit):
        send()
    assert rows() == [("waiting", "sending")]
    assert send() == 0 and rows() == [("waiting", "sending")]
    assert send(outbox.LOST_AFTER * 2) == 0 and rows() == [("waiting", "lost")]
    assert post.mails == []


def test_what_may_have_left_is_never_repeated(post: Post, chat: Chat) -> None:
    person()
    channel(chat)
    held(left=timedelta(days=1))
    post.answer, chat.status = "", 0
    assert tell() == 0
    assert set(rows()) == {("waiting", "lost")}
    assert tell(timedelta(minutes=20)) == 0
    assert (len(post.mails), len(chat.posts)) == (1, 1)


def test_what_certainly_did_not_leave_is_tried_again_and_then_given_up(post: Post, chat: Chat) -> None:
    person()
    channel(chat)
    held(left=timedelta(days=2))
    post.answer, chat.status = "554 no", 503
    assert tell() == 0 and set(rows()) == {("waiting", "waiting")}
    assert tell() == 0 and len(chat.posts) == 1, "not at once"
    post.answer = "250 taken"
    assert send(timedelta(minutes=1)) == 1
    for _ in range(outbox.RETRY.failures):
        Message.objects.update(due_at=timezone.now())
        send()
    assert sorted(rows()) == [("waiting", "failed"), ("waiting", "sent")]
    assert (len(post.mails), len(chat.posts)) == (1, outbox.RETRY.failures)


def test_a_channel_that_asks_for_quiet_gets_it(chat: Chat) -> None:
    channel(chat)
    held(), held()
    chat.status, chat.retry_after = 429, "600"
    assert tell() == 0 and len(chat.posts) == 1, "the second does not even try"
    chat.status = 200
    assert send(timedelta(seconds=590)) == 0
    assert send(timedelta(seconds=610)) == 2


def test_an_avalanche_is_one_mail_a_minute(post: Post) -> None:
    person()
    for number in range(3):
        held(sendout=sendout(name=f"Early {number}"))
    assert tell() == 3
    for number in range(35):
        held(sendout=sendout(name=f"Day {number}"))
    assert tell() == 1
    assert len(post.mails) == 4 and subjects(post)[3].startswith("35 envois ont besoin")
    text = post.mails[3].get_body(("plain",)).get_content()
    assert text.count("https://gateway.example.com/admin/sendouts/batch/") == 30 + 1
    assert set(rows()) == {("waiting", "sent")} and Message.objects.count() == 38
    held(), held(), held()
    assert tell(timedelta(seconds=30)) == 0, "there was one in this minute"
    assert tell(timedelta(seconds=70)) == 3


def test_a_slow_server_holds_a_round_for_so_many_messages_at_most(chat: Chat) -> None:
    for number in range(outbox.AT_ONCE + 5):
        Channel.objects.create(
            name=str(number), url=f"http://127.0.0.1:{free_port()}/", occasions=["waiting"], kind="json"
        )
    held()
    fill()
    with patch.object(transports.HookCall, "send", side_effect=transports.NotSent) as tried:
        send()
    assert tried.call_count == outbox.AT_ONCE


def test_without_a_mail_server_nothing_piles_up(settings: Any) -> None:
    settings.MAIL_WORKS = False
    person()
    held()
    assert fill() == 1 and rows() == []


def test_old_messages_are_deleted_with_what_they_were_about(post: Post) -> None:
    person()
    held(left=timedelta(days=1))
    tell()
    for days, left in ((89, [("waiting", "sent")]), (91, [])):
        due.retire(timezone.now() + timedelta(days=days))
        assert rows() == left
