"""Alarms for operators, open ones first, each with the action to take and the people told."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from desk.bases import LimitedAdmin, ReadOnlyAdmin
from notices.alarms import reach
from notices.alarms import sentences as alarms
from notices.models import Alarm, Notice
from sendouts.wording import batch_sentences

LOOK = "sendouts.view_alarm"
_TONES = {Notice.State.SENT: "success", Notice.State.WAITING: "info", Notice.State.SENDING: "info"}


def open_count(request: HttpRequest) -> int:
    """Count the open alarms that the reader may look at."""
    return reach.alarms(request.user).filter(closed_at=None).count() if request.user.has_perm(LOOK) else 0


@admin.register(Alarm)
class AlarmAdmin(ReadOnlyAdmin, LimitedAdmin):
    """Only the watch opens and closes alarms."""

    list_display = ("shown_sentence", "shown_state", "shown_since", "shown_until", "shown_notices")
    list_filter = (("code", ChoicesDropdownFilter),)
    fields = readonly_fields = (
        "shown_state",
        "shown_sentence",
        "shown_advice",
        "shown_since",
        "shown_until",
        "shown_notices",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alarm]:
        return reach.alarms(request.user).order_by(*self.model._meta.ordering).prefetch_related("notices")

    @display(description=gettext_lazy("State"))
    def shown_state(self, obj: Alarm) -> SafeString:
        tone, text = ("default", _("over")) if obj.closed_at else ("danger", _("open"))
        return format_html('<span class="gate-label gate-{}">{}</span>', tone, text)

    @display(description=gettext_lazy("Alarm"))
    def shown_sentence(self, obj: Alarm) -> str:
        return alarms.sentence(obj)

    @display(description=gettext_lazy("What to do"))
    def shown_advice(self, obj: Alarm) -> SafeString:
        page = alarms.page_of(obj)
        link = format_html('<a class="gate-link" href="{}">{}</a>', page, _("Open")) if page else ""
        return format_html("{} {}", alarms.advice(obj.code), link)

    @display(description=gettext_lazy("since"))
    def shown_since(self, obj: Alarm) -> str:
        return batch_sentences.column_time(obj.opened_at, timezone.now())

    @display(description=gettext_lazy("until"), empty_value="")
    def shown_until(self, obj: Alarm) -> str | None:
        return batch_sentences.column_time(obj.closed_at, timezone.now()) if obj.closed_at else None

    @display(description=gettext_lazy("Told"), empty_value="–")
    def shown_notices(self, obj: Alarm) -> SafeString | None:
        rows = sorted(obj.notices.all(), key=lambda notice: notice.pk)
        line = '<span class="gate-label gate-{}">{} · {} · {}</span> '
        parts = (
            (
                _TONES.get(Notice.State(each.state), "warning"),
                each.get_channel_display(),
                each.get_occasion_display(),
                each.get_state_display(),
            )
            for each in rows
        )
        return format_html_join("", line, parts) if rows else None
