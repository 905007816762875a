"""Run the loop that keeps deadlines and finds due work; safe to run twice."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from gateway.lanes import make_sweep
from gateway.ops import schema
from notices.alarms.watch import PendingMigrations


class Command(BaseCommand):
    help = "Ask the database again and again what is due, and see to it that it is done."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        alarm = PendingMigrations()
        if schema.wait(stop, alarm.look):
            alarm.applied()
            make_sweep().run(stop)
