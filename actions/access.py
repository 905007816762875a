"""Access of one user: every list, page, figure, search, export and message filters through this module."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

Person = AbstractBaseUser | AnonymousUser


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


def within(user: Person, path: str = "project", *others: str) -> Q:
    """Return the condition that keeps rows to the projects that a user sees.

    Each path leads from a row to its project; one match is enough.
    """
    seen = projects_seen(user)
    if seen is None:
        return Q()
    found = Q(pk__in=[])
    for each in (path, *others):
        found |= Q(**{f"{each}__in": seen})
    return found


def projects_seen(user: Person) -> list[int] | None:
    """Return the ids of the projects that a user sees; None for all. Superusers are never limited."""
    if not user.is_authenticated:
        return []
    if getattr(user, "is_superuser", False):
        return None
    limit: Any = getattr(user, "reach", None)
    return None if limit is None else list(limit.projects.order_by("pk").values_list("pk", flat=True))


def sees(user: Person, project_id: int) -> bool:
    """Return whether a user sees a project."""
    seen = projects_seen(user)
    return seen is None or project_id in seen


def sees_all(user: Person) -> bool:
    """Return whether a user sees all projects: only such users change what all projects share."""
    return projects_seen(user) is None
