"""The projects that a user sees."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Reach(models.Model):
    """The only projects that a user sees; a user without this row sees all, a user with an empty one sees none."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="reach"
    )
    projects = models.ManyToManyField(
        "actions.Project",
        blank=True,
        related_name="+",
        verbose_name=_("projects"),
        help_text=_("Batches, contacts and figures of other projects are not shown to this person."),
    )

    class Meta:
        app_label = "sendouts"
        verbose_name = _("limit to projects")
        verbose_name_plural = _("limits to projects")

    def __str__(self) -> str:
        return str(self.user)
