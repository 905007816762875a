"""Batches that a person has put on hold: nothing happens to them by itself at the deadline."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from actions.models import AtDeadline
from sendouts.models.batch import Batch


class Hold(models.Model):
    """One batch on hold, by whom and why; gone once the hold is lifted. The events tell what was."""

    batch = models.OneToOneField(Batch, primary_key=True, on_delete=models.CASCADE, related_name="hold")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("who"), on_delete=models.PROTECT, related_name="+"
    )
    note = models.TextField(_("note"))
    at = models.DateTimeField(_("time"))
    # What was declared for the deadline, and holds again once the hold is lifted.
    declared = models.CharField(_("at the deadline"), max_length=10, choices=AtDeadline)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")

    def __str__(self) -> str:
        return str(self.batch_id)
