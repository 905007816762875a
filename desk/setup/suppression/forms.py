"""Forms of suppression lists."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from actions.models import ActionDefinition
from actions.suppression import entries
from actions.suppression.entries import NewEntry
from actions.suppression.models import COLUMN_LENGTH, REASON_LENGTH, SuppressionList
from actions.suppression.values import Unlike, find_fault
from desk.setup.suppression import states

# Lines added by hand at once; longer lists are uploaded as a file.
BY_HAND = 1_000
# Faults named at once.
_NAMED = 5


class ListForm(forms.ModelForm):
    """A list. A list that an action names cannot be archived, because the action would fail."""

    class Meta:
        model = SuppressionList
        fields = ("name", "project", "holds", "hashed", "calling_code", "note", "archived")

    def clean_archived(self) -> bool:
        archived: bool = self.cleaned_data["archived"]
        naming = ActionDefinition.objects.filter(archived=False, config__list=self.instance.name)
        if archived and (first := naming.first()):
            raise forms.ValidationError(
                _("The action “%(action)s” uses this list. Change or archive the action first."),
                params={"action": first.identifier},
            )
        return archived


class _SaidForm(forms.Form):
    """Fields of entries that are added together: a reason, and the last day on which they count."""

    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=REASON_LENGTH,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Shown beside every batch with contacts that it rejects: name nobody in it."),
    )
    last_day = forms.DateField(
        label=_("Last day"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
        help_text=_("The last day on which the entries count. Empty: for ever."),
    )

    def clean_last_day(self) -> datetime | None:
        day = self.cleaned_data["last_day"]
        try:
            return entries.day_after(day) if day else None
        except ValueError:
            raise forms.ValidationError(_("Give a day between 1970 and 9000.")) from None

    @property
    def said(self) -> NewEntry:
        return NewEntry(self.cleaned_data["reason"], self.cleaned_data["last_day"])


class _ColumnForm(_SaidForm):
    """Fields of a file."""

    column = forms.CharField(
        label=_("Column with the entries"),
        required=False,
        max_length=COLUMN_LENGTH,
        widget=UnfoldAdminTextInputWidget,
        help_text=_(
            "Its heading in the file, or its number if the file has no headings. Empty: the column is known by its "
            "heading, such as contact_id, email or phone."
        ),
    )


class FileForm(_ColumnForm):
    """A whole file at once, as browsers without scripts send it."""

    file = forms.FileField(
        label=_("CSV file"),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv,text/plain"}),
        help_text=_(
            "One entry a line. The first line may name the columns: the value, “reason”, “expires” (such as "
            "2027-01-31)."
        ),
    )
    field_order = ("file", "column", "reason", "last_day")


class AnnouncedForm(_ColumnForm):
    """A file that will come in pieces."""

    file_name = forms.CharField(max_length=1_000)
    size = forms.IntegerField(min_value=1, max_value=10**12, error_messages={"min_value": _("The file is empty.")})


class AddForm(_SaidForm):
    """Entries typed by hand; either all of them are added or none."""

    values = forms.CharField(
        label=_("Entries"),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 8, "autocomplete": "off"}),
        help_text=_("One a line."),
    )
    field_order = ("values", "reason", "last_day")

    def __init__(self, of: SuppressionList, data: Any = None) -> None:
        super().__init__(data)
        self._of = of

    def clean_values(self) -> list[str]:
        typed = [
            (number, line) for number, line in enumerate(self.cleaned_data["values"].splitlines(), 1) if line.strip()
        ]
        if len(typed) > BY_HAND:
            raise forms.ValidationError(_("These are too many lines. Send them as a file."))
        keys, wrong = [], []
        for number, line in typed:
            try:
                if fault := find_fault(line, self._of.holds):
                    wrong.append((number, fault))
                    continue
                keys.append(self._of.writing.key(line))
            except Unlike:
                wrong.append((number, self._of.holds))
        if wrong:
            raise forms.ValidationError(states.lines(wrong[:_NAMED]))
        return keys


class FindForm(forms.Form):
    """One value for an exact search."""

    value = forms.CharField(
        label=_("Entry"), max_length=1_000, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})
    )

    def __init__(self, of: SuppressionList, data: Any = None) -> None:
        super().__init__(data)
        self._of = of
        self.key = ""

    def clean_value(self) -> str:
        value: str = self.cleaned_data["value"]
        try:
            self.key = self._of.writing.key(value)
        except Unlike:
            problem = states.problem(self._of.holds)
            raise forms.ValidationError(f"{problem[:1].upper()}{problem[1:]}.") from None
        return value
