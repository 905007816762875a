"""The project as an application, for its commands, checks and kinds of work."""

from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "gateway"

    def ready(self) -> None:
        """Register what needs the loaded settings and models: the checks, and the kinds of work."""
        from gateway import checks  # noqa: F401
        from gateway.lanes import LANES
        from work.lanes import register

        register(LANES)
