"""The Django application of the work machine."""

from django.apps import AppConfig


class WorkConfig(AppConfig):
    name = "work"
