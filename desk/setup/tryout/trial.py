"""The pages on which managers try out what they configured. GET shows, POST tries; nothing is stored."""

from typing import Any, cast

from django import forms
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from unfold.widgets import UnfoldAdminTextareaWidget

from actions import access
from actions.models import ActionDefinition, Credential, Project
from desk.bases import reader, show_page
from sendouts.inquiries.probe import Probe, probe
from sendouts.inquiries.trial import NoContact, Trial, read_contact, try_action
from sendouts.models import DecisionVerdict
from sendouts.wording.sentences import show_text


class ContactForm(forms.Form):
    """One pasted contact."""

    contact = forms.CharField(
        label=gettext_lazy("Contact"),
        max_length=100_000,
        strip=True,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 10, "spellcheck": "false"}),
        help_text=gettext_lazy(
            "As the platform sends it, in JSON, or a header row and one row of CSV. Services are asked about this "
            "contact; nothing is stored."
        ),
    )


@sensitive_post_parameters("contact")
def test_action(request: HttpRequest, definition_id: int) -> HttpResponse:
    """Run one action on a pasted contact; requires permission to change the action."""
    if not request.user.has_perm("actions.change_actiondefinition"):
        raise PermissionDenied
    seen = access.within(request.user, "project", "sendout__project")
    rows = ActionDefinition.objects.filter(seen).select_related("project", "sendout__project")
    definition = get_object_or_404(rows, pk=definition_id)
    form = ContactForm(request.POST if request.method == "POST" else None)
    shown: dict[str, Any] = {}
    if form.is_valid():
        try:
            contact = read_contact(form.cleaned_data["contact"], _project(definition).empty_words)
        except NoContact as refusal:
            form.add_error("contact", str(refusal))
        else:
            shown = _result(definition, try_action(definition, contact, reader(request).pk))
    page = reverse("admin:actions_actiondefinition_change", args=[definition_id])
    title = _("Test “%(name)s” with a contact") % {"name": definition.identifier}
    return show_page(request, "trial.html", title, ActionDefinition, back=page, possible=True, form=form, **shown)


def _result(definition: ActionDefinition, trial: Trial) -> dict[str, Any]:
    words = {
        DecisionVerdict.ACCEPTED: _("It would get the message."),
        DecisionVerdict.REJECTED: _("It would not get the message."),
        DecisionVerdict.UNDECIDED: _("It would wait for a person."),
    }
    failure = _("The action failed: %(why)s") % {"why": show_text(trial.failure)} if trial.failure else ""
    more = {"trial": trial, "ms": round(trial.seconds * 1000), "on_failure": definition.get_on_failure_display()}
    return {"said": words[trial.verdict], "problem": failure, "now": timezone.now(), **more}


def test_credential(request: HttpRequest, credential_id: int) -> HttpResponse:
    """Send a credential to its test URL; requires permission to change the credential."""
    if not request.user.has_perm("actions.change_credential") or not access.sees_all(request.user):
        raise PermissionDenied
    credential = get_object_or_404(Credential, pk=credential_id)
    shown: dict[str, Any] = {}
    client = credential.client
    possible = bool(credential.test_url or client)
    if credential.test_url:
        shown["confirm"] = _("A GET with this credential is sent to %(host)s.") % {"host": credential.test_host}
    elif client:
        shown["confirm"] = _("A token is requested from %(host)s.") % {"host": client.host}
    else:
        shown["problem"] = _("This credential has no URL to test with: enter one on its page.")
    if possible and request.method == "POST":
        found = probe(credential, reader(request).pk)
        said = sentence(found)
        LogEntry.objects.log_actions(reader(request).pk, [credential], CHANGE, said, single_object=True)
        shown["said" if found.outcome in {"accepted", "token"} else "problem"] = said
    page = reverse("admin:actions_credential_change", args=[credential_id])
    title = _("Test the credential “%(name)s”") % {"name": credential.name}
    return show_page(request, "trial.html", title, Credential, back=page, possible=possible, **shown)


def sentence(found: Probe) -> str:
    """Return the result of a credential's test, for people."""
    if found.outcome == "no_token":
        return show_text(found.why)
    texts = {
        "accepted": _("%(host)s accepted the credential (%(code)d)."),
        "refused": _("%(host)s refused the credential (%(code)d)."),
        "other": _(
            "%(host)s answered %(code)d, which says nothing about the credential. Look at the URL to test with."
        ),
        "unreachable": _("%(host)s could not be reached, or did not answer in time."),
        "not_allowed": _("%(host)s may not be called: it is not among the allowed hosts, or its address is private."),
        "token": _("%(host)s gave a token."),
        "cannot_open": _("The stored secret cannot be opened with the keys in ENCRYPTION_KEYS: enter it again."),
    }
    return texts[found.outcome] % {"host": found.host, "code": found.code}


def _project(definition: ActionDefinition) -> Project:
    return definition.sendout.project if definition.sendout else cast(Project, definition.project)
