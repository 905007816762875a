"""The Celery application; tasks carry ids, and the rows hold the state."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_init

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


@worker_init.connect(dispatch_uid="wait-for-tables")
def wait_for_tables(**_: Any) -> None:
    """Let a worker begin only when the tables are those of its version."""
    # Imported here, since this module is imported before Django is set up.
    from gateway.ops import schema

    schema.wait()
