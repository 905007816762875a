"""How the door answered in some seconds: what the platform's breaker sees of us."""

from django.db import models
from django.db.models import Q


class DoorWindow(models.Model):
    """Answers of one door process within one short window of time."""

    process = models.CharField(max_length=80)
    at = models.DateTimeField()
    stored = models.PositiveIntegerField(default=0)
    # Of the stored, those whose answer took too long.
    slow = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    turned_away = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["process", "at"], name="door_window_once"),
            models.CheckConstraint(name="door_window_adds_up", condition=Q(slow__lte=models.F("stored"))),
        ]
        indexes = [models.Index(fields=["at"], name="door_window_at")]

    def __str__(self) -> str:
        return f"{self.process} {self.at:%H:%M:%S}"
