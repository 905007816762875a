"""The application of alarms and messages."""

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "notices"
