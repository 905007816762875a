"""People's choices of occasions and language. Screens show and call this module; no other code writes the choices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from actions import access
from actions.models import Project
from notices.messages.readers import LOOK, mail_works, occasions_for_all
from notices.models import Occasion, ReaderLanguage, Subscription
from sendouts.verbs import base


@dataclass(frozen=True, slots=True)
class NoticeChoice:
    """The occasions of one project, or (None) of all the others. own: chosen for this project itself."""

    project: Project | None
    occasions: tuple[str, ...]
    own: bool


@dataclass(frozen=True, slots=True)
class Choices:
    """One person's occasions, and the problem that prevents mail: no_mail, no_address, may_not_look."""

    for_all: NoticeChoice
    projects: tuple[NoticeChoice, ...]
    language: str
    problem: str


def choices(user: User) -> Choices:
    """Return the choices in effect for a person, by their own choice or by their role."""
    rows = Subscription.objects.filter(user=user)
    chosen: dict[int | None, list[str]] = {row.project_id: row.occasions for row in rows}
    usual = tuple(occasions_for_all(chosen, decides=user.has_perm(base.REVIEW)))
    found = Project.objects.filter(access.within(user, "pk"), archived=False).order_by("name")
    return Choices(
        for_all=NoticeChoice(None, usual, None in chosen),
        projects=tuple(NoticeChoice(each, tuple(chosen.get(each.pk, usual)), each.pk in chosen) for each in found),
        language=ReaderLanguage.objects.filter(user=user).values_list("language", flat=True).first() or "",
        problem=problem(user),
    )


def problem(user: User) -> str:
    """Return the code of the problem that prevents mail to a person; empty if there is none."""
    if not mail_works():
        return "no_mail"
    if not user.has_perm(LOOK):
        return "may_not_look"
    return "" if user.email else "no_address"


def choose(user: User, for_all: Sequence[str], projects: Mapping[int, Sequence[str]], language: str) -> None:
    """Store a person's choices. projects: those with a choice of their own; the others follow `for_all`."""
    known = [each.value for each in Occasion]
    rows: dict[int | None, Sequence[str]] = {None: for_all}
    rows |= {pk: chosen for pk, chosen in projects.items() if access.sees(user, pk)}
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        # Keep choices for projects that the person cannot see at the moment.
        seen = Project.objects.filter(access.within(user, "pk"))
        Subscription.objects.filter(user=user, project__in=seen).delete()
        Subscription.objects.filter(user=user, project=None).delete()
        Subscription.objects.bulk_create(
            Subscription(user=user, project_id=pk, occasions=[each for each in known if each in chosen])
            for pk, chosen in rows.items()
        )
    speak(user, language)


def speak(user: User, language: str) -> None:
    """Store the language that a person reads; empty: the language of the deployment."""
    if language in dict(settings.LANGUAGES):
        ReaderLanguage.objects.update_or_create(user=user, defaults={"language": language})
    elif not language:
        ReaderLanguage.objects.filter(user=user).delete()
