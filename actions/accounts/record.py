"""The append-only record of accounts, roles, limits to projects and tokens."""

from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

NAME_SHOWN = 150


class AccountSubject(models.TextChoices):
    """What an entry is about."""

    PERSON = "person", _("person")
    GROUP = "group", _("group")


class AccountWord(models.TextChoices):
    """What happened to an account or a group. `data` holds the names: see AccountRecord."""

    CREATED = "created", _("Created")
    CHANGED = "changed", _("Changed")
    DELETED = "deleted", _("Deleted")
    PASSWORD = "password", _("Password changed")
    JOINED = "joined", _("Role or group added")
    LEFT = "left", _("Role or group removed")
    ALLOWED = "allowed", _("Permissions added")
    FORBIDDEN = "forbidden", _("Permissions removed")
    LIMITED = "limited", _("Limited to some projects")
    UNLIMITED = "unlimited", _("Sees all projects")
    SHOWN = "shown", _("Projects added")
    HIDDEN = "hidden", _("Projects removed")
    TOKEN_MADE = "token_made", _("API token created")
    TOKEN_CHANGED = "token_changed", _("API token changed")
    TOKEN_REVOKED = "token_revoked", _("API token deleted")


class AccountRecord(models.Model):
    """One change of an account or a group; append-only (triggers refuse UPDATE, DELETE and TRUNCATE).

    Names are those of the time, and there is no foreign key: the entry outlives all that it names. `data` has
    `fields`, {column: [old, new]}, and `names`: groups, projects or tokens by name, permissions as "app.codename".
    `outside`: a trigger wrote it, since the change passed by the application; it tells permissions and projects by
    `ids`. `before`: what the account had when its record began.
    """

    at = models.DateTimeField(_("time"), default=timezone.now)
    subject = models.CharField(_("of"), max_length=10, choices=AccountSubject)
    subject_id = models.PositiveBigIntegerField()
    name = models.CharField(_("name"), max_length=NAME_SHOWN)
    word = models.CharField(_("event"), max_length=20, choices=AccountWord)
    # Empty: a command on the server, or a login that creates its account.
    who = models.CharField(_("who"), max_length=NAME_SHOWN, blank=True, default="")
    who_id = models.PositiveBigIntegerField(null=True)
    data = models.JSONField(default=dict)

    class Meta:
        app_label = "actions"
        verbose_name = _("change of an account")
        verbose_name_plural = _("account history")
        ordering = ["-id"]
        # People with the permission to see accounts may see it. Nobody may change it.
        default_permissions = ()
        indexes = [models.Index(fields=["subject", "subject_id", "id"], name="account_record_of")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(subject__in=AccountSubject.values), name="account_record_subject_known"
            ),
            models.CheckConstraint(condition=models.Q(word__in=AccountWord.values), name="account_record_word_known"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.word}"


def note(subject: AccountSubject, row: Any, word: AccountWord, **data: Any) -> None:
    """Append one entry about a person or a group; its author is the user of the present request, if any."""
    user = _author()
    AccountRecord.objects.create(
        subject=subject,
        subject_id=row.pk,
        name=str(row)[:NAME_SHOWN],
        word=word,
        who=user.get_username() if user else "",
        who_id=user.pk if user else None,
        data=data,
    )


def _author() -> Any:
    request = getattr(HistoricalRecords.context, "request", None)
    user = getattr(request, "user", None)
    return user if user is not None and user.is_authenticated else None
