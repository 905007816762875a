"""The Celery application; tasks take ids, and rows stay the truth."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")


def make_app(name: str) -> Celery:
    """A Celery application with the project's settings and tasks."""
    made = Celery(name, set_as_current=False)
    made.config_from_object("django.conf:settings", namespace="CELERY")
    made.autodiscover_tasks()
    return made


app = make_app("gateway")
# Also for threads other than the one that imports this: nudges leave from a thread of their own.
app.set_default()
