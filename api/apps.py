"""The API as an application."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "api"
