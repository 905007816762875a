"""Frozen plans of batches."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from actions.contract import Phase


class Plan(models.Model):
    """The merged, ordered, frozen actions of a batch; stored once for each content."""

    digest = models.CharField(max_length=64, unique=True)
    content = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("action plan")
        verbose_name_plural = _("action plans")

    def __str__(self) -> str:
        return self.digest[:12]

    def has_only_checks(self) -> bool:
        """Return whether no action does anything beyond judging contacts."""
        return all(action["phase"] == Phase.CHECK for action in self.content["actions"])
