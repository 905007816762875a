"""The screen of promo code pools: codes left, how long they last, and adding more."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.formats import localize
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from actions.codes import runway
from actions.codes.codefile import BadCode, CodeFault, read
from actions.codes.intake import MOST, TakenIn, take_in_all
from actions.codes.models import CodePool, PromoCode
from actions.columns import UnclearColumn, in_own_quotes
from actions.spreadsheet import MANGLED
from desk.bases import LimitedAdmin, SeenProjects, show_page
from desk.setup.history import HistoryAdmin

FILE_BYTES = 20_000_000
EXAMPLES = 5


class AddCodes(forms.Form):
    """Codes from a file, from the clipboard, or both; all are read before the first one is stored."""

    file = forms.FileField(
        label=_("File"),
        required=False,
        widget=UnfoldAdminFileFieldWidget,
        help_text=_("Text or CSV in UTF-8: one code a line. At most 20 MB and 200,000 codes."),
    )
    column = forms.CharField(
        label=_("Column with the codes"),
        required=False,
        max_length=100,
        widget=UnfoldAdminTextInputWidget,
        help_text=_(
            "Its heading in the file, or its number if the file has no headings. Empty: the only column, or the one "
            "with a known heading, such as Code, Promo code or Voucher."
        ),
    )
    pasted = forms.CharField(
        label=_("Codes"), required=False, widget=UnfoldAdminTextareaWidget, help_text=_("One code a line.")
    )

    def clean_file(self) -> UploadedFile | None:
        file: UploadedFile | None = self.cleaned_data["file"]
        if file is not None and (file.size or 0) > FILE_BYTES:
            raise forms.ValidationError(_("The file is larger than 20 MB."))
        return file

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        file, pasted = cleaned["file"], cleaned["pasted"].splitlines()
        cleaned["file"] = self._read("file", file or (), cleaned["column"])
        cleaned["pasted"] = self._read("pasted", (line.encode() for line in pasted), "" if file else cleaned["column"])
        if not self.errors and not (cleaned["file"] or cleaned["pasted"]):
            raise forms.ValidationError(_("Choose a file, or enter codes."))
        return cleaned

    def _read(self, field: str, lines: Any, column: str) -> list[str]:
        """Return the codes of a field; a fault is told at the field."""
        found: list[str] = []
        try:
            for code in read(lines, column):
                found.append(code)
                if len(found) > MOST:
                    self.add_error(field, _("These are more than 200,000 codes."))
                    break
        except BadCode as error:
            self.add_error(field, _sentence(error))
        except UnclearColumn as unclear:
            text = _(
                "It is not certain which column holds the codes: %(columns)s. Name it by its heading, or by its number "
                "if there are no headings. Nothing was taken in."
            )
            self.add_error(field, text % {"columns": in_own_quotes(unclear.columns)})
        return found


def _sentence(error: BadCode) -> str:
    line = {"line": localize(error.line)}
    if error.why in MANGLED:
        problem = gettext(MANGLED[error.why].template)
        return gettext("Line %(line)s: %(problem)s. Nothing was taken in.") % {**line, "problem": problem}
    sentences: dict[str, str] = {
        CodeFault.MARKUP: gettext("Line %(line)s is HTML or JSON, and not a code. Nothing was taken in."),
        CodeFault.COMMENT: gettext("Line %(line)s is a comment, and not a code. Nothing was taken in."),
        CodeFault.COLUMNS: gettext("Line %(line)s has more columns than the first one. Nothing was taken in."),
        CodeFault.QUOTES: gettext("In line %(line)s a quotation mark is missing. Nothing was taken in."),
    }
    return sentences.get(error.why, gettext("Line %(line)s is not a code. Nothing was taken in.")) % line


@admin.register(CodePool)
class CodePoolAdmin(LimitedAdmin, HistoryAdmin):
    """Pools are archived instead of deleted, because sent messages refer to them."""

    shared = True
    list_display = ("name", "project", "source", "shown_free", "state")
    list_filter = ("archived", "source", ("project", SeenProjects))
    list_select_related = ("project",)
    list_filter_submit = True
    search_fields = ("name",)
    autocomplete_fields = ("project",)
    actions_detail = ("add_codes",)
    warn_unsaved_form = True
    readonly_fields = ("stock", "reach", "next_codes", "next_codes_masked")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        service = {
            "fields": ("url", "credential", "ask_for"),
            "description": _("Only for a pool whose codes are asked of a service."),
        }
        pool = (None, {"fields": ("name", "project", "source", "exact", "low", "archived")})
        shown = "next_codes" if self.has_change_permission(request, obj) else "next_codes_masked"
        codes = [(_("Codes"), {"fields": ("stock", "reach", shown)})] if obj else []
        return (*codes, pool, (_("Service"), service))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @display(description=_("free"))
    def shown_free(self, obj: CodePool) -> str:
        return str(localize(runway.free_codes(obj)))

    @display(description=_("state"), label={"fine": "success", "low": "warning", "empty": "danger", "archived": "info"})
    def state(self, obj: CodePool) -> tuple[str, Any]:
        if obj.archived:
            return "archived", _("archived")
        free = runway.free_codes(obj)
        if not free:
            return "empty", _("empty")
        return ("low", _("low")) if runway.is_low(obj, free) else ("fine", _("fine"))

    @display(description=_("codes"))
    def stock(self, obj: CodePool) -> str:
        found = runway.stock(obj)
        numbers = {"free": localize(found.free), "reserved": localize(found.reserved), "used": localize(found.used)}
        return gettext("%(free)s free, %(reserved)s reserved, %(used)s used") % numbers

    @display(description=_("reach"))
    def reach(self, obj: CodePool) -> str:
        found = runway.usual(obj)
        if not found.size:
            return gettext("No sendout has used codes of this pool yet.")
        text = ngettext(
            "Enough for %(n)s more sendout of the usual size (%(size)s).",
            "Enough for %(n)s more sendouts of the usual size (%(size)s).",
            found.sendouts,
        )
        return text % {"n": localize(found.sendouts), "size": localize(found.size)}

    @display(description=_("next codes"), empty_value="–")
    def next_codes(self, obj: CodePool) -> str | None:
        return ", ".join(_next(obj)) or None

    @display(description=_("next codes"), empty_value="–")
    def next_codes_masked(self, obj: CodePool) -> str | None:
        return ", ".join(map(masked, _next(obj))) or None

    @action(description=_("Add codes"), url_path="add-codes", permissions=["change"])
    def add_codes(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the form, or store its codes before answering."""
        pool = get_object_or_404(self.get_queryset(request), pk=object_id)
        if not self.has_change_permission(request, pool):
            raise PermissionDenied
        form = AddCodes(request.POST or None, request.FILES or None)
        back = reverse("admin:actions_codepool_change", args=[pool.pk])
        if request.method == "POST" and form.is_valid():
            codes = dict.fromkeys([*form.cleaned_data["file"], *form.cleaned_data["pasted"]])
            messages.success(request, _result(take_in_all(pool, codes)))
            return HttpResponseRedirect(back)
        title = gettext("Add codes to %(pool)s") % {"pool": pool.name}
        return show_page(request, "setup/add_codes.html", title, CodePool, form=form, back=back)


def _result(found: TakenIn) -> str:
    parts = [ngettext("%(n)s new code was taken in.", "%(n)s new codes were taken in.", found.new)]
    numbers = [found.new]
    if found.there:
        parts.append(ngettext("%(n)s was there already.", "%(n)s were there already.", found.there))
        numbers.append(found.there)
    if found.left_out:
        parts.append(
            ngettext(
                "%(n)s code was left out because a shop may take it for one that is there.",
                "%(n)s codes were left out because a shop may take them for one that is there.",
                found.left_out,
            )
        )
        numbers.append(found.left_out)
    return " ".join(part % {"n": localize(number)} for part, number in zip(parts, numbers, strict=True))


def _next(pool: CodePool) -> list[str]:
    free = PromoCode.objects.filter(pool=pool, reserved_for__isnull=True).order_by("pk")
    return list(free.values_list("text", flat=True)[:EXAMPLES])


def masked(code: str) -> str:
    """Return a code masked for people who need not know it: at most its first two characters."""
    return code[: min(2, len(code) // 3)] + "••••"
