"""Hooks through a queue: stored once, deleted only then, and left to the queue where nobody can read them."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import DataError, OperationalError
from django.utils import timezone

from sendouts.intake import sqs
from sendouts.intake.sqs import Consumer
from sendouts.models import Webhook
from tests.gate import body_of
from tests.lanes import plan_hooks
from tests.queues import CREDENTIALS, Queue, Queues, queues

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("sqs")]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queues]:
    with pytest.MonkeyPatch.context() as patch, queues(tmp_path_factory.mktemp("queues")) as found:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield found


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqs, "WAIT_SECONDS", 1)


@pytest.fixture
def queue(aws: Queues, quick: None) -> Queue:
    return aws.make(VisibilityTimeout="1")


def hook(number: int = 1) -> str:
    return json.dumps(
        {
            "finishUri": f"https://symplify.example.com/f/{number}",
            "projectName": "P",
            "sendoutName": "S",
            "items": [{"contactId": "é-1", "rejectUri": f"https://symplify.example.com/r/{number}"}],
        }
    )


@contextmanager
def consuming(queue: Queue, *, threads: int = 2, client: Any = None) -> Iterator[None]:
    stop = threading.Event()
    consumer = Consumer(queue.url, client or queue.client, threads=threads)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(consumer.run, stop)
        try:
            yield
        finally:
            stop.set()
            running.result(30)


def until(condition: Callable[[], bool], within: float = 20) -> None:
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.05)


def stored() -> list[Webhook]:
    return list(Webhook.objects.order_by("pk"))


def test_a_hook_is_stored_as_it_came_and_then_deleted(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    queue.send(hook())
    sent_by = datetime.now(UTC) + timedelta(seconds=1)
    # Its time runs from when the message was sent, not from when it was read.
    monkeypatch.setattr(timezone, "now", lambda: datetime.now(UTC) + timedelta(hours=1))
    with consuming(queue):
        until(lambda: Webhook.objects.exists() and queue.counts() == (0, 0))
    [row] = stored()
    assert (body_of(row), row.source, row.outcome) == (hook().encode(), "sqs", "")
    assert b"finishUri" not in bytes(row.body), "it is sealed"
    assert before <= row.received_at <= sent_by


def test_a_notification_is_unwrapped_and_any_other_text_is_stored_as_it_is(queue: Queue) -> None:
    wrapped = json.dumps({"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:x", "Message": hook()})
    others = [" ", '{"Type": "Notification", "Message": 7}', '"Notification"', "[" * 10_000, str(uuid4())]
    queue.send(wrapped, *others)
    with consuming(queue):
        until(lambda: Webhook.objects.count() == 6 and queue.counts() == (0, 0))
    assert {body_of(row).decode() for row in stored()} == {hook(), *others}


class Stubborn:
    """A client whose first calls of one name fail."""

    def __init__(self, client: Any, call: str, times: int) -> None:
        self._client, self._call, self.left = client, call, times

    def __getattr__(self, name: str) -> Any:
        if name == self._call and self.left:
            self.left -= 1
            raise ConnectionError("the way to the queue is cut")
        return getattr(self._client, name)


@pytest.mark.parametrize(("call", "times"), [("delete_message_batch", 2), ("receive_message", 3)])
def test_a_call_that_fails_is_made_again_and_the_hook_is_stored_once(queue: Queue, call: str, times: int) -> None:
    queue.send(hook())
    client = Stubborn(queue.client, call, times)
    with consuming(queue, client=client):
        until(lambda: not client.left and Webhook.objects.exists() and queue.counts() == (0, 0))
    assert len(stored()) == 1


def test_what_nobody_can_read_is_shown_and_left_to_the_dead_letter_policy(aws: Queues, quick: None) -> None:
    dead = aws.make()
    policy = {"deadLetterTargetArn": aws.arn(dead), "maxReceiveCount": "2"}
    queue = aws.make(VisibilityTimeout="1", RedrivePolicy=json.dumps(policy))
    queue.send("no hook", hook())
    with consuming(queue):
        until(lambda: dead.counts() == (1, 0) and queue.counts() == (0, 0))
    rows = stored()
    plan_hooks([row.pk for row in rows])
    assert sorted((body_of(row), row.outcome) for row in stored()) == sorted(
        [(b"no hook", "unreadable"), (hook().encode(), "planned")]
    )


def test_without_a_dead_letter_policy_it_is_deleted_once_it_is_stored(queue: Queue) -> None:
    queue.send("no hook")
    with consuming(queue):
        until(lambda: Webhook.objects.exists() and queue.counts() == (0, 0))
    assert body_of(stored()[0]) == b"no hook"


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A database that takes hooks only once the event is set."""
    back = threading.Event()
    store = sqs.store

    def try_to_store(hooks: list[Any]) -> list[int]:
        if not back.is_set():
            raise OperationalError("the database is away")
        return store(hooks)

    monkeypatch.setattr(sqs, "store", try_to_store)
    yield back
    back.set()


def test_while_the_database_is_away_messages_are_held_and_nothing_is_lost(
    queue: Queue, database: threading.Event
) -> None:
    queue.send(*(hook(number) for number in range(30)))
    with consuming(queue, threads=3):
        # Longer held than the queue's own second: the consumer extends it.
        until(lambda: queue.counts()[1] > 0)
        until_held = time.monotonic() + 1.5
        until(lambda: time.monotonic() > until_held and queue.counts()[1] > 0)
        database.set()
        until(lambda: Webhook.objects.count() == 30 and queue.counts() == (0, 0), within=40)


def test_a_consumer_that_stops_gives_back_what_it_could_not_store(
    aws: Queues, quick: None, database: threading.Event
) -> None:
    queue = aws.make(VisibilityTimeout="600")
    queue.send(hook())
    with consuming(queue):
        until(lambda: queue.counts() == (0, 1))
    assert queue.counts() == (1, 0)
    assert not stored()


def test_a_hook_that_the_database_refuses_stays_in_the_queue_and_its_neighbours_are_stored(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = sqs.store

    def refuse_one(hooks: list[Any]) -> list[int]:
        if any(b"f/5" in body_of(each) for each in hooks):
            raise DataError("not this one")
        return store(hooks)

    monkeypatch.setattr(sqs, "store", refuse_one)
    queue.send(*(hook(number) for number in range(1, 9)))
    with consuming(queue):
        until(lambda: Webhook.objects.count() == 7)
    assert sum(queue.counts()) == 1


def test_the_region_is_read_from_the_queues_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**CREDENTIALS, "AWS_DEFAULT_REGION": ""}.items():
        monkeypatch.setenv(name, value)
    client = sqs.make_client("https://sqs.eu-north-1.amazonaws.com/123456789012/hooks")
    assert client.meta.region_name == "eu-north-1"
