"""The forms on which an administrator adds a person: identity, permissions, and projects."""

from typing import Any, ClassVar

from django import forms
from django.contrib.auth.models import User
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from unfold.forms import UserChangeForm, UserCreationForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldBooleanSwitchWidget,
)

from actions.access import Reach
from actions.models import Project
from desk.people import roles


class PlacedForm(forms.ModelForm):
    """Role and projects, on either form. `giver` fills it in and cannot grant more than they have."""

    giver: ClassVar[User]

    role = forms.ChoiceField(label=_("Role"), required=False, widget=UnfoldAdminRadioSelectWidget)
    only_some = forms.BooleanField(
        label=_("Sees only some projects"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("Batches, contacts, figures and settings of all other projects do not exist for this person."),
    )
    projects = forms.ModelMultipleChoiceField(
        label=_("Projects"),
        queryset=Project.objects.none(),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("Counts only where the person sees some projects."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        person: User = self.instance
        groups = roles.givable_groups(self.giver)
        fields["role"].choices = roles.choices(groups, none=bool(person.pk))
        fields["role"].required = not person.pk
        reach = getattr(person, "reach", None) if person.pk else None
        seen = [] if reach is None else list(reach.projects.values_list("pk", flat=True))
        fields["projects"].queryset = Project.objects.filter(Q(archived=False) | Q(pk__in=seen))
        role = roles.role_of(person) if person.pk else None
        self.initial.update({"role": role, "only_some": reach is not None, "projects": seen})
        if "groups" in fields:
            fields["groups"].queryset = groups.exclude(name__in=roles.ROLES)
            self.initial["groups"] = [each for each in self.initial.get("groups", ()) if each.name not in roles.ROLES]
        if "user_permissions" in fields:
            mine = fields["user_permissions"].queryset.exclude(pk__in=roles.lacking(self.giver).values("pk"))
            fields["user_permissions"].queryset = roles.offered(mine)
            fields["user_permissions"].label_from_instance = roles.title_of

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("only_some") and not cleaned.get("projects"):
            self.add_error("projects", _("Choose at least one project, or let this person see all."))
        more = cleaned.get("groups") or cleaned.get("user_permissions") or self.instance.is_superuser
        if cleaned.get("role"):
            # A role implies staff status, so that no second switch is needed.
            cleaned["is_staff"] = self.instance.is_staff = True
        elif self.initial["role"] and not more and "is_staff" in self.fields:
            cleaned["is_staff"] = False
        return cleaned

    def place(self, person: User) -> None:
        """Assign the role and the projects; call it after the person and all other groups are stored."""
        roles.give(person, self.cleaned_data["role"])
        if not self.cleaned_data["only_some"]:
            Reach.objects.filter(user=person).delete()
            return
        reach, _made = Reach.objects.get_or_create(user=person)
        reach.projects.set(self.cleaned_data["projects"])


class NewPersonForm(PlacedForm, UserCreationForm):
    """The form of a new person."""

    class Meta:
        model = User
        fields = ("username", "first_name", "last_name", "email")


class PersonForm(PlacedForm, UserChangeForm):
    """The form of an existing person."""
