"""The SQS door: store hooks from an SQS queue like those of the HTTP door, then delete the messages.

A message is deleted only after its hook is stored. The hook's UUID is derived from the queue's address and the
message's id. So a redelivered message, after a kill or a failed delete, finds its row. After any other failure the
message stays in the queue and is redelivered: the queue is the journal of this door.

A long hook may be in S3, with a pointer to it in the queue, as the extended clients of SQS and SNS write them. It is
fetched from the buckets in SQS_BUCKETS alone.
"""

import re
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache, partial
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
from sendouts.symplify.envelopes import find_pointer, unpack
from sendouts.symplify.payload import Unreadable, parse
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
# Show a message whose object in S3 could not be fetched after so many tries: the failure is not transient.
FETCHES = 3
_IDS = UUID("5f0d4a0e-3f9c-4d55-9d8e-2a4f1f8f4f0b")
_REGION = re.compile(r"//(?:sqs\.|queue\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.")


def make_client(queue_url: str, endpoint: str = "", service: str = "sqs") -> Any:
    """Return a client for the queue, or for another service in its region, with AWS's own credential chain.

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
    return session.client(service, region_name=region, endpoint_url=endpoint or None, config=config)


class QueueMessage(TypedDict):
    """One received message, with the keys of SQS's API that the consumer reads."""

    MessageId: str
    ReceiptHandle: str
    Body: str
    Attributes: NotRequired[dict[str, str]]


class Consumer:
    """Takes hooks from one queue with several threads; several consumers may share a queue.

    buckets: what a message in the queue may point to; `make_s3` returns the client for them.
    """

    def __init__(
        self,
        queue_url: str,
        client: Any,
        *,
        threads: int = 4,
        buckets: Sequence[str] = (),
        make_s3: Callable[[], Any] | None = None,
    ) -> None:
        self._url = queue_url
        self._client = client
        self._threads = threads
        self._buckets = frozenset(buckets)
        self._s3 = cache(make_s3 or partial(make_client, queue_url, service="s3"))
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
        bodies = {message["MessageId"]: self._body(message) for message in messages}
        shown = [each for each in messages if bodies[each["MessageId"]] is not None or self._shows_pointer(each)]
        hooks = {each["MessageId"]: self._received(each, bodies[each["MessageId"]]) for each in shown}
        stored = self._store(messages, list(hooks.values()))
        done = []
        for message in shown:
            hook, body = hooks[message["MessageId"]], bodies[message["MessageId"]]
            if hook.uuid in stored and body is not None and not self._leaves_in_queue(message, hook, body):
                done.append(message)
        self._ask("delete_message_batch", done)

    def _body(self, message: QueueMessage) -> bytes | None:
        """Return the body of a message, from S3 if it points there; None if it cannot be fetched."""
        pointer = find_pointer(message["Body"])
        if pointer is None:
            # Do not lose a hook over a lone surrogate: the encoder replaces it with "?".
            return message["Body"].encode("utf-8", "replace")
        bucket, key = pointer
        if bucket not in self._buckets:
            log.error("sqs_bucket_not_listed", message=message["MessageId"])
            return None
        most = settings.WEBHOOK_MAX_BYTES
        try:
            found = self._s3().get_object(Bucket=bucket, Key=key)
            with found["Body"] as stream:
                body = stream.read(most + 1)
            return unpack(body, found.get("ContentEncoding", ""), found.get("ContentType", ""), most)
        except Exception as error:
            log.error("sqs_object_not_fetched", message=message["MessageId"], error=_error_code(error))
            return None

    def _shows_pointer(self, message: QueueMessage) -> bool:
        """Return whether to store a message that is a pointer, so that people see it; it stays in the queue."""
        bucket, _ = find_pointer(message["Body"]) or ("", "")
        count = message.get("Attributes", {}).get("ApproximateReceiveCount", "")
        return bucket not in self._buckets or not count.isdigit() or int(count) >= FETCHES

    def _received(self, message: QueueMessage, body: bytes | None) -> Received:
        """Return the hook in a message; its time of receipt is when it was sent to the queue.

        Without a body it is the pointer, under an id of its own: the hook to which it points may be fetched later.
        """
        sent = message.get("Attributes", {}).get("SentTimestamp", "")
        at = datetime.fromtimestamp(int(sent) / 1000, UTC) if sent.isdigit() else timezone.now()
        name = f"{self._url}\n{message['MessageId']}" + ("\npointer" if body is None else "")
        body = message["Body"].encode("utf-8", "replace") if body is None else body
        return seal_hook(body, "application/json", at, Webhook.Source.SQS, uuid5(_IDS, name))

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

    def _leaves_in_queue(self, message: QueueMessage, hook: Received, body: bytes) -> bool:
        """Return whether to leave a stored but unreadable message to the queue's dead-letter policy."""
        try:
            parse(body)
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


def configured_consumer() -> Consumer:
    """Return the consumer of the queue in the settings."""
    client = make_client(settings.SQS_QUEUE_URL, settings.AWS_ENDPOINT_URL)
    return Consumer(settings.SQS_QUEUE_URL, client, threads=settings.SQS_THREADS, buckets=settings.SQS_BUCKETS)


def _error_code(error: Exception) -> str:
    """Return the code of an error; messages of AWS's errors would reveal names of queues and accounts."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code", "") if isinstance(response, dict) else ""
    return f"{type(error).__name__} {code}".strip()
