"""A rule about two people is lifted by two people: one asks for it, another one confirms it."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from actions.config.author import sign

if TYPE_CHECKING:
    from actions.models import Project

# Columns of a project that are a rule about two people.
RULES = ("second_person_from", "no_own_changes")


class RuleRequest(models.Model):
    """A weaker rule about two people that somebody asks for; at most one is open for each project."""

    project = models.ForeignKey("actions.Project", on_delete=models.PROTECT, related_name="rule_requests")
    second_person_from = models.PositiveIntegerField(null=True)
    no_own_changes = models.BooleanField()
    # Null: a configuration file asks.
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)
    confirmed = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("request to lift a rule")
        verbose_name_plural = _("requests to lift a rule")
        default_permissions = ()
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["project"], condition=Q(ended_at=None), name="rule_request_open_once"),
            models.CheckConstraint(
                name="rule_request_confirmed_by_another",
                condition=Q(confirmed=False)
                | Q(ended_by__isnull=False) & (Q(asked_by__isnull=True) | ~Q(ended_by=F("asked_by"))),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.project_id} {self.second_person_from} {self.no_own_changes}"

    def may_confirm(self, user: Any) -> bool:
        """Return whether this is another person than the one who asked; permissions are the caller's matter."""
        return self.ended_at is None and self.asked_by_id != user.pk

    def wanted(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in RULES}


def open_request(project: "Project") -> RuleRequest | None:
    """Return the open request of a project, if there is one."""
    return RuleRequest.objects.filter(project=project, ended_at=None).select_related("asked_by").first()


def to_confirm(seen: Q, user: User, at_most: int) -> list[RuleRequest]:
    """Return open requests of others, of the projects that `seen` selects, oldest first."""
    rows = RuleRequest.objects.filter(seen, ended_at=None).exclude(asked_by=user)
    return list(rows.select_related("project", "asked_by")[:at_most])


def is_weaker(wanted: dict[str, Any], present: dict[str, Any]) -> bool:
    """Return whether a rule asks for two people in fewer cases than the present one."""
    least, before = wanted["second_person_from"], present["second_person_from"]
    fewer = before is not None and (least is None or least > before)
    return fewer or (present["no_own_changes"] and not wanted["no_own_changes"])


def keep_rules(project: "Project", user: User | None) -> bool:
    """Let a stored project keep its rules if its new values are weaker, and ask for these instead; return whether.

    project: with the new values, not saved yet; they are put back. user: None for a configuration file.
    """
    stored = type(project).objects.filter(pk=project.pk).values(*RULES).first()
    wanted = {name: getattr(project, name) for name in RULES}
    if stored is None or not is_weaker(wanted, stored):
        return False
    for name, value in stored.items():
        setattr(project, name, value)
    with transaction.atomic():
        # One request at a time: a newer one replaces the older one, unless it is the same.
        type(project).objects.select_for_update().get(pk=project.pk)
        before = open_request(project)
        if before is None or before.wanted() != wanted:
            now = timezone.now()
            RuleRequest.objects.filter(project=project, ended_at=None).update(ended_at=now, ended_by=user)
            RuleRequest.objects.create(project=project, asked_by=user, asked_at=now, **wanted)
    return True


def end(request_id: int, user: User, now: datetime, *, confirmed: bool) -> bool:
    """Confirm or withdraw an open request; return False if it is over, or if the person may not confirm it."""
    with transaction.atomic():
        found = RuleRequest.objects.select_related("project").select_for_update(of=("self",)).filter(pk=request_id)
        row = found.first()
        if row is None or row.ended_at is not None or (confirmed and not row.may_confirm(user)):
            return False
        RuleRequest.objects.filter(pk=row.pk).update(ended_by=user, ended_at=now, confirmed=confirmed)
        if confirmed:
            project: Any = row.project
            for name, value in row.wanted().items():
                setattr(project, name, value)
            sign(project, user)
            project.save(update_fields=RULES)
    return True
