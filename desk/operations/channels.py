"""The screens of message channels and of the outbox."""

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminPasswordWidget

from actions import access
from actions.models import Project
from desk.bases import ReadOnlyAdmin, reader, show_page
from desk.setup.history import HistoryAdmin
from notices.messages import chat, content, send
from notices.models import Channel, Message
from notices.models.message import CHOSEN, USUAL
from notices.transports import Lost, NotSent
from sendouts.wording.batch_sentences import column_time


class ChannelForm(forms.ModelForm):
    """A channel; an empty URL keeps the stored one."""

    url = forms.CharField(
        label=gettext_lazy("URL"),
        required=False,
        max_length=2_000,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy(
            "Of the incoming webhook. Stored encrypted and never shown again. Empty: as it is. "
            "Its host must be among the allowed hosts of services."
        ),
    )
    secret = forms.CharField(
        label=gettext_lazy("Secret to sign with"),
        required=False,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy(
            "Only for programs: each message is signed (HMAC-SHA256, as Standard Webhooks says). Empty: as it is."
        ),
    )
    occasions = forms.MultipleChoiceField(
        label=gettext_lazy("Told when"),
        choices=[(each.value, each.label) for each in CHOSEN],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    class Meta:
        model = Channel
        fields = ("name", "project", "kind", "url", "secret", "language", "occasions", "active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("url", "secret"):
            self.initial.pop(name, None)
        if not self.instance.pk:
            self.initial.setdefault("occasions", [each.value for each in USUAL])

    def clean_url(self) -> Any:
        url: str = self.cleaned_data["url"]
        if not url and not self.instance.pk:
            raise forms.ValidationError(_("Enter the URL."))
        return url or self.instance.url

    def clean_secret(self) -> Any:
        secret: str = self.cleaned_data["secret"]
        try:
            chat.key_of(secret)
        except ValueError:
            raise forms.ValidationError(_("It begins with whsec_, but is not Base64.")) from None
        return secret or self.instance.secret


@admin.register(Channel)
class ChannelAdmin(HistoryAdmin):
    """The history records who changed which field, without URL and secret."""

    form = ChannelForm
    list_display = ("name", "shown_project", "kind", "language", "active", "changed_at")
    list_filter = ("kind", "active")
    search_fields = ("name",)
    list_select_related = ("project",)
    list_filter_submit = False
    warn_unsaved_form = True
    actions_detail = ("trial",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Channel]:
        # A channel of all projects reports batches that a limited person must not see.
        return super().get_queryset(request).filter(access.within(reader(request)))

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "project" and access.projects_seen(reader(request)) is not None:
            field.queryset = Project.objects.filter(access.within(reader(request), "pk"))
            field.required = True
        return field

    @display(description=gettext_lazy("Project"), ordering="project__name")
    def shown_project(self, obj: Channel) -> str:
        return obj.project.name if obj.project else _("all")

    @action(description=gettext_lazy("Send a trial message"), url_path="try-it", permissions=["change"])
    def trial(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("test_channel", args=[object_id]))


def test_channel(request: HttpRequest, channel_id: int) -> HttpResponse:
    """Send a trial message to a channel; requires permission to change it. GET asks, POST sends."""
    if not request.user.has_perm("sendouts.change_channel"):
        raise PermissionDenied
    channel = get_object_or_404(Channel.objects.filter(access.within(reader(request))), pk=channel_id)
    shown: dict[str, Any] = {
        "confirm": _("A message that says that it is a trial is sent to “%(name)s”.") % {"name": channel}
    }
    if request.method == "POST":
        with translation.override(channel.language):
            said = content.trial(channel.name)
        try:
            send.transport(channel, said, str(uuid4())).send()
        except NotSent:
            text, word = (
                _("The trial message was not delivered. Check the URL and the allowed hosts; the log says more."),
                "problem",
            )
        except Lost:
            text, word = _("It may have arrived; no answer came. Look whether it is there."), "problem"
        else:
            text, word = _("The trial message was delivered."), "said"
        LogEntry.objects.log_actions(reader(request).pk, [channel], CHANGE, text, single_object=True)
        shown[word] = text
    title = _("Send a trial message to “%(name)s”") % {"name": channel}
    back = reverse("admin:sendouts_channel_change", args=[channel.pk])
    return show_page(request, "trial.html", title, Channel, back=back, possible=True, button=_("Send"), **shown)


_TONES = {"sent": "success", "waiting": "info", "sending": "info", "dropped": "default"}


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """The outbox: each message with its recipient, occasion and state."""

    list_display = (
        "shown_about",
        "shown_state",
        "shown_occasion",
        "shown_reader",
        "shown_made",
        "shown_at",
        "attempts",
    )
    list_filter = (("state", ChoicesDropdownFilter), ("occasion", ChoicesDropdownFilter))
    search_fields = ("=batch__id", "user__username", "channel__name")
    search_help_text = gettext_lazy("Number of a batch, person or channel")
    list_select_related = ("sendout__project", "user", "channel")
    fields = readonly_fields = list_display

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        return super().get_queryset(request).filter(access.within(reader(request), "sendout__project"))

    @display(description=gettext_lazy("State"), ordering="state")
    def shown_state(self, obj: Message) -> SafeString:
        tone = _TONES.get(obj.state, "warning")
        return format_html('<span class="gate-label gate-{}">{}</span>', tone, obj.get_state_display())

    @display(description=gettext_lazy("About"))
    def shown_about(self, obj: Message) -> SafeString:
        what = _("batch %(number)s") % {"number": obj.batch_id} if obj.batch_id else _("singles")
        return format_html(
            '<span><span class="gate-name">{}</span><span class="gate-soft">{} · {}</span></span>',
            obj.sendout,
            obj.sendout.project,
            what,
        )

    @display(description=gettext_lazy("Occasion"), ordering="occasion")
    def shown_occasion(self, obj: Message) -> str:
        return str(obj.get_occasion_display())

    @display(description=gettext_lazy("To"))
    def shown_reader(self, obj: Message) -> str:
        return str(obj.channel or obj.user)

    @display(description=gettext_lazy("made"))
    def shown_made(self, obj: Message) -> str:
        return column_time(obj.made_at, timezone.now(), seconds=True)

    @display(description=gettext_lazy("sent"), empty_value="–")
    def shown_at(self, obj: Message) -> str | None:
        return column_time(obj.at, timezone.now(), seconds=True) if obj.at else None
