"""Hosts that the gateway may call, beside those that the environment names."""

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from outbound.guard import AllowList


class AllowedHost(models.Model):
    """One entry of an allow-list, added by staff without a restart."""

    class Use(models.TextChoices):
        PLATFORM = "platform", _("addresses that hooks bring")
        SERVICES = "services", _("services that actions ask")

    entry = models.CharField(
        _("host"),
        max_length=255,
        help_text=_("A name, name:port, an address, or .suffix for every name below it."),
    )
    use = models.CharField(_("allowed for"), max_length=10, choices=Use, default=Use.PLATFORM)
    note = models.CharField(_("note"), max_length=255, blank=True, default="")
    history = HistoricalRecords()

    class Meta:
        verbose_name = _("allowed host")
        verbose_name_plural = _("allowed hosts")
        ordering = ["use", "entry"]
        constraints = [
            models.UniqueConstraint(fields=["use", "entry"], name="allowed_host_once"),
            models.CheckConstraint(name="allowed_host_use_known", condition=models.Q(use__in=["platform", "services"])),
        ]

    def __str__(self) -> str:
        return self.entry

    def clean(self) -> None:
        try:
            AllowList.parse([self.entry], allow_http=False)
        except ValueError as problem:
            raise ValidationError({"entry": str(problem)}) from problem
