"""Hooks through a queue: stored once, deleted only then, and left to the queue where nobody can read them."""

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DataError, InternalError
from django.utils import timezone

from actions.sentences import write
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
def consuming(queue: Queue, *, threads: int = 2, client: Any = None, **more: Any) -> Iterator[None]:
    stop = threading.Event()
    consumer = Consumer(queue.url, client or queue.client, threads=threads, **more)
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


def test_a_message_is_stored_as_it_came_and_its_envelope_is_opened_by_planning(queue: Queue) -> None:
    wrapped = json.dumps({"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:x", "Message": hook()})
    others = {" ": "unreadable", '{"Type": "Notification", "Message": 7}': "other", "[" * 10_000: "unreadable"}
    queue.send(wrapped, *others)
    with consuming(queue):
        until(lambda: Webhook.objects.count() == 4 and queue.counts() == (0, 0))
    plan_hooks([row.pk for row in stored()])
    assert {body_of(row).decode(): row.outcome for row in stored()} == {wrapped: "planned", **others}


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
    without_address = '{"finishUri": null}'
    queue.send("no hook", without_address, hook())
    with consuming(queue):
        until(lambda: dead.counts() == (2, 0) and queue.counts() == (0, 0))
    rows = stored()
    plan_hooks([row.pk for row in rows])
    outcomes = {"no hook": "unreadable", without_address: "unreadable", hook(): "planned"}
    assert {body_of(row).decode(): row.outcome for row in stored()} == outcomes


def test_without_a_dead_letter_policy_it_is_deleted_once_it_is_stored(queue: Queue) -> None:
    queue.send("no hook")
    with consuming(queue):
        until(lambda: Webhook.objects.exists() and queue.counts() == (0, 0))
    assert body_of(stored()[0]) == b"no hook"


POINTER = ["software.amazon.payloadoffloading.PayloadS3Pointer", {"s3BucketName": "example-gate", "s3Key": "hook-1"}]
OLD_POINTER = ["com.amazon.sqs.javamessaging.MessageS3Pointer", POINTER[1]]


@pytest.fixture(scope="module")
def s3(aws: Queues) -> Iterator[Any]:
    client = sqs.make_client("", aws.endpoint, "s3")
    location = {"LocationConstraint": "eu-west-1"}
    client.create_bucket(Bucket="example-gate", CreateBucketConfiguration=location)
    yield client
    client.close()


@pytest.mark.parametrize(
    ("pointer", "kept"),
    [
        (POINTER, {"Body": hook().encode()}),
        (OLD_POINTER, {"Body": gzip.compress(hook().encode())}),
        ({"Type": "Notification", "Message": json.dumps(POINTER)}, {"Body": hook().encode()}),
        (POINTER, {"Body": hook().encode("latin-1"), "ContentType": "application/json; charset=latin-1"}),
    ],
    ids=["SQS", "older client, gzip", "SNS", "latin-1"],
)
def test_a_long_hook_is_fetched_from_a_listed_bucket(queue: Queue, s3: Any, pointer: Any, kept: dict[str, Any]) -> None:
    s3.put_object(Bucket="example-gate", Key="hook-1", **kept)
    queue.send(json.dumps(pointer))
    with consuming(queue, buckets=["other", "example-gate"], make_s3=lambda: s3):
        until(lambda: Webhook.objects.exists() and queue.counts() == (0, 0))
    [row] = stored()
    assert json.loads(body_of(row)) == json.loads(hook())


def test_a_pointer_that_leads_nowhere_stays_in_the_queue_is_shown_and_may_be_fetched_later(
    queue: Queue, s3: Any
) -> None:
    s3.put_object(Bucket="example-gate", Key="hook-1", Body=hook().encode())
    queue.send(json.dumps(POINTER))
    with consuming(queue, buckets=["other"], make_s3=lambda: pytest.fail("not on the list")):
        until(Webhook.objects.exists)
    [row] = stored()
    plan_hooks([row.pk])
    row.refresh_from_db()
    assert row.outcome == "unreadable" and "SQS_BUCKETS" in write(row.detail)
    assert sum(queue.counts()) == 1
    with consuming(queue, buckets=["example-gate"], make_s3=lambda: s3):
        until(lambda: queue.counts() == (0, 0))
    plan_hooks([row.pk for row in stored()])
    assert [row.outcome for row in stored()] == ["unreadable", "planned"]


@pytest.mark.parametrize("size", [None, 2_000], ids=["gone", "too long"])
def test_an_object_that_cannot_be_fetched_is_tried_again_and_then_shown(
    queue: Queue, s3: Any, settings: Any, size: int | None
) -> None:
    settings.WEBHOOK_MAX_BYTES = 1_000
    s3.delete_object(Bucket="example-gate", Key="hook-1")
    if size:
        s3.put_object(Bucket="example-gate", Key="hook-1", Body=b" " * size)
    queue.send(json.dumps(POINTER))
    with consuming(queue, threads=1, buckets=["example-gate"], make_s3=lambda: s3):
        until(Webhook.objects.exists)
    assert sum(queue.counts()) == 1
    assert [body_of(row).decode() for row in stored()] == [json.dumps(POINTER)]


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A database that takes hooks only once the event is set."""
    back = threading.Event()
    store = sqs.store

    def try_to_store(hooks: list[Any]) -> list[int]:
        if not back.is_set():
            raise InternalError("cannot execute INSERT in a read-only transaction")
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
