"""The preview of a definition while it is typed. POST sends the form as it is; nothing is stored."""

from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from actions import access
from actions.contract import Contact, Shown
from actions.models import ActionDefinition
from desk.bases import show_page
from desk.setup.forms import ActionForm
from desk.setup.tryout.preview import BATCH, Fault, previewed
from sendouts.inquiries.trial import NoContact, read_contact

# Longest part of one text that is shown.
_LONGEST = 5_000


@require_POST
@sensitive_post_parameters("preview_contact")
def preview_new_action(request: HttpRequest) -> HttpResponse:
    """Preview a definition that is not stored yet; the query holds its kind, as on its form."""
    if not request.user.has_perm("actions.add_actiondefinition"):
        raise PermissionDenied
    return _preview(request, None)


@require_POST
@sensitive_post_parameters("preview_contact")
def preview_action(request: HttpRequest, definition_id: int) -> HttpResponse:
    """Show the result for the example contact; requires permission to change the definition."""
    if not request.user.has_perm("actions.change_actiondefinition"):
        raise PermissionDenied
    seen = access.within(request.user, "project", "sendout__project")
    rows = ActionDefinition.objects.filter(seen).select_related("project", "sendout__project")
    return _preview(request, get_object_or_404(rows, pk=definition_id))


def _preview(request: HttpRequest, definition: ActionDefinition | None) -> HttpResponse:
    form_class = admin.site.get_model_admin(ActionDefinition).get_form(request, definition, change=bool(definition))
    form = cast(ActionForm, form_class(request.POST, instance=definition))
    context: dict[str, Any] = {"lines": [], "faults": []}
    try:
        row = read_contact(request.POST.get("preview_contact", "")[:100_000])
    except NoContact as refusal:
        context["faults"] = [Fault("preview_contact", _("Example contact"), str(refusal))]
    else:
        found = previewed(form, Contact(row.contact_id, row.fields, BATCH << 32))
        context |= {"lines": [_line(each) for each in found.shown], "faults": found.faults}
    if request.POST.get("part"):
        return TemplateResponse(request, "desk/setup/previewed.html", context)
    return show_page(request, "setup/preview_page.html", _("Preview"), ActionDefinition, **context)


def _line(shown: Shown) -> tuple[str, str, str | None, bool]:
    """Return the label, the name, the text (None: no value), and whether the text was cut."""
    text = shown.text
    return _(shown.title), shown.name, text and text[:_LONGEST], text is not None and len(text) > _LONGEST
