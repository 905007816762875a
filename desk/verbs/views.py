"""The page on which a person confirms a verb. GET shows, POST acts; a failure is reported on the same page.

A script requests the same page as the content of a dialog, with the header `X-Gate-Dialog`; the response carries it
too. Once the verb is carried out, the response is {"to": address of the page that says so}.
"""

from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _

from actions.whole import whole
from desk.bases import reader
from desk.batch.contacts import decision_at
from desk.batch.parts.headline import label
from desk.verbs import VERBS
from desk.verbs.ask import AskPage, ask_page
from desk.verbs.base import VerbPage
from desk.verbs.change import TO, ChangeAlikePage, ChangeOnePage, ChangeRowsPage, which_of
from desk.verbs.forms import NoteForm
from desk.verbs.stop import StopPage
from notices.messages.ask import STEPS
from sendouts.models import Batch, DecisionVerdict
from sendouts.verbs import base
from sendouts.verbs.base import NotDone, NotDoneCode
from sendouts.wording.events import since
from work.nudges import nudge

_VERDICT_NAMES = {verdict.name.lower(): verdict for verdict in DecisionVerdict}
DIALOG = "X-Gate-Dialog"


def batch_verb(admin: ModelAdmin, request: HttpRequest, batch_id: int, name: str) -> HttpResponse:
    """Show or carry out one of the verbs that act on a whole batch."""
    return _confirmed(admin, request, batch_id, lambda batch: VERBS[name](batch, reader(request), timezone.now()))


def ask_verb(admin: ModelAdmin, request: HttpRequest, batch_id: int, step: str) -> HttpResponse:
    """Ask those who may for a step that the person may not take."""
    if step not in STEPS:
        raise Http404
    return _confirmed(
        admin, request, batch_id, lambda batch: AskPage(VERBS[step](batch, reader(request), timezone.now()))
    )


def contact_verb(admin: ModelAdmin, request: HttpRequest, batch_id: int, row: int, to: str) -> HttpResponse:
    """Change the decision on one contact. row counts from 0; to is accept or reject."""
    if to not in TO:
        raise Http404

    def make(batch: Batch) -> VerbPage:
        decision = decision_at(batch, row)
        if decision is None:
            raise Http404
        return ChangeOnePage(batch, reader(request), timezone.now(), decision, TO[to])

    return _confirmed(admin, request, batch_id, make)


def many_verb(admin: ModelAdmin, request: HttpRequest, batch_id: int, to: str) -> HttpResponse:
    """Change many decisions: the rows in `row`, counted from 0, or all with a `verdict` and optionally a `reason`."""
    if to not in TO:
        raise Http404
    asked = request.GET

    def make(batch: Batch) -> VerbPage:
        who, now = reader(request), timezone.now()
        if "verdict" not in asked:
            rows = [
                number for row in asked.getlist("row") if (number := whole(row)) is not None and number < batch.total
            ]
            return ChangeRowsPage(batch, who, now, TO[to], rows)
        before = _VERDICT_NAMES.get(asked["verdict"])
        if before is None or before == TO[to]:
            raise Http404
        return ChangeAlikePage(batch, who, now, TO[to], which_of(before, asked.get("reason", "").replace("\0", "")))

    return _confirmed(admin, request, batch_id, make)


def _confirmed(admin: ModelAdmin, request: HttpRequest, batch_id: int, make: Any) -> HttpResponse:
    if not admin.has_view_permission(request):
        raise PermissionDenied
    verb: VerbPage = make(_batch(admin, request, batch_id))
    if not verb.is_permitted:
        sentence = _("You may look at this batch, but not do this. Ask somebody who may.")
        return _shown(admin, request, verb, None, sentence, status=403)
    if request.method != "POST":
        problem = "" if verb.is_possible else _explain_gone(verb)
        return _shown(admin, request, verb, verb.form(), problem, status=200)
    form = verb.form(request.POST)
    # Try the verb even if it is no longer possible: the stage knows the reason, such as an earlier decision.
    if not form.is_valid() and verb.is_possible:
        return _shown(admin, request, verb, form, "", status=200)
    given = {"note": "", "revision": verb.batch.revision, **form.cleaned_data}
    try:
        verb.carry_out(given, timezone.now())
    except Batch.DoesNotExist:
        # The person lost access to the project a moment ago.
        raise Http404 from None
    except NotDone as refusal:
        # Show the current numbers and revision, so that the person can look again and decide.
        verb = make(_batch(admin, request, batch_id))
        fresh = verb.form()
        fresh.initial["note"] = given["note"]
        return _shown(admin, request, verb, fresh, _explain_refusal(verb, refusal, given), status=409)
    transaction.on_commit(partial(nudge, *verb.nudge))
    messages.success(request, verb.done)
    to = reverse("admin:sendouts_batch_change", args=[batch_id])
    return JsonResponse({"to": to}) if DIALOG in request.headers else HttpResponseRedirect(to)


def _batch(admin: ModelAdmin, request: HttpRequest, batch_id: int) -> Batch:
    return get_object_or_404(admin.get_queryset(request), pk=batch_id)


def _explain_gone(verb: VerbPage) -> str:
    """Return why a verb that was offered a moment ago is not possible."""
    if verb.is_over:
        return base.moved_on(verb.batch, verb.now)
    if verb.waits_for_change and verb.batch.running_change is not None:
        return base.is_changing(verb.batch.running_change)
    return verb.why_not or _("This is not possible for the batch as it is now.")


def _explain_refusal(verb: VerbPage, refusal: NotDone, given: dict[str, Any]) -> str:
    """Return why nothing was done, naming the intended action and the numbers that the person saw."""
    if refusal.code == NotDoneCode.MOVED_ON:
        return base.moved_on(verb.batch, verb.now, verb.act)
    if refusal.code == NotDoneCode.CHANGED and verb.is_possible and given.get("seen") is not None:
        facts = {"verb": verb, "seen": given["seen"], "events": since(verb.batch, given["revision"])}
        return render_to_string("desk/verbs/changed.html", facts)
    return str(refusal)


def _shown(
    admin: ModelAdmin, request: HttpRequest, verb: VerbPage, form: NoteForm | None, problem: str, *, status: int
) -> HttpResponse:
    batch = verb.batch
    dialog = DIALOG in request.headers
    context = {
        "opts": admin.opts,
        "title": verb.question,
        "verb": verb,
        "batch": batch,
        "label": label(batch, decides=request.user.has_perm(base.REVIEW)),
        "form": form if verb.is_possible else None,
        "problem": problem,
        "back": reverse("admin:sendouts_batch_change", args=[batch.pk]),
        "action": request.get_full_path(),
        "instead": (ask_page(verb) or _find_alternative(verb)) if problem else None,
        "dialog": dialog,
    }
    if not dialog:
        context = {**admin.admin_site.each_context(request), **context}
    name = verb.template if dialog else "desk/verbs/page.html"
    response = TemplateResponse(request, name, context, status=status, headers={DIALOG: "1"} if dialog else None)
    patch_vary_headers(response, [DIALOG])
    return response


def _find_alternative(verb: VerbPage) -> VerbPage | None:
    """Return the verb that remains after a missed decision: to stop the release."""
    stop = StopPage(verb.batch, verb.user, verb.now)
    return stop if not verb.is_possible and stop.is_possible and stop.is_permitted else None
