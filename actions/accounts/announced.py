"""Announce the changes that the application records itself: triggers record every other one.

Triggers cannot know the person. So `signals` announces a change before it is made, records it, and withdraws the
announcement. If a change fails between, its announcement no longer counts a minute later.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from actions.accounts.record import NAME_SHOWN, AccountSubject

_ROWS = "_announced_rows"
_LEFT_OVER = timedelta(days=1)


class AnnouncedChange(models.Model):
    """A person or group about to be changed. A new one has no id yet, so it is known by its name."""

    at = models.DateTimeField(db_default=Now())
    subject = models.CharField(max_length=10, choices=AccountSubject)
    subject_id = models.PositiveBigIntegerField(null=True)
    name = models.CharField(max_length=NAME_SHOWN, null=True)

    class Meta:
        app_label = "actions"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.subject} {self.subject_id or self.name}"


def announce(sender: Any, accounts: Iterable[Any]) -> None:
    """Announce a change of these people or groups until `withdraw` is called with the same sender of a signal."""
    rows = [
        AnnouncedChange(
            subject=AccountSubject.GROUP if isinstance(each, Group) else AccountSubject.PERSON,
            subject_id=each.pk,
            name=_name(each) if each._state.adding else None,
        )
        for each in accounts
    ]
    made = AnnouncedChange.objects.bulk_create(rows)
    sender.__dict__.setdefault(_ROWS, []).extend(each.pk for each in made)


def withdraw(sender: Any) -> None:
    """Withdraw what was announced for this row."""
    if made := sender.__dict__.pop(_ROWS, None):
        AnnouncedChange.objects.filter(Q(pk__in=made) | Q(at__lt=Now() - _LEFT_OVER)).delete()


def _name(account: User | Group) -> str:
    return account.get_username() if isinstance(account, User) else account.name
