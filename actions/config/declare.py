"""Setting up a project that was merely met in a hook."""

from django.contrib.auth.models import User
from django.db import transaction

from actions.models import Project


def declare(project: Project, *, user: User) -> bool:
    """Set a project up with the policies that it has: the defaults, unless somebody changed them. False: it was."""
    with transaction.atomic():
        row = Project.objects.select_for_update().get(pk=project.pk)
        if row.declared:
            return False
        row.declared = True
        row._history_user = user  # type: ignore[attr-defined]
        row.save(update_fields=["declared"])
    return True
