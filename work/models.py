"""The columns of every row that carries work, and the signs of life of the loops, as rows."""

from django.db import models


class WorkRow(models.Model):
    """A row that carries work. Each table has a partial index on `due_at`, so that the sweep finds what is due."""

    # When the work is due next; null: nothing to do until somebody acts.
    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # Which worker has the row, and until when, on the database's clock.
    claim_id = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    # Workers that died at this row, one after the other, without getting any further.
    deaths = models.PositiveSmallIntegerField(default=0, db_default=0)

    class Meta:
        abstract = True


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
