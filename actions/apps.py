"""The actions as a Django application: projects, sendouts, and the actions on their contacts."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ActionsConfig(AppConfig):
    name = "actions"
    label = "actions"
    verbose_name = _("Configuration")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from actions.accounts import signals

        signals.connect()
