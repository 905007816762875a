"""Columns of every row that carries work, and the heartbeats of loops as rows."""

from django.db import models


class WorkRow(models.Model):
    """A row that carries work. Each table has a partial index on `due_at`, with which the sweep finds due rows."""

    # When the row is due next; null: nothing to do until a person acts.
    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # The worker's claim on the row and its expiry, on the database's clock.
    claim_id = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    # Workers that died on this row in succession, without progress.
    deaths = models.PositiveSmallIntegerField(default=0, db_default=0)

    class Meta:
        abstract = True


class Pulse(models.Model):
    """The last heartbeat of a named loop, on the database's clock, with data for other processes."""

    name = models.CharField(max_length=80, primary_key=True)
    at = models.DateTimeField()
    data = models.JSONField(default=dict)

    class Meta:
        app_label = "sendouts"
        verbose_name = "pulse"
        verbose_name_plural = "pulses"

    def __str__(self) -> str:
        return self.name
