"""The plan for batches of a project or a sendout, for a hook that names what the reader chooses."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from actions import access
from actions.config.preview import identifiers, preview
from actions.models import Project, RunWhen, Sendout
from actions.plan.merge import Asked, folded
from desk.bases import reader, show_page
from sendouts.models import Batch

# More names than a person types by hand.
MOST = 50


def plan_of_project(request: HttpRequest, project_id: int) -> HttpResponse:
    return _page(request, get_object_or_404(Project, pk=project_id), None)


def plan_of_sendout(request: HttpRequest, sendout_id: int) -> HttpResponse:
    sendout = get_object_or_404(Sendout.objects.select_related("project"), pk=sendout_id)
    return _page(request, sendout.project, sendout)


def _page(request: HttpRequest, project: Project, sendout: Sendout | None) -> HttpResponse:
    owner: Project | Sendout = sendout or project
    if not request.user.has_perms(["actions.view_actiondefinition", f"actions.view_{owner._meta.model_name}"]):
        raise PermissionDenied
    if not access.sees(reader(request), project.pk):
        raise Http404
    known = identifiers(project, sendout)
    last = _last_hook(sendout) if sendout else None
    to_name = identifiers(project, sendout, [RunWhen.ASKED])
    asked = _chosen_names(request.GET, to_name, last)
    named = {folded(each.identifier) for each in asked}
    waiting = {folded(name) for name in to_name}
    choices = [{"name": name, "chosen": folded(name) in named, "always": folded(name) not in waiting} for name in known]
    unlisted = [each.identifier for each in asked if folded(each.identifier) not in {folded(name) for name in known}]
    return show_page(
        request,
        "plan.html",
        _("What would run for “%(name)s”") % {"name": f"{project} · {sendout}" if sendout else project},
        type(owner),
        choices=choices,
        also=", ".join(dict.fromkeys(unlisted)),
        last=last and last[0].received_at,
        as_last=request.GET.get("last") == "1" and last is not None,
        now=timezone.now(),
        preview=preview(project, sendout, asked),
        back=reverse(f"admin:actions_{owner._meta.model_name}_change", args=[owner.pk]),
    )


def _last_hook(sendout: Sendout) -> tuple[Batch, list[Asked]] | None:
    """Return the newest batch of a sendout, and the names in its hook."""
    rows = Batch.objects.filter(sendout=sendout).select_related("plan")
    batch = rows.only("received_at", "plan__content").order_by("-received_at").first()
    if batch is None:
        return None
    asked = {
        (origin["identifier"], each["details"])
        for each in batch.plan.content["actions"]
        for origin in each["origins"]
        if origin["asked"]
    }
    content: Mapping[str, Any] = batch.plan.content
    asked |= {(each["identifier"], each["details"]) for each in content["unknown"]}
    return batch, [Asked(identifier, details) for identifier, details in sorted(asked)]


def _chosen_names(query: QueryDict, to_name: list[str], last: tuple[Batch, list[Asked]] | None) -> list[Asked]:
    """Return the reader's choice: that of the last hook, some names, or by default all names that wait for the hook."""
    if query.get("last") == "1" and last is not None:
        return last[1]
    if "chosen" not in query:
        return [Asked.of(name) for name in to_name]
    names = [*query.getlist("ask"), *query.get("also", "").split(",")]
    return [Asked.of(name) for name in names[:MOST] if name.strip()]
