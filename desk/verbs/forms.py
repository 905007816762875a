"""The forms of the verbs: the seen revision, a note, and the questions of acceptance."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from sendouts.wording.batch_sentences import number


class NoteForm(forms.Form):
    """A note, and the state of the batch that the person saw."""

    note = forms.CharField(
        label=_("Note"),
        max_length=2_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "autofocus": True, "data-note": ""}),
    )
    revision = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    # The number of recipients on the seen page, used only for the sentence about a change.
    seen = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, needs_note: bool = False, **more: Any) -> None:
        super().__init__(data, **more)
        note = self.fields["note"]
        note.required = needs_note
        note.error_messages["required"] = _("Say why in a note: it stays with the batch.")
        note.help_text = (
            _("Say why: it stays with the batch.") if needs_note else _("Optional; it stays with the batch.")
        )


class AcceptForm(NoteForm):
    """A note, a choice for undecided contacts, and a confirmation for unchecked rows, each if needed."""

    undecided = forms.ChoiceField(
        choices=[("reject", _("Reject them")), ("accept", _("Send to them too"))],
        initial="reject",
        widget=UnfoldAdminRadioSelectWidget,
    )
    take_on = forms.BooleanField(widget=UnfoldBooleanWidget)
    field_order = ("undecided", "take_on", "note", "revision", "seen")

    def __init__(self, data: Any = None, *, choices_for: int = 0, taken_on: int = 0, **more: Any) -> None:
        super().__init__(data, needs_note=bool(taken_on), **more)
        if choices_for:
            text = ngettext(
                "%(n)s contact could not be judged. What becomes of it?",
                "%(n)s contacts could not be judged. What becomes of them?",
                choices_for,
            )
            self.fields["undecided"].label = text % {"n": number(choices_for)}
        else:
            del self.fields["undecided"]
        if taken_on:
            text = ngettext(
                "I take on %(n)s unreadable row that nothing can reject: it gets the message unchecked.",
                "I take on %(n)s unreadable rows that nothing can reject: they get the message unchecked.",
                taken_on,
            )
            self.fields["take_on"].label = text % {"n": number(taken_on)}
            self.fields["take_on"].error_messages["required"] = _("Without this the batch cannot be accepted.")
        else:
            del self.fields["take_on"]
