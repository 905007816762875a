"""The page of the verb that makes a sent file that of the batch."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from desk.verbs.base import VerbWords
from desk.verbs.forms import NoteForm
from desk.verbs.settle import RunAgainPage
from sendouts.models import Spool
from sendouts.spool.offers import OfferState
from sendouts.verbs import UseFile, base
from sendouts.verbs.use_file import can_be_saved, lost_of
from sendouts.wording.batch_sentences import number


def ready_offer(row: Spool | None) -> dict[str, Any]:
    """Return the numbers of a file that is compared, or nothing."""
    return row.offered if row is not None and row.offered.get("state") == OfferState.READY else {}


class OfferForm(NoteForm):
    """A note, the state of the batch, and the file that the person saw."""

    key = forms.CharField(max_length=12, required=False, widget=forms.HiddenInput)


class UseFilePage(RunAgainPage):
    """Go on with the file that somebody has sent, and screen from the start."""

    verb = UseFile
    name, tone = "use-file", "primary"
    quiet = False
    words = VerbWords(
        button=gettext_lazy("Use this file…"),
        question=gettext_lazy("Go on with this file for “%(name)s”?"),
        confirm=gettext_lazy("Use this file"),
        done=gettext_lazy("The file is used. The checks run with it from the start."),
    )

    @cached_property
    def offered(self) -> dict[str, Any]:
        """Return the numbers of the file, or nothing if none is ready."""
        return ready_offer(Spool.objects.filter(pk=self.batch.pk).first())

    @property
    def lost(self) -> int:
        return lost_of(self.offered)

    @property
    def is_permitted(self) -> bool:
        return super().is_permitted and (not self.lost or self.user.has_perm(base.TAKE_ON))

    @property
    def is_possible(self) -> bool:
        return super().is_possible and can_be_saved(self.batch) and bool(self.offered)

    @property
    def confirm(self) -> str:
        if self.lost:
            return _("Go on without %(n)s") % {"n": number(self.lost)}
        return _("Use this file: check %(n)s") % {"n": number(self.offered.get("rows", 0))}

    def form(self, data: Mapping[str, Any] | None = None) -> NoteForm:
        initial = {**self.seen, "key": self.offered.get("key", "")}
        return OfferForm(data, initial=initial, needs_note=bool(self.lost))

    def made(self, given: Mapping[str, Any]) -> UseFile:
        return UseFile(key=given.get("key", ""))
