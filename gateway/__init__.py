"""The Django project: settings, doors to the outside, and what runs the stages."""

from gateway.celery import app as celery_app

__all__ = ["celery_app"]
