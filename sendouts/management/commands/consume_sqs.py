"""Command for a process that takes hooks from an SQS queue."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from sendouts.intake.sqs import configured_consumer


class Command(BaseCommand):
    help = (
        "Take hooks out of the queue that SQS_QUEUE_URL names; several may run at once. "
        "Without a queue it ends at once."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.SQS_QUEUE_URL:
            self.stdout.write("SQS_QUEUE_URL is not set: there is no queue to read.")
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        configured_consumer().run(stop)
