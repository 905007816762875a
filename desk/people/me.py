"""“My settings”: a person's own choices, for now their keyboard."""

from django import forms
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldBooleanWidget

from desk.bases import reader, show_page
from desk.models import Preference


class ShortcutsForm(forms.Form):
    """Whether keyboard shortcuts are active."""

    shortcuts = forms.BooleanField(
        required=False,
        label=gettext_lazy("Use single keys"),
        help_text=gettext_lazy("Such as “a” for “Accept”; “?” shows all of them. No single key decides."),
        widget=UnfoldBooleanWidget,
    )


def uses_shortcuts(user: User | AnonymousUser) -> bool:
    """Return whether a person has keyboard shortcuts switched on, which is the default."""
    return not (user.is_authenticated and Preference.objects.filter(user=user, shortcuts=False).exists())


def me(request: HttpRequest) -> HttpResponse:
    """Show the page; POST saves."""
    user = reader(request)
    if request.method == "POST":
        # A checkbox without a tick is no field of the body, so every body is valid.
        form = ShortcutsForm(request.POST)
        form.full_clean()
        Preference.objects.update_or_create(user=user, defaults={"shortcuts": form.cleaned_data["shortcuts"]})
        messages.success(request, _("Your settings are saved."))
        return HttpResponseRedirect(reverse("me"))
    form = ShortcutsForm(initial={"shortcuts": uses_shortcuts(user)})
    return show_page(request, "me.html", _("My settings"), form=form)
