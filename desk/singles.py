"""The waiting singles of one sendout, and the page on which a person decides on all of them at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget

from actions import access
from actions.models import Sendout
from desk.bases import reader
from desk.batch.parts.headline import Label, label
from desk.home.figures.in_review import name_of
from desk.home.figures.single_sets import singles
from desk.home.page import VIEW
from desk.verbs.accept import Second
from sendouts.models import Batch
from sendouts.outlook import forecast
from sendouts.verbs import Accept, Reject, single_sets
from sendouts.verbs.base import Act
from sendouts.verbs.single_sets import AT_ONCE, Together
from sendouts.wording.batch_sentences import attention, holds, number
from work.nudges import nudge

SetVerb = type[Accept] | type[Reject]
# Keyed by the last part of the URL.
DECISIONS: Mapping[str, SetVerb] = {"accept": Accept, "refuse": Reject}


class TogetherForm(forms.Form):
    """A note, and the singles with the revisions that the person saw: “id:revision”, with commas."""

    note = forms.CharField(max_length=2_000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "autofocus": True}))
    undecided = forms.ChoiceField(
        choices=[("reject", gettext_lazy("Reject them")), ("accept", gettext_lazy("Send to them too"))],
        initial="reject",
        required=False,
        widget=UnfoldAdminRadioSelectWidget,
    )
    seen = forms.RegexField(
        r"^\d{1,18}:\d{1,9}(,\d{1,18}:\d{1,9})*$", max_length=32 * AT_ONCE, widget=forms.HiddenInput
    )

    def __init__(self, data: Any = None, *, verb: SetVerb, asks_undecided: bool, **more: Any) -> None:
        super().__init__(data, **more)
        note = self.fields["note"]
        note.label = _("Note")
        note.required = verb.needs_note
        note.error_messages["required"] = _("Say why in a note: it stays with each of these batches.")
        note.help_text = (
            _("Say why: it stays with each of these batches.")
            if note.required
            else _("Optional; it stays with each of these batches.")
        )
        self.fields["undecided"].label = _("What becomes of the undecided?")
        if not asks_undecided:
            del self.fields["undecided"]

    def revisions(self) -> dict[int, int]:
        """Return the revision that the person saw, by id."""
        pairs = (pair.split(":") for pair in self.cleaned_data["seen"].split(","))
        return {int(pk): int(revision) for pk, revision in pairs}


@dataclass(frozen=True)
class SetRequest:
    """A set of singles and the decision on it; `beyond`: how many more wait after them."""

    verb: SetVerb
    title: str
    singles: list[Batch]
    beyond: int
    user: User
    now: datetime

    @property
    def accepts(self) -> bool:
        return self.verb is Accept

    @cached_property
    def sums(self) -> dict[str, int]:
        """Return how many contacts the singles have together, by verdict and in total."""
        return {
            name: sum(getattr(each, name) for each in self.singles)
            for name in ("total", "accepted", "rejected", "undecided")
        }

    @cached_property
    def _seconds(self) -> list[Second]:
        """Return the effect of this person's acceptance for each single, given the contacts of the whole set."""
        return [Second.of(each, self.user, self.sums["total"]) for each in self.singles] if self.accepts else []

    @property
    def is_first(self) -> bool:
        """Return whether some of them wait for a second person after this acceptance."""
        return Second.FIRST in self._seconds

    @property
    def own(self) -> int:
        """Count the singles that this person has accepted as first person already."""
        return self._seconds.count(Second.OWN)

    @property
    def asks_undecided(self) -> bool:
        return self.accepts and bool(self.sums["undecided"])

    @property
    def unjudged(self) -> bool:
        return any(each.unjudged() for each in self.singles)

    @property
    def answer_before(self) -> datetime:
        """Return until when the most urgent one must be answered."""
        return forecast.answer_before(self.singles[0], self.now)

    @property
    def question(self) -> str:
        count = len(self.singles)
        if self.accepts:
            text = ngettext("Accept %(n)s single of “%(name)s”?", "Accept %(n)s singles of “%(name)s”?", count)
        else:
            text = ngettext("Reject %(n)s single of “%(name)s”?", "Reject %(n)s singles of “%(name)s”?", count)
        return text % {"n": number(count), "name": self.title}


@require_GET
def page(request: HttpRequest, sendout_id: int) -> HttpResponse:
    """Show the list of a sendout's waiting singles; each links to its own page."""
    user = reader(request)
    if not user.has_perm(VIEW):
        raise PermissionDenied
    seen, now = access.within(user), timezone.now()
    sendout = _sendout(seen, sendout_id)
    shown = singles(seen, sendout.pk, now, request.GET.get("after", ""))
    decides = user.has_perm(Accept.permission)
    count = single_sets.held_singles(seen, sendout.pk, now).order_by().count() if decides else 0
    context = {
        **admin.site.each_context(request),
        "title": name_of(sendout),
        "sendout": sendout,
        "lines": [ListedSingle.of(each, decides=decides) for each in shown.singles],
        "now": now,
        "after": shown.after,
        "decided": count,
        "zone": timezone.localtime(now).tzname(),
    }
    return TemplateResponse(request, "desk/home/singles.html", context)


def decide(request: HttpRequest, sendout_id: int, name: str) -> HttpResponse:
    """Confirm and carry out a decision on the held singles of a sendout. GET shows, POST acts."""
    user, verb = reader(request), DECISIONS[name]
    if not (user.has_perm(VIEW) and user.has_perm(verb.permission)):
        raise PermissionDenied
    seen, now = access.within(user), timezone.now()
    sendout = _sendout(seen, sendout_id)
    if request.method != "POST":
        return _render_page(request, seen, sendout, verb, now)
    form = TogetherForm(request.POST, verb=verb, asks_undecided=verb is Accept)
    if not form.is_valid():
        missing = form.errors.get("note")
        problem = str(missing[0]) if missing else _("The page was incomplete. Look again, then decide.")
        return _render_page(request, seen, sendout, verb, now, problem=problem, note=request.POST.get("note", ""))
    # Ignore ids outside the person's reach, and ids that are no singles of this sendout.
    asked = form.revisions()
    mine = Batch.objects.filter(seen, sendout=sendout, source=Batch.Source.SINGLE, pk__in=list(asked)).order_by(
        "deadline", "id"
    )
    revisions = {pk: asked[pk] for pk in mine.values_list("pk", flat=True)}
    chosen = Reject() if verb is Reject else Accept(form.cleaned_data.get("undecided") or "reject")
    result = single_sets.decide(chosen, revisions, Act(user, None, form.cleaned_data["note"], now))
    if result.done:
        transaction.on_commit(partial(nudge, "singles", result.done))
    _report_result(request, verb, result)
    return HttpResponseRedirect(reverse("desk:singles", args=[sendout.pk]) if result.left else reverse("admin:index"))


def _sendout(seen: Any, sendout_id: int) -> Sendout:
    return get_object_or_404(Sendout.objects.filter(seen).select_related("project"), pk=sendout_id)


def _report_result(request: HttpRequest, verb: SetVerb, result: Together) -> None:
    """Report how many were decided, and why the others were not."""
    done, left = len(result.done), len(result.left)
    if first := len(result.first):
        text = ngettext(
            "You accepted %(n)s single as first person. Nothing goes out until a second person accepts.",
            "You accepted %(n)s singles as first person. Nothing goes out until a second person accepts.",
            first,
        )
        messages.success(request, text % {"n": number(first)})
    if done:
        text = (
            ngettext("%(n)s single accepted.", "%(n)s singles accepted.", done)
            if verb is Accept
            else ngettext("%(n)s single rejected.", "%(n)s singles rejected.", done)
        )
        messages.success(request, text % {"n": number(done)})
    if left:
        text = ngettext("%(n)s was left as it is: %(why)s", "%(n)s were left as they are. The first one: %(why)s", left)
        messages.warning(request, text % {"n": number(left), "why": next(iter(result.left.values()))})


def _render_page(
    request: HttpRequest,
    seen: Any,
    sendout: Sendout,
    verb: SetVerb,
    now: datetime,
    *,
    problem: str = "",
    note: str = "",
) -> HttpResponse:
    rows = single_sets.held_singles(seen, sendout.pk, now)
    chosen = list(rows.defer("finish_uri", "download_uri", "reasons", "failures")[:AT_ONCE])
    beyond = rows.order_by().count() - len(chosen) if len(chosen) == AT_ONCE else 0
    for each in chosen:
        each.project = sendout.project
    asked = SetRequest(verb, name_of(sendout), chosen, beyond, reader(request), now)
    initial = {"seen": ",".join(f"{each.pk}:{each.revision}" for each in chosen), "note": note}
    context = {
        **admin.site.each_context(request),
        "title": asked.question,
        "asked": asked,
        "most": AT_ONCE,
        "form": TogetherForm(verb=verb, asks_undecided=asked.asks_undecided, initial=initial) if chosen else None,
        "problem": problem,
        "back": reverse("desk:singles", args=[sendout.pk]),
    }
    return TemplateResponse(request, "desk/home/singles_decide.html", context)


@dataclass(frozen=True, slots=True)
class ListedSingle:
    """One single in the list, with why it is held; one with a single contact shows its verdict as one word."""

    batch: Batch
    label: Label
    why: str
    verdict: str

    @classmethod
    def of(cls, single: Batch, *, decides: bool) -> "ListedSingle":
        counts = (
            (single.accepted, ngettext("%(n)s gets it", "%(n)s get it", single.accepted)),
            (single.rejected, ngettext("%(n)s does not get it", "%(n)s do not get it", single.rejected)),
            (single.undecided, ngettext("%(n)s undecided", "%(n)s undecided", single.undecided)),
            (single.unread, ngettext("%(n)s unreadable", "%(n)s unreadable", single.unread)),
        )
        return cls(
            single,
            label(single, decides=decides),
            why=attention(single) or " ".join(holds(single)),
            verdict=", ".join(text % {"n": number(count)} for count, text in counts if count) or "–",
        )
