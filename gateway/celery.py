"""The Celery application; tasks take ids, and rows stay the truth."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")

app = Celery("gateway")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Also for threads other than the one that imports this: nudges leave from a thread of their own.
app.set_default()
