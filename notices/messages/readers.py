"""The readers of each occasion in a project: people by choice, permission and reach, channels by their settings."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from actions import access
from notices.models import Channel, Subscription
from notices.models.message import USUAL
from sendouts.verbs import base

LOOK = "sendouts.view_batch"
_BACKEND = "django.contrib.auth.backends.ModelBackend"


@dataclass(frozen=True, slots=True)
class Reader:
    """Recipient of a message: `column` is `user` or `channel`, the name of the column in Message."""

    column: str
    pk: int


Wishes = Mapping[int, Mapping[Reader, frozenset[str]]]


def mail_works() -> bool:
    """Return whether a mail server is configured; without one, the outbox gets no messages for people."""
    return bool(settings.MAIL_WORKS)


def wishes(projects: Collection[int]) -> Wishes:
    """Return for each project its readers and the occasions that each one wants."""
    found: dict[int, dict[Reader, frozenset[str]]] = {project: {} for project in projects}
    if mail_works():
        _people(found)
    where = Q(project__isnull=True) | Q(project__in=projects)
    for pk, project, occasions in Channel.objects.filter(where, active=True).values_list("pk", "project", "occasions"):
        for each in projects if project is None else [project]:
            found[each][Reader("channel", pk)] = frozenset(occasions)
    return found


def _people(found: dict[int, dict[Reader, frozenset[str]]]) -> None:
    users = list(may_be_told())
    chosen: dict[int, dict[int | None, list[str]]] = defaultdict(dict)
    for row in Subscription.objects.filter(user__in=users):
        chosen[row.user_id][row.project_id] = row.occasions
    decide = set(may_be_told(base.REVIEW).values_list("pk", flat=True))
    for user in users:
        usual = occasions_for_all(chosen[user.pk], decides=user.pk in decide)
        wanted = {project: frozenset(chosen[user.pk].get(project, usual)) for project in found}
        if not any(wanted.values()):
            continue
        seen = access.projects_seen(user)
        for project, occasions in wanted.items():
            if occasions and (seen is None or project in seen):
                found[project][Reader("user", user.pk)] = occasions


def occasions_for_all(chosen: Mapping[int | None, list[str]], *, decides: bool) -> list[str]:
    """Return a person's occasions for projects without a choice of their own. decides: whether they may decide."""
    return chosen.get(None, [each.value for each in USUAL] if decides else [])


def may_be_told(permission: str = LOOK) -> QuerySet[User]:
    """Return the people with an address who may log in and have `permission`."""
    found = User.objects.with_perm(permission, backend=_BACKEND)
    return found.filter(is_staff=True).exclude(email="").order_by("pk")
