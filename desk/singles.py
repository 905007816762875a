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
from sendouts.wording.batch_sentences import attention, column_time, holds, number, time_of
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
    """A set of singles and the decision on it."""

    verb: SetVerb
    title: str
    singles: list[Batch]
    beyond: int
    user: User
    now: datetime

    @cached_property
    def _seconds(self) -> list[Second]:
        """Return the effect of this person's acceptance for each single, given the contacts of the whole set."""
        contacts = self._sums["total"]
        return [Second.of(each, self.user, contacts) for each in self.singles] if self.verb is Accept else []

    def _second_lines(self) -> list[str]:
        """Return the sentences about the second person, which precede the numbers."""
        found = []
        if Second.FIRST in self._seconds:
            found.append(_("Nothing goes out yet: when a second person has accepted, this holds:"))
        if own := self._seconds.count(Second.OWN):
            text = ngettext(
                "You accepted %(n)s of them as first person already: it is left as it is.",
                "You accepted %(n)s of them as first person already: they are left as they are.",
                own,
            )
            found.append(text % {"n": number(own)})
        return found

    @property
    def _sums(self) -> dict[str, int]:
        return {
            name: sum(getattr(each, name) for each in self.singles)
            for name in ("total", "accepted", "rejected", "undecided")
        }

    @property
    def asks_undecided(self) -> bool:
        return self.verb is Accept and bool(self._sums["undecided"])

    @property
    def question(self) -> str:
        values = {"n": number(len(self.singles)), "name": self.title}
        if self.verb is Accept:
            text = ngettext(
                "Accept %(n)s single of “%(name)s”?", "Accept %(n)s singles of “%(name)s”?", len(self.singles)
            )
        else:
            text = ngettext(
                "Reject %(n)s single of “%(name)s”?", "Reject %(n)s singles of “%(name)s”?", len(self.singles)
            )
        return text % values

    @property
    def confirm(self) -> str:
        sums = self._sums
        if self.verb is Reject:
            return _("Reject %(n)s") % {"n": number(sums["total"])}
        if Second.FIRST in self._seconds:
            return _("Accept as first person")
        return _("Accept") if sums["undecided"] else _("Send to %(n)s") % {"n": number(sums["accepted"])}

    @property
    def tone(self) -> str:
        return "primary" if self.verb is Accept else "danger"

    def consequences(self) -> list[str]:
        """Return the consequences, in numbers."""
        sums = self._sums
        if self.verb is Reject:
            text = ngettext(
                "Nobody gets the message: %(n)s contact is rejected at Symplify.",
                "Nobody gets the message: %(n)s contacts are rejected at Symplify, one by one.",
                sums["total"],
            )
            found = [text % {"n": number(sums["total"])}, _("Rejections that were sent cannot be taken back.")]
        else:
            text = ngettext("%(n)s contact gets the message.", "%(n)s contacts get the message.", sums["accepted"])
            found = [*self._second_lines(), text % {"n": number(sums["accepted"])}]
            if sums["rejected"]:
                text = ngettext(
                    "%(n)s does not get it: the rejection goes to Symplify first and cannot be taken back.",
                    "%(n)s do not get it: their rejections go to Symplify first and cannot be taken back.",
                    sums["rejected"],
                )
                found.append(text % {"n": number(sums["rejected"])})
            if sums["undecided"]:
                text = ngettext(
                    "%(n)s contact could not be judged.", "%(n)s contacts could not be judged.", sums["undecided"]
                )
                found.append(text % {"n": number(sums["undecided"])})
        if any(each.unjudged() for each in self.singles):
            found.append(_("Nobody has checked everything that was asked for in all of them."))
        found.append(
            _("The most urgent one must be answered before %(time)s.")
            % {"time": time_of(forecast.answer_before(self.singles[0], self.now), self.now)}
        )
        if self.beyond:
            text = ngettext(
                "At most %(most)s are decided at once: %(n)s more waits after these.",
                "At most %(most)s are decided at once: %(n)s more wait after these.",
                self.beyond,
            )
            found.append(text % {"most": number(AT_ONCE), "n": number(self.beyond)})
        return found


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
        "lines": [ListedSingle.of(each, now, decides=decides) for each in shown.singles],
        "after": shown.after,
        "decided": count,
        "accept_all": _("Accept all %(n)s…") % {"n": number(count)},
        "reject_all": _("Reject all %(n)s…") % {"n": number(count)},
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
        "form": TogetherForm(verb=verb, asks_undecided=asked.asks_undecided, initial=initial) if chosen else None,
        "problem": problem,
        "back": reverse("desk:singles", args=[sendout.pk]),
    }
    return TemplateResponse(request, "desk/home/singles_decide.html", context)


@dataclass(frozen=True, slots=True)
class ListedSingle:
    """One single in the list."""

    url: str
    label: Label
    why: str
    verdict: str
    number: int
    deadline: str

    @classmethod
    def of(cls, single: Batch, now: datetime, *, decides: bool) -> "ListedSingle":
        """Build one line; a single with one contact shows its verdict as one word."""
        counts = (
            (single.accepted, ngettext("%(n)s gets it", "%(n)s get it", single.accepted)),
            (single.rejected, ngettext("%(n)s does not get it", "%(n)s do not get it", single.rejected)),
            (single.undecided, ngettext("%(n)s undecided", "%(n)s undecided", single.undecided)),
            (single.unread, ngettext("%(n)s unreadable", "%(n)s unreadable", single.unread)),
        )
        return cls(
            url=reverse("admin:sendouts_batch_change", args=[single.pk]),
            label=label(single, decides=decides),
            why=attention(single) or " ".join(holds(single)),
            verdict=", ".join(text % {"n": number(count)} for count, text in counts if count) or "–",
            number=single.pk,
            deadline=column_time(single.deadline, now),
        )
