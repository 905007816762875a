"""Links from a batch with undefined parts to the forms that define them, and back to running its checks again."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.contrib.auth.models import AbstractUser
from django.urls import reverse
from django.utils.translation import gettext as _

from desk.verbs import VERBS
from sendouts.models import Batch


@dataclass(frozen=True, slots=True)
class Definable:
    """One undefined part, and the page that defines it."""

    text: str
    url: str


def definable(batch: Batch, user: AbstractUser, now: datetime) -> list[Definable]:
    """Return what this person can define so that the batch goes on: its project, and each undefined action."""
    again = VERBS["run-again"](batch, user, now)
    if not (again.is_possible and again.is_permitted):
        return []
    back = {"next": again.url}
    found = []
    if not batch.project.declared and user.has_perm("actions.change_project"):
        page = reverse("admin:actions_project_change", args=[batch.project_id])
        text = _("Set up “%(name)s” and check again…") % {"name": batch.project.name or "–"}
        found.append(Definable(text, f"{page}?{urlencode(back)}"))
    if user.has_perm("actions.add_actiondefinition"):
        form = reverse("admin:actions_actiondefinition_add")
        for name in dict.fromkeys(each["identifier"] for each in batch.plan.content["unknown"]):
            query = urlencode({"identifier": name, "project": batch.project_id} | back)
            found.append(Definable(_("Define “%(name)s” and check again…") % {"name": name}, f"{form}?{query}"))
    return found
