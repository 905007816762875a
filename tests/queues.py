"""Stand-in for AWS: a moto server in a separate process, with its queues."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3

from tests.servers import free_port, wait_for_port

# What the stand-in takes for credentials; found as AWS's own chain finds them.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-west-1"}


@dataclass(frozen=True)
class Queue:
    """One queue of the stand-in, and a client that works on it."""

    url: str
    client: Any

    def send(self, *bodies: str) -> None:
        for start in range(0, len(bodies), 10):
            entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start : start + 10])]
            self.client.send_message_batch(QueueUrl=self.url, Entries=entries)

    def counts(self) -> tuple[int, int]:
        """Messages that wait, and messages that somebody holds."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])


@dataclass(frozen=True)
class Queues:
    """The stand-in; `endpoint` is what a gateway is given as AWS_ENDPOINT_URL."""

    endpoint: str
    clients: list[Any] = field(default_factory=list)

    def make(self, **attributes: str) -> Queue:
        client = boto3.session.Session().client("sqs", region_name="eu-west-1", endpoint_url=self.endpoint)
        self.clients.append(client)
        url = client.create_queue(QueueName=f"hooks-{uuid4().hex}", Attributes=attributes)["QueueUrl"]
        return Queue(url, client)

    def arn(self, queue: Queue) -> str:
        found = queue.client.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["QueueArn"])
        return str(found["Attributes"]["QueueArn"])


@contextmanager
def queues(folder: Path) -> Iterator[Queues]:
    with stand_in(folder) as endpoint:
        found = Queues(endpoint)
        yield found
        for client in found.clients:
            client.close()


@contextmanager
def stand_in(folder: Path, **settings: str) -> Iterator[str]:
    """Start it; yields its address. settings: environment of moto's own."""
    port = free_port()
    log = folder / "aws.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=out,
            stderr=out,
            env={**os.environ, **CREDENTIALS, **settings},
        )
    try:
        wait_for_port(port, process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
