"""Screens of projects and sendouts with their ordered actions; dragging, keys or buttons change the order."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action, display

from actions.catalog import phases
from actions.config import durations
from actions.config.describe import kind_title
from actions.config.ordering import OrderChanged, in_order, moved, put_in_order
from actions.config.preview import identifiers, phase_in_words, preview
from actions.contract import Phase
from actions.models import ActionDefinition, Project, RunWhen, Sendout
from actions.plan.merge import Asked
from actions.whole import whole
from desk.setup.history import ConfigurationAdmin

CHANGE = "actions.change_actiondefinition"
ANCHOR = "#actions"


class OwnerAdmin(ConfigurationAdmin):
    """A project or a sendout, with the list of its actions and the resulting plan."""

    change_form_outer_after_template = "desk/setup/owned.html"

    @display(description=gettext_lazy("answer within"), ordering="answer_within", empty_value="–")
    def shown_answer_within(self, obj: Project | Sendout) -> str | None:
        return durations.show(obj.answer_within) if obj.answer_within else None

    @action(description=gettext_lazy("Add an action"), url_path="add-action")
    def add_action(self, request: HttpRequest, object_id: str) -> HttpResponse:
        self.there(request, object_id)
        return HttpResponseRedirect(
            f"{reverse('admin:actions_actiondefinition_add')}?{self.opts.model_name}={object_id}"
        )

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_order"
        return [path("<path:object_id>/order/", self.admin_site.admin_view(self.order), name=name), *super().get_urls()]

    def order(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Store an order: `order` holds every id, `seen` what the page showed, `move` one step of a single action."""
        owner: Any = self.get_object(request, object_id)
        if owner is None:
            raise Http404
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        seen, wanted = _ids(request.POST.get("seen", "").split(",")), _ids(request.POST.getlist("order"))
        pk, _colon, step = request.POST.get("move", "").partition(":")
        if (number := whole(pk)) is not None and step in {"up", "down"}:
            wanted = moved(wanted, number, -1 if step == "up" else 1)
        try:
            changed = put_in_order(owner, seen=seen, wanted=wanted, user=request.user)  # type: ignore[arg-type]
        except OrderChanged as refusal:
            messages.error(request, str(refusal))
        else:
            if changed:
                self.log_change(request, owner, "Put the actions in another order.")
                messages.success(
                    request, _("The actions have their new order. It holds for batches that come from now on.")
                )
            else:
                messages.info(request, _("The order is as it was."))
        page = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[owner.pk])
        return HttpResponseRedirect(page + ANCHOR)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        owner = kwargs.get("obj")
        if owner is not None and request.user.has_perm("actions.view_actiondefinition"):
            context |= {"owned": _owned_context(owner, changes=request.user.has_perm(CHANGE))}
        shown: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return shown


def _ids(texts: list[str]) -> list[int]:
    return [number for each in texts if (number := whole(each)) is not None]


def _owned_context(owner: Project | Sendout, *, changes: bool) -> dict[str, Any]:
    """Return what the page shows below the form. `changes`: the reader may order and add."""
    model = owner._meta.model_name
    rows = in_order(owner)
    project, sendout = (owner, None) if isinstance(owner, Project) else (owner.project, owner)
    asked = identifiers(project, sendout, [RunWhen.ASKED])
    return {
        "actions": [_line(each) for each in rows],
        "seen": ",".join(str(each.pk) for each in rows),
        "archived": list(owner.actions.filter(archived=True).order_by("identifier", "id")),
        "changes": changes,
        "orders": changes and len(rows) > 1,
        "order_url": reverse(f"admin:actions_{model}_order", args=[owner.pk]),
        "add_url": f"{reverse('admin:actions_actiondefinition_add')}?{model}={owner.pk}",
        "plan_url": reverse(f"plan_of_{model}", args=[owner.pk]),
        "preview": preview(project, sendout, [Asked.of(name) for name in asked]),
    }


def _line(row: ActionDefinition) -> dict[str, Any]:
    return {
        "row": row,
        "kind": kind_title(row.kind),
        "phase": phase_in_words(phases().get(row.kind, Phase.CHECK)),
    }
