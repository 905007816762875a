"""The work machine as an application."""

from django.apps import AppConfig


class WorkConfig(AppConfig):
    name = "work"
