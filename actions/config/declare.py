"""Set-up of a project that is only known from a hook."""

from django.contrib.auth.models import User
from django.db import transaction

from actions.models import Project


def declare(project: Project, *, user: User) -> bool:
    """Set a project up with its current policies, usually the defaults; return False if it was set up before."""
    with transaction.atomic():
        row = Project.objects.select_for_update().get(pk=project.pk)
        if row.declared:
            return False
        row.declared = True
        row._history_user = user  # type: ignore[attr-defined]
        row.save(update_fields=["declared"])
    return True
