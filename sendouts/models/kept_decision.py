"""What people had decided on single contacts of a batch whose checks run again."""

from django.conf import settings
from django.db import models

from sendouts.models.batch import Batch
from sendouts.models.decision import Verdict


class KeptDecision(models.Model):
    """One decision of a person, kept until the contact was screened anew; `id` is that of the decision it comes from."""

    id = models.BigIntegerField(primary_key=True)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="kept_decisions", db_index=False)
    contact_id = models.CharField(max_length=255)
    verdict = models.SmallIntegerField(choices=Verdict)
    text = models.CharField(max_length=500)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    # Every row of this contact said the same, so that it holds for the contact and not only for its row.
    whole = models.BooleanField()
    applied = models.BooleanField(default=False, db_default=False)

    class Meta:
        # What lies in a batch is found by the id; a contact by this, whatever the database believes of the table.
        indexes = [models.Index(fields=["contact_id", "batch"], name="kept_decision_contact")]

    def __str__(self) -> str:
        return f"{self.pk >> 32}/{self.pk & 0xFFFF_FFFF}"
