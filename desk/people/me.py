"""“My settings”: a person's own choices. Each choice is a section with its own save button.

A further section is a subclass of Section, added to SECTIONS.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldBooleanWidget

from desk.bases import reader
from desk.models import Preference


class Section(ABC):
    """One choice on the page, with a form of its own. `name` identifies the form in a POST."""

    name: ClassVar[str]

    def __init__(self, user: User) -> None:
        self.user = user

    @property
    @abstractmethod
    def title(self) -> str:
        """Return the heading."""

    @abstractmethod
    def form(self, data: Mapping[str, Any] | None = None) -> forms.Form:
        """Return the form, with the stored values or with `data`."""

    @abstractmethod
    def save(self, given: Mapping[str, Any]) -> None:
        """Store the values of a valid form."""


class ShortcutsForm(forms.Form):
    shortcuts = forms.BooleanField(
        required=False,
        label=gettext_lazy("Use single keys"),
        help_text=gettext_lazy("Such as “a” for “Accept”; “?” shows all of them. No single key decides."),
        widget=UnfoldBooleanWidget,
    )


class Shortcuts(Section):
    """Whether keyboard shortcuts are active."""

    name = "shortcuts"

    @property
    def title(self) -> str:
        return _("Keyboard")

    def form(self, data: Mapping[str, Any] | None = None) -> forms.Form:
        return ShortcutsForm(data, initial={"shortcuts": uses_shortcuts(self.user)})

    def save(self, given: Mapping[str, Any]) -> None:
        Preference.objects.update_or_create(user=self.user, defaults={"shortcuts": given["shortcuts"]})


SECTIONS: tuple[type[Section], ...] = (Shortcuts,)


def uses_shortcuts(user: User | AnonymousUser) -> bool:
    """Return whether a person has keyboard shortcuts switched on, which is the default."""
    return not (user.is_authenticated and Preference.objects.filter(user=user, shortcuts=False).exists())


def me(request: HttpRequest) -> HttpResponse:
    """Show the page; a POST saves the one section that it names."""
    user = reader(request)
    sections = [section(user) for section in SECTIONS]
    forms_of = {section.name: section.form() for section in sections}
    if request.method == "POST":
        wanted = next((section for section in sections if section.name == request.POST.get("section")), None)
        if wanted is None:
            return HttpResponseBadRequest()
        form = forms_of[wanted.name] = wanted.form(request.POST)
        if form.is_valid():
            wanted.save(form.cleaned_data)
            messages.success(request, _("Your settings are saved."))
            return HttpResponseRedirect(reverse("me"))
    context = {
        **admin.site.each_context(request),
        "title": _("My settings"),
        "sections": [(section, forms_of[section.name]) for section in sections],
    }
    return TemplateResponse(request, "desk/me.html", context)
