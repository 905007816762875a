"""The SQS door: store hooks from an SQS queue like those of the HTTP door, then delete the messages.

A message is deleted only after its hook is stored. The hook's UUID is derived from the queue's address and the
message's id. So a redelivered message, after a kill or a failed delete, finds its row. After any other failure the
message stays in the queue and is redelivered: the queue is the journal of this door.
"""

import json
import re
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NotRequired, TypedDict
from uuid import UUID, uuid5

import structlog
from django.conf import settings
from django.db import Error, close_old_connections, connection
from django.utils import timezone

from sendouts.intake.hook import Received
from sendouts.intake.journal_loader import insert
from sendouts.intake.store import seal_hook, store
from sendouts.models import Webhook
from sendouts.symplify.payload import Unreadable, is_readable
from work import pulses
from work.nudges import nudge
from work.retry import backoff
from work.sqlite.gate import urgent

log = structlog.get_logger(__name__)
# The most messages that SQS takes in one call.
MESSAGES = 10
# Duration of a long poll, in seconds; also the longest duration of a stop.
WAIT_SECONDS = 10
# While the database is away, extend the visibility timeout of the received messages by this after each try.
HOLD_SECONDS = 120
_IDS = UUID("5f0d4a0e-3f9c-4d55-9d8e-2a4f1f8f4f0b")
_REGION = re.compile(r"//(?:sqs\.|queue\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.")


def make_client(queue_url: str, endpoint: str = "") -> Any:
    """Return a client for the queue, with AWS's own credential chain.

    The region comes from the environment or the queue's address. endpoint: a URL to use instead of AWS's own, for
    stand-ins and private endpoints.
    """
    # Imported here, so that installations without a queue save a quarter of a second and 30 MB.
    import boto3
    from botocore.config import Config

    session = boto3.session.Session()
    found = _REGION.search(queue_url)
    region = session.region_name or (found.group(1) if found else "us-east-1")
    # Our own loop retries; the read timeout is longer than a long poll.
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=WAIT_SECONDS + 10)
    return session.client("sqs", region_name=region, endpoint_url=endpoint or None, config=config)


class QueueMessage(TypedDict):
    """One received message, with the keys of SQS's API that the consumer reads."""

    MessageId: str
    ReceiptHandle: str
    Body: str
    Attributes: NotRequired[dict[str, str]]


class Consumer:
    """Takes hooks from one queue with several threads; several consumers may share a queue."""

    def __init__(self, queue_url: str, client: Any, *, threads: int = 4) -> None:
        self._url = queue_url
        self._client = client
        self._threads = threads
        self._stop = threading.Event()
        self._leaves_unreadable = False

    def run(self, stop: threading.Event) -> None:
        """Consume until `stop` is set; then store the received messages, or leave them for redelivery."""
        self._stop = stop
        self._leaves_unreadable = self._has_dead_letter_queue()
        loops = [
            threading.Thread(target=self._loop, name=f"sqs-{number}", daemon=True) for number in range(self._threads)
        ]
        for loop in loops:
            loop.start()
        for loop in loops:
            loop.join()

    def _has_dead_letter_queue(self) -> bool:
        """Return whether the queue has a dead-letter queue; False if that cannot be determined."""
        try:
            answer = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=["RedrivePolicy"])
        except Exception as error:
            log.warning("sqs_queue_not_described", error=_error_code(error))
            return False
        return "RedrivePolicy" in answer.get("Attributes", {})

    def _loop(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                messages = self._receive()
                failures = 0
                self._sign_pulse()
            except Exception as error:
                # Whatever fails in the queue or on the network: messages wait in the queue meanwhile.
                failures += 1
                log.error("sqs_not_received", error=_error_code(error), attempts=failures)
                self._stop.wait(backoff(failures).total_seconds())
                continue
            if messages:
                self._store_and_delete(messages)
        connection.close()

    @staticmethod
    def _sign_pulse() -> None:
        """Record that the queue is being read, and catch database errors.

        Visibility timeouts must be extended even while the database is away.
        """
        try:
            pulses.sign(pulses.QUEUE)
        except Error as error:
            log.warning("sqs_not_signed", error=type(error).__name__)
            close_old_connections()

    def _receive(self) -> list[QueueMessage]:
        answer = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=MESSAGES,
            WaitTimeSeconds=WAIT_SECONDS,
            MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
        )
        found: list[QueueMessage] = answer.get("Messages", [])
        return found

    def _store_and_delete(self, messages: Sequence[QueueMessage]) -> None:
        """Store the hooks of these messages, then delete the messages."""
        hooks = {message["MessageId"]: self._received(message) for message in messages}
        stored = self._store(messages, list(hooks.values()))
        done = [message for message in messages if hooks[message["MessageId"]].uuid in stored]
        read = [message for message in done if not self._leaves_in_queue(message, hooks[message["MessageId"]])]
        self._ask("delete_message_batch", read)

    def _received(self, message: QueueMessage) -> Received:
        """Return the hook in a message; its time of receipt is when it was sent to the queue."""
        sent = message.get("Attributes", {}).get("SentTimestamp", "")
        at = datetime.fromtimestamp(int(sent) / 1000, UTC) if sent.isdigit() else timezone.now()
        uuid = uuid5(_IDS, f"{self._url}\n{message['MessageId']}")
        return seal_hook(unwrap(message["Body"]), "application/json", at, Webhook.Source.SQS, uuid)

    def _store(self, messages: Sequence[QueueMessage], hooks: list[Received]) -> set[UUID]:
        """Retry until the database stores the hooks or the consumer stops; return the ids of the stored hooks."""
        attempts = 0
        while True:
            refused: list[Received] = []
            try:
                with urgent():
                    nudge("hooks", insert(store, hooks, refused))
            except Error as error:
                attempts += 1
                log.error("sqs_hooks_not_stored", hooks=len(hooks), attempts=attempts, error=type(error).__name__)
                close_old_connections()
            else:
                for hook in refused:
                    log.error("sqs_hook_left_in_queue", hook=str(hook.uuid))
                return {hook.uuid for hook in hooks} - {hook.uuid for hook in refused}
            self._extend_visibility(messages, HOLD_SECONDS)
            if self._stop.wait(backoff(attempts).total_seconds()):
                self._extend_visibility(messages, 0)
                return set()

    def _leaves_in_queue(self, message: QueueMessage, hook: Received) -> bool:
        """Return whether to leave a stored but unreadable message to the queue's dead-letter policy."""
        try:
            is_readable(unwrap(message["Body"]))
        except Unreadable:
            count = message.get("Attributes", {}).get("ApproximateReceiveCount", "")
            log.error("sqs_hook_unreadable", hook=str(hook.uuid), received=count, left=self._leaves_unreadable)
            return self._leaves_unreadable
        return False

    def _extend_visibility(self, messages: Sequence[QueueMessage], seconds: int) -> None:
        """Hide the messages from other consumers for some seconds, 0 to return them; SQS redelivers after a failure."""
        self._ask("change_message_visibility_batch", messages, VisibilityTimeout=seconds)

    def _ask(self, call: str, messages: Sequence[QueueMessage], **more: int) -> None:
        """Call SQS for a batch of messages; failures are not retried, since SQS redelivers the messages."""
        if not messages:
            return
        entries = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"], **more}
            for number, message in enumerate(messages)
        ]
        try:
            answer = getattr(self._client, call)(QueueUrl=self._url, Entries=entries)
            failed, why = len(answer.get("Failed", [])), ""
        except Exception as error:
            failed, why = len(entries), _error_code(error)
        if failed:
            log.warning("sqs_call_failed", call=call, messages=failed, error=why)


def unwrap(body: str) -> bytes:
    """Return the hook inside a message's body, as the bytes that HTTP would have delivered.

    SNS puts the hook as text under `Message` unless raw delivery is on. Any other body is returned unchanged.
    """
    try:
        given = json.loads(body) if '"Notification"' in body else None
    except (ValueError, RecursionError):
        given = None
    if isinstance(given, dict) and given.get("Type") == "Notification" and isinstance(given.get("Message"), str):
        body = given["Message"]
    # Do not lose a hook over a lone surrogate: the encoder replaces it with "?".
    return body.encode("utf-8", "replace")


def configured_consumer() -> Consumer:
    """Return the consumer of the queue in the settings."""
    client = make_client(settings.SQS_QUEUE_URL, settings.AWS_ENDPOINT_URL)
    return Consumer(settings.SQS_QUEUE_URL, client, threads=settings.SQS_THREADS)


def _error_code(error: Exception) -> str:
    """Return the code of an error; messages of AWS's errors would reveal names of queues and accounts."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code", "") if isinstance(response, dict) else ""
    return f"{type(error).__name__} {code}".strip()
