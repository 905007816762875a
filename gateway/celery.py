"""The Celery application; tasks carry ids, and the rows hold the state."""

import os

from celery import Celery

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
