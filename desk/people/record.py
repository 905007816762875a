"""The record of accounts on the screen: of one person or group, and of all, those deleted since included."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.decorators import display

from actions.access import sees_all
from actions.accounts.record import AccountRecord, AccountSubject, AccountWord
from actions.config.describe import NOTHING, in_words
from actions.config.versions import Version, VersionChange
from actions.models import Project
from desk.bases import ReadOnlyAdmin, show_page
from desk.people import roles

ON_ONE_PAGE = 50
_MODELS: dict[str, type[User] | type[Group]] = {AccountSubject.PERSON: User, AccountSubject.GROUP: Group}
_LINKS = {AccountWord.JOINED, AccountWord.LEFT, AccountWord.SHOWN, AccountWord.HIDDEN}


class RecordedAdmin(ModelAdmin):
    """People and groups show their entries of the record instead of the framework's log, also once they are deleted."""

    subject: AccountSubject

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        obj = self.get_object(request, object_id)
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        number = int(object_id) if object_id.isdecimal() and len(object_id) < 19 else 0
        rows = AccountRecord.objects.filter(subject=self.subject, subject_id=number)
        last = rows.first()
        if obj is None:
            if last is None:
                raise Http404
            obj = self.model(pk=number)
            setattr(obj, "username" if isinstance(obj, User) else "name", last.name)
        pages = Paginator(rows, ON_ONE_PAGE)
        page: Any = pages.get_page(request.GET.get("p"))
        told = versions(page.object_list)
        page.object_list = [{"history_date": row.at, "told": told[row.pk]} for row in page.object_list]
        return show_page(
            request,
            "setup/history.html",
            _("History of %(name)s") % {"name": obj},
            self.model,
            object=obj,
            page_obj=page,
            page_var="p",
            pagination_required=pages.num_pages > 1,
            nobody=_("on the server"),
            **(extra_context or {}),
        )


@admin.register(AccountRecord)
class AccountRecordAdmin(ReadOnlyAdmin):
    """The entries of everybody, newest first, for those who may see accounts."""

    list_display = ("shown_name", "at", "shown_what", "shown_who")
    list_filter = ("subject", "word")
    search_fields = ("name", "who")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_look(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_look(request)

    def get_urls(self) -> list[URLPattern]:
        # The list says everything.
        return [each for each in super().get_urls() if str(each.name).endswith("_changelist")]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        found = super().get_changelist_instance(request)
        found.url_for_result = _page_of
        told = versions(found.result_list)
        for row in found.result_list:
            row.told = told[row.pk]
        return found

    @display(description=gettext_lazy("Account"))
    def shown_name(self, obj: AccountRecord) -> str:
        return _shown_name(obj)

    @display(description=gettext_lazy("What happened"))
    def shown_what(self, obj: Any) -> str:
        parts = [_pair(each.label, f"{each.old} → {each.new}") for each in obj.told.changes]
        return " · ".join([obj.told.what, *parts])

    @display(description=gettext_lazy("Who"))
    def shown_who(self, obj: AccountRecord) -> str:
        return obj.who or _("on the server")


def _page_of(row: AccountRecord) -> str:
    """Return the address of the history of the person or group; it answers also once these are deleted."""
    return reverse(f"admin:auth_{_MODELS[row.subject]._meta.model_name}_history", args=[row.subject_id])


def may_look(request: HttpRequest) -> bool:
    """Return whether the reader may see accounts, and so their record."""
    allowed = request.user.has_perm("auth.view_user") or request.user.has_perm("auth.change_user")
    return allowed and sees_all(request.user)


def versions(rows: Iterable[AccountRecord]) -> dict[int, Version]:
    """Return each entry in words, by its id."""
    rows = list(rows)
    for row in rows:
        if ids := row.data.get("ids"):
            row.data["names"] = _names_of(AccountWord(row.word), ids)
    title = _titles({name for row in rows for name in row.data.get("names", ()) if row.word not in _LINKS})
    return {row.pk: Version(_what(row, title), row.who, _changes(row)) for row in rows}


def _names_of(word: AccountWord, ids: Sequence[int]) -> list[str]:
    """Return the present names of the permissions or projects with these ids, as the record stores names."""
    if word in _LINKS:
        known = dict(Project.objects.filter(pk__in=ids).values_list("pk", "name"))
    else:
        found = Permission.objects.filter(pk__in=ids).select_related("content_type")
        known = {each.pk: f"{each.content_type.app_label}.{each.codename}" for each in found}
    return [known.get(pk, f"#{pk}") for pk in ids]


def _what(row: AccountRecord, title: Callable[[str], str]) -> str:
    """Return the event in words, and whether somebody passed by the application."""
    said = _event(row, title)
    if row.data.get("outside"):
        return _("%(event)s (outside the desk)") % {"event": said}
    if row.data.get("before"):
        return _("%(event)s (before the record began)") % {"event": said}
    return said


def _event(row: AccountRecord, title: Callable[[str], str]) -> str:
    names: Sequence[str] = row.data.get("names", ())
    if row.word in (AccountWord.JOINED, AccountWord.LEFT):
        return "; ".join(_membership(AccountWord(row.word), name) for name in names)
    if row.word == AccountWord.DELETED and row.subject == AccountSubject.PERSON:
        names = [_role(name) for name in names]
    shown = ", ".join(map(title, names))
    label = capfirst(str(row.get_word_display()))
    return _pair(label, shown) if shown else label


def _pair(label: str, text: str) -> str:
    return _("%(label)s: %(text)s") % {"label": label, "text": text}


def _membership(word: AccountWord, name: str) -> str:
    if name in roles.ROLES:
        said = _("Role %(role)s added") if word == AccountWord.JOINED else _("Role %(role)s removed")
        return said % {"role": _role(name)}
    said = _("Group “%(name)s” added") if word == AccountWord.JOINED else _("Group “%(name)s” removed")
    return said % {"name": name}


def _role(name: str) -> str:
    return str(roles.ROLES[name][0]) if name in roles.ROLES else name


def _shown_name(row: AccountRecord) -> str:
    return _role(row.name) if row.subject == AccountSubject.GROUP else row.name


def _changes(row: AccountRecord) -> tuple[VersionChange, ...]:
    model = _MODELS[row.subject]
    names = {field.name: str(field.verbose_name) for field in model._meta.concrete_fields}
    found = []
    for name, (old, new) in row.data.get("fields", {}).items():
        old, new = (in_words(value) if value not in (None, "") else NOTHING for value in (old, new))
        found.append(VersionChange(capfirst(names.get(name, name)), old, new))
    return tuple(found)


def _titles(codes: set[str]) -> Callable[[str], str]:
    """Return a function from a permission's stored code to its title; a code that is none stays."""
    parts = [code.split(".", 1) for code in codes if "." in code]
    wanted = Q(pk__in=[])
    for app, codename in parts:
        wanted |= Q(content_type__app_label=app, codename=codename)
    found = Permission.objects.filter(wanted).select_related("content_type") if parts else ()
    known = {f"{each.content_type.app_label}.{each.codename}": roles.title_of(each) for each in found}
    return lambda code: known.get(code, code)
