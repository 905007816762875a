"""Alarms and messages as an application."""

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "notices"
