"""App configuration of sendouts."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SendoutsConfig(AppConfig):
    name = "sendouts"
    verbose_name = _("Sendouts")
