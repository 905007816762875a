"""The contact file of a batch as it came, kept encrypted until the batch ends; the row carries its download."""

from django.db import models
from django.db.models import F, Q

from sendouts.models.batch import Batch
from work.models import WorkRow


class Spool(WorkRow):
    """One contact file, under the id of its batch. `sendouts.spool` holds the bytes; they open with `sealed` alone."""

    class State(models.TextChoices):
        # Its download is due, runs, or waits for another attempt.
        LOADING = "loading"
        # All that can be had is kept.
        COMPLETE = "complete"
        # The download failed for good: screening tells people, and starts it again at their word.
        FAILED = "failed"
        # There was no room: screening reads from the platform.
        STREAMED = "streamed"
        # The batch has ended: the file is removed.
        OVER = "over"

    id = models.BigIntegerField(primary_key=True)
    batch = models.OneToOneField(Batch, on_delete=models.CASCADE, related_name="spool")
    state = models.CharField(max_length=10, choices=State, default=State.LOADING)
    # Name of the kept file, and its sealed description (sendouts.spool.spooled.Description); empty before the first
    # answer.
    token = models.CharField(max_length=32, blank=True, default="")
    sealed = models.BinaryField(blank=True, default=b"")
    # The file of an earlier download, kept while another one is tried.
    earlier_token = models.CharField(max_length=32, blank=True, default="")
    earlier_sealed = models.BinaryField(blank=True, default=b"")
    # The file that a person offers instead: `sendouts.spool.offers` has its states, and the numbers in `offered`.
    offered_token = models.CharField(max_length=32, blank=True, default="", db_default="")
    offered_sealed = models.BinaryField(blank=True, default=b"", db_default=b"")
    offered = models.JSONField(default=dict, blank=True, db_default={})
    # Bytes kept in the furthest attempt.
    reached = models.BigIntegerField(default=0)
    # Downloads that ended without the end of the file.
    tries = models.PositiveSmallIntegerField(default=0)
    # AttentionData of the last failure.
    failure = models.JSONField(default=dict, blank=True)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["due_at"], name="spool_due", condition=Q(due_at__isnull=False))]
        constraints = [models.CheckConstraint(name="spool_is_of_its_batch", condition=Q(id=F("batch_id")))]

    def __str__(self) -> str:
        return f"{self.pk} {self.state}"
