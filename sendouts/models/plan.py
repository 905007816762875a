"""The frozen list of actions of one batch."""

from django.db import models
from django.utils.translation import gettext_lazy as _


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
