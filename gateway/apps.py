"""The project as a Django application, for its commands, checks and lanes."""

from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "gateway"

    def ready(self) -> None:
        """Register the checks and lanes, which need the loaded settings and models."""
        from gateway import checks  # noqa: F401
        from gateway.lanes import LANES
        from work.lanes import register

        register(LANES)
