"""The hooks as they came in, and what became of each. Their bodies hold addresses, and are never shown."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from sendouts import sentences
from sendouts.admin.read_only import ReadOnlyAdmin
from sendouts.models import Webhook

_TONES = {
    Webhook.Outcome.WAITING: "info",
    Webhook.Outcome.PLANNED: "success",
    Webhook.Outcome.DUPLICATE: "default",
    Webhook.Outcome.UNREADABLE: "danger",
    Webhook.Outcome.OTHER: "default",
}


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    """Shown with their outcome, and the batch that came of them."""

    list_display = ("shown_received", "source", "shown_outcome", "shown_detail", "shown_batch")
    list_filter = (("outcome", ChoicesDropdownFilter), ("source", ChoicesDropdownFilter))
    list_select_related = ("batch__sendout", "batch__project")
    search_fields = ("=uuid",)
    search_help_text = _("The number with which the hook was acknowledged")
    fields = readonly_fields = (
        "uuid", "shown_received", "source", "content_type", "shown_outcome", "shown_detail", "shown_batch"
    )  # fmt: skip
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Webhook]:
        return super().get_queryset(request).defer("body")

    @display(description=_("received"), ordering="received_at")
    def shown_received(self, obj: Webhook) -> str:
        return sentences.column_time(obj.received_at, timezone.now(), seconds=True)

    @display(description=_("outcome"), ordering="outcome")
    def shown_outcome(self, obj: Webhook) -> SafeString:
        tone = _TONES[Webhook.Outcome(obj.outcome)]
        return format_html('<span class="gate-label gate-{}">{}</span>', tone, obj.get_outcome_display())

    @display(description=_("detail"), empty_value="")
    def shown_detail(self, obj: Webhook) -> str:
        return sentences.stored(obj.detail)

    @display(description=_("batch"), empty_value="–")
    def shown_batch(self, obj: Webhook) -> SafeString | None:
        if obj.batch is None:
            return None
        url = reverse("admin:sendouts_batch_change", args=[obj.batch_id])
        return format_html('<a class="gate-link" href="{}">{}</a>', url, sentences.title(obj.batch))
