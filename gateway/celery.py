"""The Celery application; tasks carry ids, and the rows hold the state."""

import os
import threading
from typing import Any

from celery import Celery, bootsteps
from celery.signals import task_postrun, worker_init, worker_process_init, worker_shutting_down

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")


def make_app(name: str) -> Celery:
    """Return a Celery application with the project's settings and tasks."""
    made = Celery(name, set_as_current=False)
    made.config_from_object("django.conf:settings", namespace="CELERY")
    made.autodiscover_tasks()
    return made


app = make_app("gateway")
# Set it for other threads too, since a separate thread sends the nudges.
app.set_default()


# A worker that has no broker at its start polls after this time.
FIRST_POLL_SECONDS = 5.0


class PollStep(bootsteps.StartStopStep):
    """Has a worker poll the database for its rows from the loss of its broker until the next connection."""

    requires = ("celery.worker.consumer.connection:Connection",)

    def __init__(self, consumer: Any, **_: Any) -> None:
        # Imported here, since this module is imported before Django is set up.
        from gateway.lanes import make_poller

        super().__init__(consumer)
        self._poller = make_poller(consumer.app.amqp.queues.consume_from)
        self._ends = False
        worker_shutting_down.connect(self._shut_down, weak=False)
        # Later, since the children of the worker are forked first.
        self._first = threading.Timer(FIRST_POLL_SECONDS, self._poller.begin)
        self._first.daemon = True
        self._first.start()

    def start(self, consumer: Any) -> None:
        self._first.cancel()
        self._poller.pause()

    def stop(self, consumer: Any) -> None:
        if not self._ends:
            self._poller.begin()

    def shutdown(self, consumer: Any) -> None:
        self._first.cancel()
        self._poller.end()

    def _shut_down(self, **_: Any) -> None:
        self._ends = True


app.steps["consumer"].add(PollStep)


@task_postrun.connect(dispatch_uid="return-connection")
def return_connection(**_: Any) -> None:
    """Return the connection of a task to the pool."""
    from django.db import close_old_connections

    close_old_connections()


@worker_init.connect(dispatch_uid="wait-for-tables")
def wait_for_tables(**_: Any) -> None:
    """Let a worker begin only when the tables are those of its version."""
    # Imported here, since this module is imported before Django is set up.
    from gateway.ops import schema

    schema.wait()


@worker_process_init.connect(dispatch_uid="one-thing-at-a-time")
def works_on_one_thing(**_: Any) -> None:
    """Note in a child of a worker that it has no other thread that works."""
    from work import priority

    priority.one_thing_at_a_time()
