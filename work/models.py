"""Signs of life of the loops, as rows: whoever cannot write one is not at work."""

from django.db import models


class Pulse(models.Model):
    """When a named loop last did something, on the database's clock, and what others should know of it."""

    name = models.CharField(max_length=80, primary_key=True)
    at = models.DateTimeField()
    data = models.JSONField(default=dict)

    class Meta:
        app_label = "sendouts"
        verbose_name = "pulse"
        verbose_name_plural = "pulses"

    def __str__(self) -> str:
        return self.name
