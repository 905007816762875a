"""How fast the platform takes rejections, as any process measured it last: one row."""

from django.db import models


class Tempo(models.Model):
    """Written by passes of delivery some seconds apart, read by whoever foresees when a batch will be done."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    # Confirmed rejections a second, smoothed; 0 as long as none were measured.
    rate = models.FloatField(default=0)
    measured_at = models.DateTimeField(null=True)
    # Until when the platform takes no calls, as far as we know: the moment of the next probe.
    silent_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(name="tempo_one_row", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return f"{self.rate:.1f}/s"
