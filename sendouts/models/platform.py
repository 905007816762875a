"""What the gateway knows about the platform: the hosts it may call, and how fast the platform takes rejections."""

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


class Tempo(models.Model):
    """The platform's measured speed: written by passes of delivery every few seconds, read by forecasts."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    # Confirmed rejections per second, smoothed; 0 until the first measurement.
    rate = models.FloatField(default=0)
    measured_at = models.DateTimeField(null=True)
    # Until when the platform takes no calls, as far as known: the time of the next probe.
    silent_until = models.DateTimeField(null=True)
    # The longest of the latest answers that took seconds, and when it came.
    slow_seconds = models.FloatField(default=0)
    slow_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(name="tempo_one_row", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return f"{self.rate:.1f}/s"
