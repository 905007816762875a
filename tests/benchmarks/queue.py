"""Messages of a queue that are stored per second, compared with a bare reader that stores nothing."""

import json
import threading
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
LONGEST_SECONDS = 120.0
# It takes ever longer the more messages wait.
FEW = 100


@dataclass(frozen=True, slots=True)
class FromQueue:
    """Messages that were sent, stored by the gateway and deleted in `seconds`; with a bare reader it took `bare`."""

    mode: str
    messages: int
    seconds: float
    bare: float


def from_queue(mode: str, messages: int) -> FromQueue:
    """Fill a queue as it is read, by the bare reader and by the gateway, and time until all is deleted."""
    with ExitStack() as open_things:
        patch = open_things.enter_context(pytest.MonkeyPatch.context())
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        folder = open_things.enter_context(temporary_folder("queue"))
        aws = open_things.enter_context(queues(Path(folder)))
        queue = aws.make()
        reader = threading.Thread(target=_read, args=(queue, messages))
        reader.start()
        bare = _through(queue, messages)
        reader.join()
        queue = aws.make()
        open_things.enter_context(gateway(mode, SQS_QUEUE_URL=queue.url, AWS_ENDPOINT_URL=aws.endpoint))
        return FromQueue(mode, messages, _through(queue, messages), bare)


def _read(queue: Queue, messages: int) -> None:
    """What every reader must do: receive and delete."""
    until = time.monotonic() + LONGEST_SECONDS
    while messages > 0 and time.monotonic() < until:
        found = queue.client.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=10).get("Messages", [])
        entries = [{"Id": str(place), "ReceiptHandle": each["ReceiptHandle"]} for place, each in enumerate(found)]
        if entries:
            queue.client.delete_message_batch(QueueUrl=queue.url, Entries=entries)
            messages -= len(entries)


def _through(queue: Queue, messages: int) -> float:
    """Seconds from the first message that is sent to the last that is deleted."""
    began = time.monotonic()
    sent = 0
    while time.monotonic() - began < LONGEST_SECONDS:
        waiting, held = queue.counts()
        if sent < messages and waiting < FEW:
            numbers = range(sent, min(sent + FEW, messages))
            queue.send(*(json.dumps({"event": "Sendout summary", "number": number}) for number in numbers))
            sent = numbers.stop
        elif (sent, waiting, held) == (messages, 0, 0):
            return time.monotonic() - began
        else:
            time.sleep(0.02)
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
