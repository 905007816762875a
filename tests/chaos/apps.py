"""App configuration that a chaos run adds to the gateway."""

from django.apps import AppConfig
from django.conf import settings


class ChaosConfig(AppConfig):
    name = "tests.chaos"
    label = "chaos"

    def ready(self) -> None:
        # Only now: what they change are modules that need Django.
        from tests.chaos import clock, crashing

        crashing.install(settings.CHAOS_DIR)
        clock.install(settings.CHAOS_DIR)
