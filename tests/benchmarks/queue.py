"""How many messages of a queue are stored in a second, against a bare reader that stores nothing."""

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.benchmarks.deployment import MODES, gateway
from tests.benchmarks.reporting import aligned
from tests.queues import CREDENTIALS, Queue, queues
from tests.servers import temporary_folder

# The stand-in for AWS's queues is the slower part; the bound is far from what was ever seen.
LONGEST_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class FromQueue:
    """Messages that the gateway stored and deleted in `seconds`; a bare reader takes `bare` to read and delete as many."""

    mode: str
    messages: int
    seconds: float
    bare: float


def from_queue(mode: str, messages: int) -> FromQueue:
    """Fill a queue, and time how long it takes to be empty; then the same for the bare reader."""
    with ExitStack() as open_things:
        patch = open_things.enter_context(pytest.MonkeyPatch.context())
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        folder = open_things.enter_context(temporary_folder("queue"))
        aws = open_things.enter_context(queues(Path(folder)))
        bare = _bare(_filled(aws.make(), messages))
        queue = _filled(aws.make(), messages)
        open_things.enter_context(gateway(mode, SQS_QUEUE_URL=queue.url, AWS_ENDPOINT_URL=aws.endpoint))
        return FromQueue(mode, messages, _emptied(queue, messages), bare)


def _filled(queue: Queue, messages: int) -> Queue:
    queue.send(*(json.dumps({"event": "Sendout summary", "number": number}) for number in range(messages)))
    return queue


def _bare(queue: Queue) -> float:
    started = time.monotonic()
    while found := queue.client.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=10).get("Messages"):
        entries = [{"Id": str(place), "ReceiptHandle": each["ReceiptHandle"]} for place, each in enumerate(found)]
        queue.client.delete_message_batch(QueueUrl=queue.url, Entries=entries)
    return time.monotonic() - started


def _emptied(queue: Queue, messages: int) -> float:
    """Seconds from the first message that is taken to the last that is deleted."""
    began = time.monotonic()
    until = began + LONGEST_SECONDS
    while time.monotonic() < until:
        waiting, held = queue.counts()
        if waiting == messages:
            began = time.monotonic()
        elif (waiting, held) == (0, 0):
            return time.monotonic() - began
        time.sleep(0.1)
    return float("nan")


def queue_table(measured: list[FromQueue]) -> str:
    """One row for each mode."""
    head = ("mode", "messages", "s", "messages/s", "bare reader/s", "share of it")
    rows = [
        (
            MODES[one.mode],
            f"{one.messages:,}",
            f"{one.seconds:.1f}",
            f"{one.messages / one.seconds:.0f}",
            f"{one.messages / one.bare:.0f}",
            f"{one.bare / one.seconds:.2f}",
        )
        for one in measured
    ]
    return aligned(head, rows)
