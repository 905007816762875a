"""People are told when a batch waits, when half and 80 % of its time are gone, when it needs somebody, and when it is over."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from notices.messages import choices, due
from notices.models import Message, Occasion
from sendouts import lifecycle
from sendouts.models import Attention, Batch, Status
from tests.factories import batch, sendout
from tests.listeners import Post
from tests.notices.told_cases import at, fill, held, person, rows, send, subjects, tell
from work import claims

pytestmark = pytest.mark.django_db
ALL = [each.value for each in Occasion]


@pytest.fixture
def everything(post: Post) -> User:
    """Somebody who wants to be told of everything."""
    user = person()
    choices.choose(user, ALL, {}, "en")
    return user


def test_a_batch_that_is_held_is_told_at_once_then_at_half_then_at_80_percent(everything: User, post: Post) -> None:
    made = held(left=timedelta(minutes=59))
    assert tell() == 1 and tell() == 0
    assert tell(at(due.half(made)) - timedelta(seconds=1)) == 0
    assert tell(at(due.half(made))) == 1
    assert tell(at(due.most(made)) - timedelta(seconds=1)) == 0
    assert tell(at(due.most(made))) == 1
    assert tell(at(made.deadline) - timedelta(seconds=1)) == 0
    assert rows() == [("waiting", "sent"), ("half_gone", "sent"), ("nearly_gone", "sent")]
    assert len(post.mails) == 3


def test_who_wants_to_hear_only_of_what_is_urgent_hears_of_what_is_held_late(post: Post) -> None:
    choices.choose(person(), ["nearly_gone"], {}, "")
    held(left=timedelta(minutes=10))
    assert tell() == 1 and tell(timedelta(minutes=2)) == 0
    assert rows() == [("nearly_gone", "sent")]


def test_nothing_is_told_any_more_when_it_was_decided(everything: User) -> None:
    made = held(left=timedelta(minutes=59))
    tell()
    lifecycle.move({made.pk: {"due_at": timezone.now()}}, Status.IN_REVIEW, Status.ACCEPTED, now=timezone.now())
    assert tell(at(due.half(made))) == 0
    assert rows() == [("waiting", "sent")]
    made.refresh_from_db()
    assert made.tell_at is None


def test_what_is_decided_while_its_message_waits_is_not_sent_and_comes_back_with_the_batch(everything: User) -> None:
    made, now = held(left=timedelta(minutes=59)), timezone.now()
    fill()
    lifecycle.move({made.pk: {}}, Status.IN_REVIEW, Status.ACCEPTED, now=now)
    assert send() == 0
    assert rows() == [("waiting", "dropped")]
    lifecycle.move({made.pk: {}}, Status.ACCEPTED, Status.IN_REVIEW, now=now)
    assert tell() == 1
    assert rows() == [("waiting", "sent")]


def test_a_batch_that_a_stage_could_not_complete_is_told_and_another_trouble_again(everything: User) -> None:
    made = batch(Status.ACCEPTED, accepted=3, rejected=2, due_at=None)
    trouble(made, Attention.UNCONFIRMED)
    assert tell() == 1
    trouble(made, Attention.UNCONFIRMED)
    assert tell() == 0, "the same trouble"
    trouble(made, Attention.FINISH_UNCONFIRMED)
    assert tell() == 1
    assert list(Message.objects.values_list("detail", flat=True).order_by("pk")) == [
        "unconfirmed",
        "finish_unconfirmed",
    ]


def trouble(made: Batch, code: Attention, pause: timedelta | None = None) -> None:
    Batch.objects.filter(pk=made.pk).update(due_at=timezone.now(), claimed_until=None)
    claim = claims.take(Batch, [made.pk])
    lifecycle.attention(made.pk, code, now=timezone.now(), claim=claim, pause=pause, data={"rows": 2})
    claim.release()


def test_a_trouble_is_told_only_if_it_stays_for_a_minute(everything: User) -> None:
    made = batch(Status.PLANNED)
    trouble(made, Attention.NO_DOWNLOAD, pause=timedelta(seconds=5))
    assert tell() == 0
    Batch.objects.filter(pk=made.pk).update(attention="")
    assert tell(due.BY_ITSELF) == 0
    assert rows() == [("attention", "dropped")]
    stays = batch(Status.PLANNED)
    trouble(stays, Attention.NO_DOWNLOAD, pause=timedelta(seconds=5))
    assert tell() == 0 and tell(due.BY_ITSELF + timedelta(seconds=1)) == 1


@pytest.mark.parametrize(
    ("status", "columns"),
    [
        (Status.EXPIRED, {}),
        (Status.ABANDONED, {}),
        (Status.FINISHED, {"outcome": "released", "finish_sent_at": timezone.now(), "confirmed": 2}),
        (Status.FINISHED, {"outcome": "refused", "finish_sent_at": timezone.now(), "confirmed": 2}),
    ],
)
def test_how_a_batch_ended_is_told(everything: User, status: Status, columns: Any) -> None:
    made = batch(Status.DELIVERED, accepted=3, rejected=2, decisions=False)
    now = timezone.now()
    lifecycle.move({made.pk: {"ended_at": now, "due_at": None, **columns}}, Status.DELIVERED, status, now=now)
    assert tell() == 1 and tell() == 0
    assert rows() == [("ended", "sent")]


def test_a_release_that_was_confirmed_after_the_deadline_puts_the_first_message_right(
    everything: User, post: Post
) -> None:
    made, now = batch(Status.DELIVERED, accepted=3, decisions=False), timezone.now()
    over = {"ended_at": now, "due_at": None}
    lifecycle.move({made.pk: over}, Status.DELIVERED, Status.EXPIRED, now=now)
    assert tell() == 1
    late = {**over, "outcome": "released", "finish_sent_at": now}
    lifecycle.move({made.pk: late}, Status.EXPIRED, Status.FINISHED, now=now)
    assert tell() == 1
    assert [subject.split(": ")[1] for subject in subjects(post)] == ["deadline passed", "released to 3 contacts"]


def test_a_sweep_that_was_away_tells_what_is_true_now_and_not_what_it_missed(everything: User) -> None:
    made = held(left=timedelta(minutes=59))
    tell()
    assert tell(at(due.most(made)) + timedelta(minutes=1)) == 1
    assert rows() == [("waiting", "sent"), ("nearly_gone", "sent")]


def test_after_a_mail_server_that_was_away_only_the_newest_is_told_of_a_batch(everything: User, post: Post) -> None:
    made = held(left=timedelta(minutes=59))
    fill()
    fill(at(due.half(made)))
    assert tell(at(due.half(made)) + timedelta(seconds=1)) == 1
    assert rows() == [("waiting", "dropped"), ("half_gone", "sent")]
    assert [subject for subject in subjects(post) if "half of its time is gone" in subject] == subjects(post)


def test_what_a_reader_does_not_want_any_more_takes_nothing_from_what_they_want(everything: User, post: Post) -> None:
    made = held(left=timedelta(minutes=59))
    fill()
    fill(at(due.half(made)))
    choices.choose(everything, ["waiting"], {}, "en")
    assert tell(at(due.half(made)) + timedelta(seconds=1)) == 1
    assert rows() == [("waiting", "sent"), ("half_gone", "dropped")]


def test_nothing_is_told_of_a_batch_whose_time_is_over_but_its_end(everything: User) -> None:
    made = held(left=timedelta(minutes=1))
    assert tell(at(made.deadline)) == 0
    lifecycle.expire(timezone.now() + timedelta(minutes=2))
    assert rows() == []


def test_held_singles_are_one_mail_for_each_sendout_and_ten_minutes(everything: User, post: Post) -> None:
    for number in range(37):
        held(source="single", sendout=sendout(name="Day 1" if number else "Day 2"))
    later = due.GATHER + timedelta(seconds=1)
    tell()
    assert tell(later) == 2
    assert sorted(subject.split(" of ")[0] for subject in subjects(post)) == ["1 single", "36 singles"]
    assert tell(later) == 0


def test_singles_that_come_after_the_mail_of_their_ten_minutes_are_told_in_the_next(
    everything: User, post: Post
) -> None:
    start = due.window_of(timezone.now()) + due.WINDOW
    first = start + timedelta(seconds=30)
    held(source="single", left=timedelta(hours=3))
    assert (due.fill(first), send(at(first + due.GATHER))) == (1, 1)
    held(source="single", left=timedelta(hours=3))
    second = first + timedelta(minutes=2)
    assert due.fill(second) == 1
    assert send(at(second + due.GATHER)) == 0
    assert send(at(start + due.WINDOW)) == 1
    assert [subject.split(" of ")[0] for subject in subjects(post)] == ["1 single", "2 singles"]


def test_how_singles_ended_is_told_only_where_nobody_answered_in_time(everything: User, post: Post) -> None:
    now = timezone.now()
    fine = batch(Status.DELIVERED, accepted=1, source="single")
    late = [batch(Status.IN_REVIEW, accepted=1, source="single", left=timedelta(seconds=-1)) for _ in range(3)]
    over = {"ended_at": now, "due_at": None, "outcome": "released", "finish_sent_at": now}
    lifecycle.move({fine.pk: over}, Status.DELIVERED, Status.FINISHED, now=now)
    assert len(lifecycle.expire(now)) == len(late)
    tell()
    assert tell(due.GATHER + timedelta(seconds=1)) == 1
    assert subjects(post)[0].startswith("3 singles of “Summer / Day 1” were not answered")
