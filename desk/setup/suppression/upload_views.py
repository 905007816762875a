"""Upload files for a list: in pieces by the page's script, or whole without it; then show the progress."""

from functools import partial
from typing import cast

from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from actions.suppression import receive
from actions.suppression.models import SuppressionList, SuppressionUpload
from actions.whole import whole
from desk.setup.suppression import states
from desk.setup.suppression.entry_views import changeable, shown
from desk.setup.suppression.forms import AnnouncedForm, FileForm


def upload(admin: ModelAdmin, request: HttpRequest, list_id: int) -> HttpResponse:
    """Accept a file, or the announcement of one (answered with JSON)."""
    found = changeable(admin, request, list_id)
    if request.method == "POST" and "size" in request.POST:
        return _accept_announcement(admin, request, found)
    form = FileForm(request.POST, request.FILES) if request.method == "POST" else FileForm()
    if not form.is_valid():
        title = _("Send a file for “%(list)s”") % {"list": found}
        more = {"form": form, "confirm": _("Send"), "piece_bytes": receive.PIECE_BYTES}
        return shown(request, "upload", title, found, **more)
    file = form.cleaned_data["file"]
    begun = _begin(admin, request, found, form, file.name, file.size)
    receive.take(begun, iter(partial(file.read, receive.PIECE_BYTES), b""))
    return HttpResponseRedirect(_page(begun))


def _accept_announcement(admin: ModelAdmin, request: HttpRequest, found: SuppressionList) -> JsonResponse:
    form = AnnouncedForm(request.POST)
    if not form.is_valid():
        return JsonResponse({"errors": [str(each) for faults in form.errors.values() for each in faults]}, status=400)
    begun = _begin(admin, request, found, form, form.cleaned_data["file_name"], form.cleaned_data["size"])
    piece = reverse("admin:actions_suppressionlist_piece", args=[begun.pk])
    return JsonResponse({"piece": piece, "page": _page(begun)})


def _begin(
    admin: ModelAdmin,
    request: HttpRequest,
    found: SuppressionList,
    form: FileForm | AnnouncedForm,
    name: str,
    size: int,
) -> SuppressionUpload:
    said = form.said
    begun = receive.begin(
        found,
        by=cast(User, request.user).pk,
        file_name=name,
        size=size,
        reason=said.reason,
        expires_at=said.expires_at,
        column=form.cleaned_data["column"],
    )
    admin.log_change(request, found, _("File “%(name)s” sent.") % {"name": begun.file_name})
    return begun


def _page(begun: SuppressionUpload) -> str:
    return reverse("admin:actions_suppressionlist_progress", args=[begun.pk])


def piece(admin: ModelAdmin, request: HttpRequest, upload_id: int) -> HttpResponse:
    """Accept one piece of an announced file from the person who announced it."""
    if not admin.has_change_permission(request):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    rows = SuppressionUpload.objects.filter(suppression_list__in=admin.get_queryset(request))
    begun = get_object_or_404(rows, pk=upload_id, by=cast(User, request.user).pk)
    content, start = request.FILES.get("file"), whole(request.POST.get("start", ""))
    if content is None or start is None or not 0 < (content.size or 0) <= receive.PIECE_BYTES:
        return JsonResponse({"received": begun.received}, status=400)
    try:
        begun = receive.append(begun.pk, start, content.read())
    except receive.OutOfStep:
        return JsonResponse({"received": begun.received}, status=409)
    return JsonResponse({"received": begun.received})


def progress(admin: ModelAdmin, request: HttpRequest, upload_id: int) -> HttpResponse:
    """Show the progress of a file; the page's script polls, and without it the page reloads."""
    begun = _find_upload(admin, request, upload_id)
    more = {"upload": begun, "state": states.state(begun), "lines": states.lines(begun.first_unreadable)}
    title = _("File “%(name)s”") % {"name": begun.file_name}
    return shown(request, "progress", title, begun.suppression_list, **more)


def state(admin: ModelAdmin, request: HttpRequest, upload_id: int) -> HttpResponse:
    """Return the progress as JSON for the script."""
    return JsonResponse(states.state(_find_upload(admin, request, upload_id)))


def _find_upload(admin: ModelAdmin, request: HttpRequest, upload_id: int) -> SuppressionUpload:
    if not admin.has_view_permission(request):
        raise PermissionDenied
    rows = SuppressionUpload.objects.filter(suppression_list__in=admin.get_queryset(request))
    found = rows.select_related("suppression_list", "by").filter(pk=upload_id).first()
    if found is None:
        raise Http404
    return found
