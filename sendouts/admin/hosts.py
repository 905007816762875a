"""Hosts that the gateway may call, added by staff without a restart."""

from django.contrib import admin
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin

from sendouts.models import AllowedHost


@admin.register(AllowedHost)
class AllowedHostAdmin(SimpleHistoryAdmin, ModelAdmin):
    """Who allowed what is in the history."""

    list_display = ("entry", "use", "note")
    list_filter = ("use",)
    search_fields = ("entry", "note")
    list_filter_submit = False
    warn_unsaved_form = True
