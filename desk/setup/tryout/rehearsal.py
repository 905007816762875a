"""The page on which a manager tries changed actions on a past batch. GET shows, POST tries; nothing is stored."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from actions import access, catalog
from actions.models import ActionDefinition, Project, Sendout
from desk.bases import reader, show_page
from sendouts.inquiries.rehearsal import choose, past, rehearse
from sendouts.inquiries.rehearsal.results import Keeps, Left, Rehearsal
from sendouts.models import Batch, DecisionVerdict
from sendouts.verbs import base

CHANGE = "actions.change_actiondefinition"
# Fields of the page itself, beside those of a definition's form.
BATCH, SERVICES = "rehearse_batch", "rehearse_services"
# Reasons shown; a list may give each entry its own.
REASONS = 50
_NOT_CARRIED = frozenset({"csrfmiddlewaretoken", BATCH, SERVICES})


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject of a rehearsal: a draft definition (None: all of a project), its place, and its title."""

    draft: ActionDefinition | None
    project: Project
    sendout: Sendout | None
    title: str
    back: str
    model: type[Model]


def rehearse_project(request: HttpRequest, project_id: int) -> HttpResponse:
    """Rehearse a project's current definitions on past decisions."""
    project = _project(request, project_id)
    name = _("Try the actions of “%(name)s” on a past batch") % {"name": project.name}
    back = reverse("admin:actions_project_change", args=[project.pk])
    return _page(request, Subject(None, project, None, name, back, Project))


@sensitive_post_parameters()
def rehearse_definition(request: HttpRequest, definition_id: int) -> HttpResponse:
    """Rehearse one definition with the values in its form, saved or not."""
    _check_permission(request)
    seen = access.within(reader(request), "project", "sendout__project")
    rows = ActionDefinition.objects.filter(seen).select_related("project", "sendout__project")
    found = get_object_or_404(rows, pk=definition_id)
    return _rehearse_form(request, found)


@sensitive_post_parameters()
def rehearse_new(request: HttpRequest) -> HttpResponse:
    """Rehearse a definition that is not stored yet."""
    _check_permission(request)
    if request.method != "POST" or request.GET.get("kind") not in catalog.kinds():
        return HttpResponse(status=405, headers={"Allow": "POST"})
    return _rehearse_form(request, None)


def _check_permission(request: HttpRequest) -> None:
    if not reader(request).has_perm(CHANGE):
        raise PermissionDenied


def _project(request: HttpRequest, project_id: int) -> Project:
    _check_permission(request)
    seen = Project.objects.filter(access.within(reader(request), "pk"))
    return get_object_or_404(seen, pk=project_id)


def _rehearse_form(request: HttpRequest, stored: ActionDefinition | None) -> HttpResponse:
    """Parse the definition's form as its own page does; show its faults instead of a rehearsal."""
    draft: ActionDefinition | None = stored
    problems: list[str] = []
    if request.method == "POST" and "identifier" in request.POST:
        draft, problems = _draft(request, stored)
    back = (
        reverse("admin:actions_actiondefinition_change", args=[stored.pk])
        if stored
        else reverse("admin:actions_actiondefinition_add") + f"?{request.GET.urlencode()}"
    )
    name = _("Try “%(name)s” on a past batch") % {"name": _called(draft or stored)}
    where = None if draft is None else draft.sendout.project if draft.sendout else draft.project
    if draft is None or where is None:
        return _render_page(request, name, back, ActionDefinition, problems=problems)
    project = _project(request, where.pk)
    return _page(request, Subject(draft, project, draft.sendout, name, back, ActionDefinition))


def _called(found: ActionDefinition | None) -> str:
    return (found.identifier if found is not None else "") or "–"


def _draft(request: HttpRequest, stored: ActionDefinition | None) -> tuple[ActionDefinition | None, list[str]]:
    """Return the definition that the form describes, unsaved, and its faults."""
    forms: Any = admin.site.get_model_admin(ActionDefinition)
    form = forms.get_form(request, stored, change=stored is not None)(request.POST, instance=stored)
    if form.is_valid():
        return form.instance, []
    problems = []
    for field, errors in form.errors.items():
        label = form.fields[field].label if field in form.fields else ""
        problems += [f"{label}: {error}" if label else str(error) for error in errors]
    return None, problems


def _page(request: HttpRequest, subject: Subject) -> HttpResponse:
    """Offer the past batches; on POST rehearse the newest, or the chosen one."""
    found = past.candidates(subject.project, subject.sendout)
    shown: dict[str, Any] = {
        "choices": found,
        "now": timezone.now(),
        "carried": [
            (name, value)
            for name, values in request.POST.lists()
            if name not in _NOT_CARRIED and not name.startswith("_")
            for value in values
        ],
        "services": bool(request.POST.get(SERVICES)),
        "asks": False,
        "most": rehearse.MOST_ASKED,
    }
    chosen = _choose_batch(request, found)
    if chosen is not None:
        merged, lacks = choose.plan_with(chosen, subject.draft)
        shown |= {"chosen": chosen.pk, "asks": choose.asks(merged)}
        if request.method == "POST":
            result = rehearse.rehearse(
                chosen, merged, services=shown["services"], lacks=lacks, user_id=reader(request).pk
            )
            sees = reader(request).has_perm(base.VIEW_CONTACTS)
            shown["result"] = result_context(result, subject.draft, sees=sees)
    return _render_page(request, subject.title, subject.back, subject.model, **shown)


def result_context(found: Rehearsal, draft: ActionDefinition | None, *, sees: bool) -> dict[str, Any]:
    """Return what desk/rehearsal/result.html shows. sees: the reader may see contact ids.

    Reasons by which contacts lose the message come first, then by number. `untried`: why the draft was not tried.
    """
    ordered = sorted(found.reasons.items(), key=lambda item: (item[0][0] != DecisionVerdict.REJECTED, -item[1]))
    notes = (not found.whole, found.keeps is Keeps.REJECTED, found.not_comparable, found.as_if_asked, found.left)
    return {
        "found": found,
        "untried": _draft_left(found, draft),
        "changed": sum(found.moved.values()),
        "share": 100 * (found.more or found.fewer) / max(1, found.tried),
        "reasons": [(*key, count) for key, count in ordered[:REASONS]],
        "failures": [(*key, count) for key, count in found.failures.items()],
        "has_notes": any(notes) or bool(found.undefined or found.failures),
        "sees": sees,
    }


def _draft_left(found: Rehearsal, draft: ActionDefinition | None) -> Left | None:
    if draft is None:
        return None
    pk = draft.pk or 0
    return next((each for each in found.left if any(of.definition_id == pk for of in each.action.origins)), None)


def _choose_batch(request: HttpRequest, found: list[Batch]) -> Batch | None:
    wanted = request.POST.get(BATCH, "")
    return next((batch for batch in found if str(batch.pk) == wanted), found[0] if found else None)


def _render_page(request: HttpRequest, name: str, back: str, model: type[Model], **more: Any) -> HttpResponse:
    names = {"batch": BATCH, "services": SERVICES}
    return show_page(request, "rehearsal/page.html", name, model, back=back, names=names, **more)
