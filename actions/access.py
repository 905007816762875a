"""Access of one user: every list, page, figure, search, export and message filters through this module.

The limit itself is the model Reach, read through its relation on users.
"""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Q

Person = AbstractBaseUser | AnonymousUser


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
