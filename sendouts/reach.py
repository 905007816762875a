"""What one person sees: every list, page, figure, search, export and message goes through here."""

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q

from sendouts.models import Reach


def within(user: User | AnonymousUser, path: str = "project") -> Q:
    """The condition that keeps rows to the projects that a person sees. path: how a row leads to its project."""
    seen = projects_seen(user)
    return Q() if seen is None else Q(**{f"{path}__in": seen})


def projects_seen(user: User | AnonymousUser) -> list[int] | None:
    """The ids of the projects that a person sees; None: all of them. Superusers are never limited."""
    if not user.is_authenticated:
        return []
    if user.is_superuser:
        return None
    limit = Reach.objects.filter(user=user).first()
    return None if limit is None else list(limit.projects.order_by("pk").values_list("pk", flat=True))


def sees(user: User | AnonymousUser, project_id: int) -> bool:
    """Whether a person sees a project."""
    seen = projects_seen(user)
    return seen is None or project_id in seen
