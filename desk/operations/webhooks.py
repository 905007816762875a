"""The received hooks and their outcomes. Their bodies hold URLs, and are never shown."""

from functools import partial

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from desk.bases import LimitedAdmin, ReadOnlyAdmin, reader, show_page
from sendouts.models import Webhook
from sendouts.verbs import base, run_again
from sendouts.verbs.base import NotDone
from sendouts.wording import batch_sentences
from sendouts.wording.sentences import HookDetail, show_text
from work.nudges import nudge

_TONES = {
    Webhook.Outcome.WAITING: "info",
    Webhook.Outcome.PLANNED: "success",
    Webhook.Outcome.DUPLICATE: "default",
    Webhook.Outcome.UNREADABLE: "danger",
    Webhook.Outcome.OTHER: "default",
    Webhook.Outcome.FAILED: "danger",
}


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin, LimitedAdmin):
    """Hooks with their outcome and batch. A hook without a batch has no known project."""

    project_paths = ("batch__project",)

    list_display = ("shown_received", "source", "shown_outcome", "shown_detail", "shown_batch")
    list_filter = (("outcome", ChoicesDropdownFilter), ("source", ChoicesDropdownFilter))
    list_select_related = ("batch__sendout", "batch__project")
    search_fields = ("=uuid",)
    search_help_text = _("The number with which the hook was acknowledged")
    fields = readonly_fields = (
        "shown_number",
        "shown_received",
        "source",
        "shown_content_type",
        "shown_outcome",
        "shown_detail",
        "shown_batch",
        "shown_again",
    )
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Webhook]:
        return super().get_queryset(request).defer("body")

    @display(description=_("number"))
    def shown_number(self, obj: Webhook) -> str:
        return str(obj.uuid)

    @display(description=_("content type"), empty_value="–")
    def shown_content_type(self, obj: Webhook) -> str | None:
        return obj.content_type or None

    @display(description=_("received"), ordering="received_at")
    def shown_received(self, obj: Webhook) -> str:
        return batch_sentences.column_time(obj.received_at, timezone.now(), seconds=True)

    @display(description=_("outcome"), ordering="outcome")
    def shown_outcome(self, obj: Webhook) -> SafeString:
        tone = _TONES[Webhook.Outcome(obj.outcome)]
        return format_html('<span class="gate-label gate-{}">{}</span>', tone, obj.get_outcome_display())

    @display(description=_("detail"), empty_value="")
    def shown_detail(self, obj: Webhook) -> str:
        return show_text(obj.detail)

    @display(description=_("batch"), empty_value="–")
    def shown_batch(self, obj: Webhook) -> SafeString | None:
        if obj.batch is None:
            return None
        url = reverse("admin:sendouts_batch_change", args=[obj.batch_id])
        return format_html('<a class="gate-link" href="{}">{}</a>', url, batch_sentences.title(obj.batch))

    @display(description=_("plan again"), empty_value="–")
    def shown_again(self, obj: Webhook) -> SafeString | None:
        if obj.outcome not in Webhook.UNPLANNED:
            return None
        url = reverse("admin:sendouts_webhook_again", args=[obj.pk])
        return format_html('<a class="gate-link" href="{}">{}</a>', url, _("Plan again…"))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.plan_again)
        return [path("<int:webhook_id>/again/", view, name="sendouts_webhook_again"), *super().get_urls()]

    def plan_again(self, request: HttpRequest, webhook_id: int) -> HttpResponse:
        """Ask before an unplanned hook is retried; POST does it."""
        if not (self.has_view_permission(request) and request.user.has_perm(base.REVIEW)):
            raise PermissionDenied
        webhook = get_object_or_404(self.get_queryset(request), pk=webhook_id)
        back = reverse("admin:sendouts_webhook_change", args=[webhook.pk])
        problem = ""
        if request.method == "POST":
            try:
                run_again.plan_again(webhook.pk, user=reader(request))
            except NotDone as refusal:
                problem = str(refusal)
            else:
                self.log_change(request, webhook, "Planned again.")
                transaction.on_commit(partial(nudge, "hooks", [webhook.pk]))
                messages.success(request, _("The hook is being planned again."))
                return HttpResponseRedirect(back)
        possible = webhook.outcome in Webhook.UNPLANNED and not problem
        title, status = _("Plan this hook again?"), 409 if problem else 200
        unreadable = webhook.outcome == Webhook.Outcome.UNREADABLE
        restored = webhook.detail == HookDetail.RESTORED()
        more = {"possible": possible, "unreadable": unreadable, "restored": restored, "problem": problem, "back": back}
        return show_page(request, "plan_again.html", title, Webhook, status, **more)
