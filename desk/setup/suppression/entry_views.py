"""Add, find and remove single entries. The value to find is in the request body, so that no log holds it."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from actions.suppression import entries
from actions.suppression.entries import NewEntry
from actions.suppression.models import SuppressionList
from desk.bases import show_page
from desk.setup.suppression.forms import AddForm, FindForm

# Entries identify contacts, so they need the same permission as contact ids beside decisions.
VIEW_CONTACTS = "sendouts.view_contacts"


def may_find(request: HttpRequest) -> bool:
    """Return whether the reader may learn who is on a list."""
    return cast(User, request.user).has_perm(VIEW_CONTACTS)


def changeable(admin: ModelAdmin, request: HttpRequest, list_id: int) -> SuppressionList:
    """Return the list if the reader may change it."""
    if not admin.has_change_permission(request):
        raise PermissionDenied
    found = get_object_or_404(admin.get_queryset(request), pk=list_id, archived=False)
    if not admin.has_change_permission(request, found):
        raise PermissionDenied
    return cast(SuppressionList, found)


def page_of(found: SuppressionList) -> str:
    return reverse("admin:actions_suppressionlist_change", args=[found.pk])


def shown(request: HttpRequest, template: str, title: str, found: SuppressionList, **more: Any) -> HttpResponse:
    """Render a page about a list."""
    more |= {"found": found, "back": page_of(found)}
    return show_page(request, f"setup/suppression/{template}.html", title, SuppressionList, **more)


def add(admin: ModelAdmin, request: HttpRequest, list_id: int) -> HttpResponse:
    """Add entries typed by hand."""
    found = changeable(admin, request, list_id)
    form = AddForm(found, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        title = _("Add to “%(list)s”") % {"list": found}
        return shown(request, "form", title, found, form=form, confirm=_("Add"))
    wanted: dict[str, NewEntry] = dict.fromkeys(form.cleaned_data["values"], form.said)
    added = entries.add(found.pk, wanted, by=cast(User, request.user).pk, now=timezone.now())
    said = ngettext("%(n)s entry added.", "%(n)s entries added.", added.new) % {"n": localize(added.new)}
    if added.extended:
        said += " " + ngettext(
            "%(n)s entry that was there counts for longer.",
            "%(n)s entries that were there count for longer.",
            added.extended,
        ) % {"n": localize(added.extended)}
    admin.log_change(request, found, said)
    messages.success(request, said)
    return HttpResponseRedirect(page_of(found))


def find(admin: ModelAdmin, request: HttpRequest, list_id: int) -> HttpResponse:
    """Find one entry. GET shows the form, POST the answer."""
    if not (admin.has_view_permission(request) and may_find(request)):
        raise PermissionDenied
    found = get_object_or_404(admin.get_queryset(request), pk=list_id)
    form = FindForm(found, request.POST if request.method == "POST" else None)
    answer: dict[str, Any] = {"form": form}
    if form.is_valid():
        entry = entries.find(found.pk, form.key)
        answer |= {
            "asked": form.cleaned_data["value"],
            "entry": entry,
            "over": entry is not None and entry.expires_at is not None and entry.expires_at <= timezone.now(),
            "may_remove": admin.has_change_permission(request, found),
        }
    return shown(request, "find", _("Who is on “%(list)s”?") % {"list": found}, found, **answer)


def remove(admin: ModelAdmin, request: HttpRequest, list_id: int) -> HttpResponse:
    """Remove one entry."""
    if not may_find(request):
        raise PermissionDenied
    found = changeable(admin, request, list_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    form = FindForm(found, request.POST)
    if form.is_valid() and entries.remove(found.pk, form.key):
        said = _("One entry removed.")
        admin.log_change(request, found, said)
        messages.success(request, said)
    else:
        messages.warning(request, _("This is not on the list. Nothing was removed."))
    return HttpResponseRedirect(page_of(found))
