"""Hosts that the gateway may call, added by staff without a restart."""

from django.contrib import admin

from desk.bases import SharedAdmin
from desk.setup.history import HistoryAdmin
from sendouts.models import AllowedHost


@admin.register(AllowedHost)
class AllowedHostAdmin(SharedAdmin, HistoryAdmin):
    """The history records who allowed which host."""

    list_display = ("entry", "use", "note")
    list_filter = ("use",)
    search_fields = ("entry", "note")
    list_filter_submit = False
    warn_unsaved_form = True
