"""What one person sees: every list, page, figure, search, export and message goes through here.

The limit itself is `sendouts.models.Reach`, read through the relation that it makes on users; this package knows no more of it.
"""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Q

Person = AbstractBaseUser | AnonymousUser


def within(user: Person, path: str = "project", *others: str) -> Q:
    """The condition that keeps rows to the projects that a person sees. path: how a row leads to its project; one is enough."""
    seen = projects_seen(user)
    if seen is None:
        return Q()
    found = Q(pk__in=[])
    for each in (path, *others):
        found |= Q(**{f"{each}__in": seen})
    return found


def projects_seen(user: Person) -> list[int] | None:
    """The ids of the projects that a person sees; None: all of them. Superusers are never limited."""
    if not user.is_authenticated:
        return []
    if getattr(user, "is_superuser", False):
        return None
    limit: Any = getattr(user, "reach", None)
    return None if limit is None else list(limit.projects.order_by("pk").values_list("pk", flat=True))


def sees(user: Person, project_id: int) -> bool:
    """Whether a person sees a project."""
    seen = projects_seen(user)
    return seen is None or project_id in seen


def sees_all(user: Person) -> bool:
    """Whether a person is not limited: only such people change what all projects share."""
    return projects_seen(user) is None
