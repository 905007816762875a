"""The application of the desk, and the admin on which its screens stand."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class DeskConfig(AppConfig):
    name = "desk"


class ScreensConfig(SimpleAdminConfig):
    """The admin, whose screens the URLs or the checks load: processes that show no pages start without them."""

    def ready(self) -> None:
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(_check_screens, checks.Tags.admin)


def _check_screens(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    from django.contrib.admin import autodiscover

    autodiscover()
    return check_admin_app(app_configs, **kwargs)
