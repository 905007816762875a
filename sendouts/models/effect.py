"""Effects on the contacts of a batch beside the message: one run per action, one row per contact."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from actions.contract import Phase
from sendouts.models.batch import Batch
from work.models import WorkRow


class EffectRun(WorkRow):
    """One effect of a plan, for one batch.

    Enrichment is carried out under the batch's claim, before the release. Transfers, and effects left when a batch
    ends, are work rows of their own, with `due_at` and a claim on this row.
    """

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="effect_runs")
    # The action's position in the batch's plan.
    step = models.PositiveSmallIntegerField()
    identifier = models.CharField(_("action"), max_length=255)
    kind = models.CharField(_("kind"), max_length=100)
    phase = models.CharField(max_length=10, choices=[(phase.value, phase.value) for phase in Phase])
    on_failure = models.CharField(max_length=10)

    # Contacts that it was prepared for; done + refused + left out + those still waiting = total.
    total = models.PositiveIntegerField(_("prepared"), default=0)
    done = models.PositiveIntegerField(_("done"), default=0)
    refused = models.PositiveIntegerField(_("not carried out"), default=0)
    left_out = models.PositiveIntegerField(_("left out"), default=0)
    # state: progress of a kind that acts on the whole batch; error: the last failure, without contact data.
    state = models.JSONField(default=dict, blank=True)
    error = models.CharField(max_length=500, blank=True, default="")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("effect")
        verbose_name_plural = _("effects")
        ordering = ["id"]
        indexes = [
            models.Index(fields=["due_at"], name="effect_run_due", condition=Q(due_at__isnull=False)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["batch", "step"], name="effect_run_once"),
            models.CheckConstraint(
                name="effect_run_ended_is_not_due", condition=Q(due_at__isnull=True) | Q(ended_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.step}"

    def pending(self) -> "models.QuerySet[PendingEffect]":
        """Return what is still to be carried out, or was refused."""
        return PendingEffect.objects.filter(effects_of(self.batch_id), step=self.step)

    @property
    def waiting(self) -> int:
        return self.total - self.done - self.refused - self.left_out


class PendingEffect(models.Model):
    """Data that one effect needs for one contact; deleted when it is done."""

    class State(models.IntegerChoices):
        WAITING = 0, _("waiting")
        REFUSED = 1, _("not carried out")

    pk = models.CompositePrimaryKey("decision_id", "step")
    decision_id = models.BigIntegerField()
    step = models.SmallIntegerField()
    # JSON, as the kind prepared it.
    payload = models.TextField()
    state = models.SmallIntegerField(choices=State, default=State.WAITING)
    # Why the effect was refused.
    text = models.CharField(max_length=500, blank=True, default="")

    def __str__(self) -> str:
        return f"{self.decision_id >> 32}/{self.decision_id & 0xFFFF_FFFF}/{self.step}"


def effects_of(batch_id: int) -> Q:
    """Return the condition for the pending effects of a batch."""
    return Q(decision_id__gte=batch_id << 32, decision_id__lt=(batch_id + 1) << 32)
