"""People who may accept the batches of a project, and whether they suffice if two are required."""

from collections.abc import Iterator

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from actions.models import Project

# Permissions for accepting, on the screens and over the API; both belong to the batches, in a package above this one.
_NEEDED = ("sendouts.view_batch", "sendouts.review_batch")
_BACKEND = "django.contrib.auth.backends.ModelBackend"


def may_accept(project: Project) -> QuerySet[User]:
    """Return the active users who may accept batches of a project, and see it."""
    sees = Q(is_superuser=True) | Q(reach__isnull=True)
    if project.pk:
        sees |= Q(reach__projects=project)
    found = User.objects.filter(sees, is_active=True)
    for permission in _NEEDED:
        found = found.filter(pk__in=User.objects.with_perm(permission, backend=_BACKEND).values("pk"))
    return found.distinct().order_by("username")


def asks_for_two(project: Project) -> bool:
    """Return whether some batches of a project need two people."""
    return project.second_person_from is not None or project.no_own_changes


def too_few(project: Project) -> str:
    """Return why a project cannot require a second person, as a sentence; "" if two people may accept."""
    people = may_accept(project).count()
    if people >= 2:
        return ""
    text = ngettext(
        "A second person cannot be asked for: only %(n)s person may accept batches of this project.",
        "A second person cannot be asked for: %(n)s people may accept batches of this project.",
        people,
    )
    return text % {"n": localize(people)} + " " + _("Give the role Reviewer to more people first.")


def short_of_people() -> Iterator[Project]:
    """Yield the projects that require two people and have fewer."""
    rows = Project.objects.filter(Q(second_person_from__isnull=False) | Q(no_own_changes=True), archived=False)
    for project in rows:
        if may_accept(project).count() < 2:
            yield project


def state(project: Project) -> str:
    """Return who may accept, and the consequence if they are too few."""
    people = list(may_accept(project)[:11])
    names = ", ".join(user.get_username() for user in people[:10]) + (", …" if len(people) > 10 else "")
    if asks_for_two(project) and len(people) < 2:
        text = ngettext(
            "Only %(n)s person may accept here, and this project asks for two: what needs both times out.",
            "%(n)s people may accept here, and this project asks for two: what needs both times out.",
            len(people),
        ) % {"n": localize(len(people))}
        return f"{text} {names}".strip()
    return names or _("Nobody.")
