"""The page on which a person saves a batch whose contact file failed: take what came, send another file, compare.

GET shows. POST takes the file, announces another one, or says which column is which. Pieces of a file and the progress
have addresses of their own.
"""

from collections.abc import Generator
from typing import Any

from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from actions.secrets.keys import CannotOpen
from actions.whole import whole
from desk.bases import reader
from desk.verbs import VERBS
from outbound.download import BrokenDownload
from sendouts import lifecycle
from sendouts.inquiries.streaming import streamed
from sendouts.models import Batch, EventWord, Spool
from sendouts.privacy.masking import masked
from sendouts.spool import offers, spooled
from sendouts.spool.offers import NoRoom, OfferProblem, OfferState, PieceRefused
from sendouts.spool.spooled import Behind, LostFile
from sendouts.verbs import base
from sendouts.verbs.use_file import can_be_saved, lost_of
from sendouts.wording.batch_sentences import attention, number, title
from work.nudges import nudge

PREVIEW = 10


def file_page(admin: ModelAdmin, request: HttpRequest, batch_id: int) -> HttpResponseBase:
    """Show the three steps, or carry out one of them."""
    batch = _batch(admin, request, batch_id)
    problem = ""
    if request.method == "POST":
        if not _is_open(batch):
            problem = _("This batch does not wait for a contact file. Nothing was changed.")
        elif "size" in request.POST:
            return _announced(request, batch)
        elif "uri" in request.POST:
            if _choose(request, batch):
                return HttpResponseRedirect(request.path)
            problem = _("Choose two different columns.")
        elif "take" in request.POST:
            if (answer := _taken(request, batch)) is not None:
                return answer
            problem = _("The file cannot be taken: nothing of it came, or it is no longer kept.")
        else:
            problem = _("Choose a file. Nothing was changed.")
    return _shown(admin, request, batch, problem)


def _batch(admin: ModelAdmin, request: HttpRequest, batch_id: int) -> Batch:
    """Return a batch for a person who may decide and see contacts."""
    who = reader(request)
    if not (admin.has_view_permission(request) and who.has_perm(base.REVIEW) and who.has_perm(base.VIEW_CONTACTS)):
        raise PermissionDenied
    return get_object_or_404(admin.get_queryset(request), pk=batch_id)


def _is_open(batch: Batch) -> bool:
    return can_be_saved(batch) and timezone.now() < batch.deadline


def _taken(request: HttpRequest, batch: Batch) -> HttpResponseBase | None:
    """Answer with the file as it came, and record that; None if there is none."""
    row = spooled.find(batch.pk)
    if row is None:
        return None
    try:
        with spooled.open_file(row) as file:
            first = next(_body(file), None)
    except (CannotOpen, LostFile):
        return None
    if first is None:
        return None
    data = {batch.pk: {"file": True}}
    lifecycle.record([batch.pk], EventWord.EXPORTED, now=timezone.now(), user=reader(request), data=data)
    return streamed(request, _parts(row), "application/octet-stream", f"contacts-{batch.pk}.bin")


def _parts(row: Spool) -> Generator[bytes, None, None]:
    with spooled.open_file(row) as file:
        yield from _body(file)


def _body(file: spooled.SpooledFile) -> Generator[bytes, None, None]:
    """Yield what is there; a file that was cut, or is still loading, ends where it ends."""
    try:
        yield from file.blocks()
    except (Behind, BrokenDownload):
        return


def _announced(request: HttpRequest, batch: Batch) -> HttpResponse:
    size = whole(request.POST["size"])
    if not size or size > offers.MAX_BYTES:
        limit = filesizeformat(offers.MAX_BYTES)
        return JsonResponse({"errors": [_("Send a file of at most %(limit)s.") % {"limit": limit}]}, status=400)
    who, now = reader(request), timezone.now()
    try:
        name = request.POST.get("file_name", "").replace("\0", "")
        key = offers.begin(batch.pk, name=name, size=size, by=who.get_username(), now=now)
    except NoRoom:
        return JsonResponse({"errors": [str(OfferProblem.NO_ROOM.label)]}, status=400)
    lifecycle.record([batch.pk], EventWord.FILE_OFFERED, now=now, user=who)
    piece = reverse("admin:sendouts_batch_file_piece", args=[batch.pk])
    return JsonResponse({"piece": f"{piece}?key={key}", "page": request.path})


def file_piece(admin: ModelAdmin, request: HttpRequest, batch_id: int) -> HttpResponse:
    """Accept one piece of an announced file."""
    batch = _batch(admin, request, batch_id)
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST"})
    content, start = request.FILES.get("file"), whole(request.POST.get("start", ""))
    if content is None or start is None or not 0 < (content.size or 0) <= offers.PIECE_BYTES or not _is_open(batch):
        return JsonResponse({}, status=400)
    try:
        if offers.append(batch.pk, request.GET.get("key", ""), start, content.read()):
            nudge("downloads", [batch.pk])
    except (PieceRefused, NoRoom, CannotOpen):
        return JsonResponse({}, status=409)
    return JsonResponse({})


def file_state(admin: ModelAdmin, request: HttpRequest, batch_id: int) -> HttpResponse:
    """Return whether the file is compared, for the script of an open page."""
    row = Spool.objects.filter(pk=_batch(admin, request, batch_id).pk).first()
    over = row is None or row.offered.get("state") != OfferState.CHECKING
    return JsonResponse({"over": over, "percent": 100 if over else 50, "sentence": _checking(), "figures": {}})


def _checking() -> str:
    return _("The file is being compared with what was read before.")


def _choose(request: HttpRequest, batch: Batch) -> bool:
    identity, uri = whole(request.POST.get("identity", "")), whole(request.POST["uri"])
    if identity is None or uri is None or identity == uri:
        return False
    try:
        offers.choose_columns(batch.pk, request.POST.get("key", ""), identity, uri)
    except PieceRefused:
        # The page shows the file that is offered now.
        return True
    nudge("downloads", [batch.pk])
    return True


def _shown(admin: ModelAdmin, request: HttpRequest, batch: Batch, problem: str) -> HttpResponse:
    row = Spool.objects.filter(pk=batch.pk).first()
    said: dict[str, Any] = row.offered if row is not None else {}
    who, now = reader(request), timezone.now()
    verb = VERBS["use-file"](batch, who, now)
    stated = VERBS["whole-file"](batch, who, now) if "whole-file" in VERBS else None
    state = said.get("state", "")
    context = {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "title": _("Save “%(name)s” with another file") % {"name": title(batch)},
        "batch": batch,
        "now": now,
        "open": _is_open(batch),
        "why": attention(batch) if batch.attention else "",
        "problem": problem,
        "kept": spooled.find(batch.pk) is not None,
        "offered": said,
        "name": _name(row) if row is not None and said else "",
        "size": filesizeformat(said.get("size", 0)),
        "refused": OfferProblem(said["code"]).label if state == OfferState.REFUSED else "",
        "lines": _lines(said) if state == OfferState.READY else [],
        "rounded": _rounded(said),
        "lost": lost_of(said),
        "columns": _columns(row) if row is not None and state == OfferState.COLUMNS else [],
        "checking": _checking() if state == OfferState.CHECKING else "",
        "verb": verb if verb.is_possible and verb.is_permitted else None,
        "stated": stated if stated is not None and stated.is_possible and stated.is_permitted else None,
        "piece_bytes": offers.PIECE_BYTES,
        "state_url": reverse("admin:sendouts_batch_file_state", args=[batch.pk]),
        "back": reverse("admin:sendouts_batch_change", args=[batch.pk]),
    }
    return TemplateResponse(request, "desk/rescue.html", context, status=409 if problem else 200)


def _name(row: Spool) -> str:
    try:
        return offers.name_of(row) or "–"
    except CannotOpen:
        return "–"


def _lines(said: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return the lines of the comparison: what, how many, and whether it is good (ok), bad (late) or neither."""
    found = [
        (_("Read already and in your file, same id and same address"), said["same"], ""),
        (_("New in your file"), said["new"], ""),
        (_("Read already, missing in your file"), said["missing"], "late" if said["missing"] else "ok"),
        (_("Same id, another address"), said["other"], "late" if said["other"] else "ok"),
    ]
    if said["unread"]:
        found.append((_("Rows of your file that cannot be read"), said["unread"], "late"))
    return [(text, number(count), tone) for text, count, tone in found]


def _rounded(said: dict[str, Any]) -> str:
    """Return what to do about numbers that the spreadsheet has rounded; empty without any."""
    count = said.get("rounded", 0)
    text = ngettext(
        "%(n)s number has more than 15 digits, so the spreadsheet has rounded it: it is left empty. "
        "Make its column text, and export again.",
        "%(n)s numbers have more than 15 digits, so the spreadsheet has rounded them: they are left empty. "
        "Make their columns text, and export again.",
        count,
    )
    return text % {"n": number(count)} if count else ""


def _columns(row: Spool) -> list[tuple[int, str, list[str]]]:
    """Return place, name and masked first values of each column; empty if the file cannot be opened."""
    try:
        head, *rows = offers.first_rows(row, PREVIEW + 1) or [[]]
    except (CannotOpen, LostFile):
        return []
    return [
        (place, name or "–", [masked(line[place]) if place < len(line) else "" for line in rows])
        for place, name in enumerate(head)
    ]
