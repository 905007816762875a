"""A person's change of many decisions at once, carried out in pieces by a worker."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from sendouts.models.batch import Batch
from sendouts.models.decision import DecisionVerdict
from work.models import WorkRow


class BulkChange(WorkRow):
    """A change of a batch's decisions from `before` to `verdict`; with `by_reason`, only those with that reason.

    The row carries the work: rows below `next_row` are done. While it is running, other decisions on the batch are
    refused.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        CANCELLED = "cancelled", _("cancelled")
        OVERTAKEN = "overtaken", _("the batch ended first")
        FAILED = "failed", _("failed")

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="bulk_changes")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("who"), on_delete=models.PROTECT, related_name="+"
    )
    note = models.TextField(_("note"))
    verdict = models.SmallIntegerField(_("decision"), choices=DecisionVerdict)
    before = models.SmallIntegerField(choices=DecisionVerdict)
    # Change only decisions with this reason code, whatever their text; else decisions with any reason.
    by_reason = models.BooleanField(default=False)
    reason = models.CharField(_("reason code"), max_length=64, blank=True, default="")
    action = models.CharField(_("action"), max_length=255, blank=True, default="")

    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    # The number of such decisions, by the batch's counts, when the change began.
    expected = models.PositiveIntegerField()
    next_row = models.BigIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    # Decisions left unchanged: rejections already sent, rows without an address to reject, unreadable rows.
    sent = models.PositiveIntegerField(default=0)
    no_address = models.PositiveIntegerField(default=0)
    unread = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("change of many decisions")
        verbose_name_plural = _("changes of many decisions")
        ordering = ["id"]
        indexes = [models.Index(fields=["due_at"], name="bulk_change_due", condition=Q(due_at__isnull=False))]
        constraints = [
            models.UniqueConstraint(fields=["batch"], name="bulk_change_one_running", condition=Q(state="running")),
            models.CheckConstraint(
                name="bulk_change_ended_is_not_due", condition=Q(due_at__isnull=True) | Q(state="running")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.pk}"

    @property
    def share(self) -> float:
        """Return the share of the batch's rows that were looked at, from 0 to 1."""
        total = self.batch.total
        return round(min(1.0, self.next_row / total), 3) if total else 1.0

    @property
    def is_running(self) -> bool:
        return self.state == self.State.RUNNING
