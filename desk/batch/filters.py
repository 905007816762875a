"""The parts of the list of batches, and the count of those that wait for a person."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from actions import access
from desk.home.figures.in_review import WAITING
from sendouts.models import Attention, Batch, Event, EventWord, Status
from sendouts.models.batch import OPEN

# The part that a restored backup adds to the list.
FROM_BACKUP = "backup"
# Show 99+ for a larger count: the exact number changes no decision.
COUNTED = 99


def parts() -> dict[str, tuple[str, Q]]:
    """Return the parts of the list: waiting, in work, over, all."""
    return {
        "waiting": (_("Waiting for a person"), WAITING),
        "work": (_("In work"), Q(status__in=OPEN) & ~WAITING),
        "over": (_("Over"), ~Q(status__in=OPEN)),
        "all": (_("All"), Q()),
    }


def from_backup() -> Q:
    """Return the condition for open batches that a restored backup holds open."""
    code = Attention.RESTORED.value
    fenced = Event.objects.filter(batch=OuterRef("pk"), word=EventWord.ATTENTION, data__code=code)
    return Q(status__in=OPEN) & Q(Exists(fenced))


class PartFilter(SimpleListFilter):
    """One part of the list, or one status; by default the batches that wait for a person."""

    title = gettext_lazy("Status")
    parameter_name = "show"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        found = [(name, text) for name, (text, _where) in parts().items()]
        if Batch.objects.filter(from_backup(), access.within(request.user)).exists():
            found.append((FROM_BACKUP, _("From a backup")))
        return found + [(str(value), str(text)) for value, text in Status.choices]

    def value(self) -> str:
        chosen = super().value()
        return chosen if chosen in {name for name, _text in self.lookup_choices} else "waiting"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Batch]) -> QuerySet[Batch]:
        chosen = self.value()
        if chosen in Status.values:
            return queryset.filter(status=chosen)
        if chosen == FROM_BACKUP:
            return queryset.filter(from_backup())
        return queryset.filter(parts()[chosen][1])

    def choices(self, changelist: Any) -> Iterator[Any]:
        for name, text in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: name})
            yield {"selected": self.value() == name, "query_string": query, "display": text}

    def has_output(self) -> bool:
        return True


def waiting_count(request: HttpRequest) -> str:
    """Return the number of waiting batches for the menu; empty if none waits or the reader may not look."""
    if not request.user.has_perm("sendouts.view_batch"):
        return ""
    waiting = Batch.objects.filter(WAITING, access.within(request.user)).order_by().values("pk")[: COUNTED + 1].count()
    return f"{COUNTED}+" if waiting > COUNTED else str(waiting or "")


def tabs(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the parts of the list as tabs above it."""
    url = reverse("admin:sendouts_batch_changelist")
    here = request.path == url
    chosen = request.GET.get("show") or "waiting"
    found = [(name, text) for name, (text, _where) in parts().items()]
    if here and Batch.objects.filter(from_backup(), access.within(request.user)).exists():
        found.append((FROM_BACKUP, _("From a backup")))
    return [{"title": text, "link": f"{url}?show={name}", "active": here and chosen == name} for name, text in found]
