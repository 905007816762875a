"""How far a download of decisions is; kept for a day."""

from django.conf import settings
from django.db import models

from sendouts.models.batch import Batch


class Export(models.Model):
    """One download of a batch's decisions. `key` is drawn by whoever asks for it, so that they can ask how far it is."""

    key = models.UUIDField(primary_key=True)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    # Rows of the batch to look through, looked through so far, and written of these.
    total = models.PositiveIntegerField()
    read = models.PositiveIntegerField(default=0)
    written = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    # It ended before everything was written: the reader left, or the database did.
    broken = models.BooleanField(default=False)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.key}"
