"""The page on which people choose their mail messages, and the language switch, which mails follow too.

GET shows, POST stores: a link in a mail opens the page and changes nothing.
"""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.i18n import set_language
from unfold.widgets import UnfoldAdminSelectWidget

from desk.bases import reader, show_page
from notices.messages import choices as message_choices
from notices.models.message import CHOSEN


class ChoicesForm(forms.Form):
    """The occasions for all projects, those of each project that differs, and the language."""

    language = forms.ChoiceField(
        label=gettext_lazy("Language of mails"), required=False, widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, choices: message_choices.Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        usual = dict(settings.LANGUAGES)[settings.LANGUAGE_CODE]
        language: Any = self.fields["language"]
        language.choices = [("", _("As here by default (%(language)s)") % {"language": usual}), *settings.LANGUAGES]
        language.initial = choices.language
        self.rows = [self._row(each) for each in (choices.for_all, *choices.projects)]

    def _row(self, choice: message_choices.NoticeChoice) -> dict[str, Any]:
        """Return the checkboxes of one line for the template; `name` is the value that a checked box posts."""
        key = str(choice.project.pk) if choice.project else "all"
        if self.is_bound:
            chosen, own = self.data.getlist(f"told-{key}"), f"own-{key}" in self.data  # type: ignore[attr-defined]
        else:
            chosen, own = choice.occasions, choice.own
        title = choice.project.name if choice.project else ""
        boxes = [
            {"value": each.value, "label": each.label, "checked": each.value in chosen, "id": f"{key}-{each.value}"}
            for each in CHOSEN
        ]
        return {"key": key, "title": title, "own": own, "boxes": boxes}

    def chosen(self) -> dict[str, list[str]]:
        """Return the occasions by the key of their line: `all`, and projects with a choice of their own."""
        return {
            row["key"]: [box["value"] for box in row["boxes"] if box["checked"]]
            for row in self.rows
            if row["key"] == "all" or row["own"]
        }


def my_messages(request: HttpRequest) -> HttpResponse:
    """Show and store the message choices of the person who is logged in."""
    user = reader(request)
    choices = message_choices.choices(user)
    form = ChoicesForm(request.POST if request.method == "POST" else None, choices=choices)
    if form.is_valid():
        chosen = form.chosen()
        projects = {int(key): occasions for key, occasions in chosen.items() if key != "all"}
        message_choices.choose(user, chosen["all"], projects, form.cleaned_data["language"])
        messages.success(request, _("Stored. This holds from the next message on."))
        return HttpResponseRedirect(reverse("my_messages"))
    title = _("What I am told")
    return show_page(request, "me_told.html", title, form=form, address=user.email, problem=choices.problem)


def switch_language(request: HttpRequest) -> HttpResponseBase:
    """Switch the language with Django's view, and store it for mails."""
    answer = set_language(request)
    if request.method == "POST" and request.user.is_authenticated and request.POST.get("language"):
        message_choices.speak(reader(request), request.POST["language"])
    return answer
