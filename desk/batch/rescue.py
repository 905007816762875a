"""The page on which a person saves a batch whose contact file failed: take what came, send another file, compare.

GET shows. POST takes the file, announces another one, or says which column is which. Pieces of a file and the progress
have addresses of their own.
"""

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

from actions.secrets.keys import CannotOpen
from actions.whole import whole
from desk.bases import reader
from desk.batch.offered_file import lost_contacts, offered_file
from desk.batch.parts.clock import saving_clock
from desk.batch.parts.headline import label
from desk.batch.taken_file import archive, body, has_pages, parts
from desk.verbs import VERBS
from desk.verbs.ask import ask_page
from desk.verbs.base import VerbPage
from desk.verbs.use_file import UseFilePage, ready_offer
from sendouts import lifecycle
from sendouts.inquiries.csv import form_of_reader, lines
from sendouts.inquiries.streaming import streamed
from sendouts.models import Batch, Event, EventWord, Spool
from sendouts.outlook import progress
from sendouts.spool import offers, spooled
from sendouts.spool.bucket import StorageAway
from sendouts.spool.offers import NoRoom, OfferProblem, OfferState, PieceRefused
from sendouts.spool.spooled import LostFile
from sendouts.verbs import base
from sendouts.verbs.use_file import can_be_saved
from sendouts.wording.batch_sentences import title, trouble
from work.nudges import nudge


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
        elif "lost" in request.POST:
            return _lost(request, batch)
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
            first = next(body(file), None)
        paged = first is not None and has_pages(row)
    except (CannotOpen, LostFile, StorageAway):
        return None
    if first is None:
        return None
    data = {batch.pk: {"file": True}}
    lifecycle.record([batch.pk], EventWord.EXPORTED, now=timezone.now(), user=reader(request), data=data)
    if paged:
        return streamed(request, archive(row), "application/zip", f"contacts-{batch.pk}.zip")
    return streamed(request, parts(row), "application/octet-stream", f"contacts-{batch.pk}.bin")


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
    except StorageAway:
        return JsonResponse(
            {"errors": [_("The gateway’s storage does not answer. Try again in a minute.")]}, status=503
        )
    lifecycle.record([batch.pk], EventWord.FILE_OFFERED, now=now, user=who)
    piece = reverse("admin:sendouts_batch_file_piece", args=[batch.pk])
    return JsonResponse({"piece": f"{piece}?key={key}", "page": request.path})


def file_piece(admin: ModelAdmin, request: HttpRequest, batch_id: int) -> HttpResponse:
    """Accept one piece of an announced file; `errors` of a refusal says what to do, if more than sending again."""
    batch = _batch(admin, request, batch_id)
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST"})
    content, start = request.FILES.get("file"), whole(request.POST.get("start", ""))
    if content is None or start is None or not 0 < (content.size or 0) <= offers.PIECE_BYTES or not _is_open(batch):
        return JsonResponse({}, status=400)
    try:
        if offers.append(batch.pk, request.GET.get("key", ""), start, content.read()):
            nudge("downloads", [batch.pk])
    except PieceRefused:
        return _refused(_("Another file was sent meanwhile. Reload the page."))
    except NoRoom:
        return _refused(str(OfferProblem.NO_ROOM.label))
    except CannotOpen:
        return _refused(str(OfferProblem.FAILED.label))
    except StorageAway:
        # The page sends it again.
        return JsonResponse({}, status=503)
    return JsonResponse({})


def _refused(sentence: str) -> JsonResponse:
    return JsonResponse({"errors": [sentence]}, status=409)


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
    who, now = reader(request), timezone.now()
    offered = offered_file(batch, row)
    checking = progress.checking_time(batch, offered.rows or batch.total)
    until = progress.save_before(batch, checking, now)
    used, stated = UseFilePage(batch, who, now), VERBS["whole-file"](batch, who, now)
    # The whole page shows one state of the file. A worker may end its comparison while the page is made.
    used.offered = ready_offer(row)
    context = {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "title": _("Save “%(name)s” with another file") % {"name": title(batch)},
        "batch": batch,
        "page": {"clock": saving_clock(batch, now, until), "now": now},
        "label": label(batch),
        "name": title(batch),
        "open": _is_open(batch),
        "why": trouble(batch) if batch.attention else "",
        "problem": problem,
        "came": _came(batch, row),
        "taken": Event.objects.filter(batch=batch, word=EventWord.EXPORTED, data__file=True).order_by("pk").last(),
        "offered": offered,
        "checking": _checking() if offered.state == OfferState.CHECKING else "",
        "ready_at": now + checking if offered.is_ready else None,
        "takes": checking,
        "verb": _offer(used),
        "stated": _offer(stated),
        "asks_whether_whole": ask_page(stated),
        "asks_to_use": ask_page(used) if offered.lost else None,
        "piece_bytes": offers.PIECE_BYTES,
        "state_url": reverse("admin:sendouts_batch_file_state", args=[batch.pk]),
        "back": reverse("admin:sendouts_batch_change", args=[batch.pk]),
    }
    return TemplateResponse(request, "desk/rescue.html", context, status=409 if problem else 200)


def _offer(verb: VerbPage) -> VerbPage | None:
    return verb if verb.is_possible and verb.is_permitted else None


def _came(batch: Batch, row: Spool | None) -> dict[str, Any]:
    """Return what there is of the file that the platform sent: `kept`, or `why` not; and its bytes, if known."""
    gone = {"why": _("What came is no longer kept, or cannot be opened.")}
    if row is not None and row.token and row.state != Spool.State.OVER:
        try:
            with spooled.open_file(row) as file:
                if next(body(file), None):
                    return {"kept": True, "size": filesizeformat(row.reached) if row.reached else ""}
        except (CannotOpen, LostFile, StorageAway):
            return gone
    if row is not None and row.state == Spool.State.STREAMED:
        return {
            "why": _("The gateway could not keep it, for example for lack of room: it was read from Symplify directly.")
        }
    return gone if batch.total else {"why": _("Nothing of it came.")}


def _lost(request: HttpRequest, batch: Batch) -> HttpResponseBase:
    """Answer with the contacts that would be lost, as CSV, and record that."""
    row = Spool.objects.filter(pk=batch.pk).first()
    found = lost_contacts(batch, row.offered) if row is not None else []
    data = {batch.pk: {"lost": len(found)}}
    lifecycle.record([batch.pk], EventWord.EXPORTED, now=timezone.now(), user=reader(request), data=data)
    rows = [(_("Contact"), _("Why")), *((each.contact, each.why) for each in found)]
    form = form_of_reader()
    content = "".join(lines(rows, form))
    headers = {"Content-Disposition": f'attachment; filename="lost-{batch.pk}.csv"', "Cache-Control": "no-store"}
    return HttpResponse(content, content_type="text/csv; charset=utf-8", headers=headers)
