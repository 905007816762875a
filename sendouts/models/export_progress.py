"""The progress of a download of decisions; kept for a day."""

from django.conf import settings
from django.db import models

from sendouts.models.batch import Batch


class Export(models.Model):
    """One download of a batch's decisions. The client draws `key`, so that it can ask for the progress."""

    key = models.UUIDField(primary_key=True)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    # Rows of the batch to read, rows read so far, and rows written of these.
    total = models.PositiveIntegerField()
    read = models.PositiveIntegerField(default=0)
    written = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    # It ended before everything was written: the reader disconnected, or the database failed.
    broken = models.BooleanField(default=False)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.key}"
