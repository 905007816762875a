"""Messages about batches to people and chat channels: their choices, and one row for each message."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from actions.catalog.shared.http import check_url
from actions.models import Project, Sendout
from actions.secrets.encrypted import EncryptedTextField, can_seal
from sendouts.models.batch import Batch


class Occasion(models.TextChoices):
    """Occasion of a message about a batch."""

    WAITING = "waiting", _("it waits for a decision")
    HALF_GONE = "half_gone", _("half of its time is gone")
    NEARLY_GONE = "nearly_gone", _("only a fifth of its time is left")
    ATTENTION = "attention", _("it cannot go on without a person")
    ENDED = "ended", _("it is over")
    # Not chosen by its reader, but by the person who asks.
    ASKED = "asked", _("somebody asks for a step")


# Occasions that readers choose.
CHOSEN = tuple(each for each in Occasion if each != Occasion.ASKED)
# Defaults for people who may decide.
USUAL = (Occasion.WAITING, Occasion.NEARLY_GONE, Occasion.ATTENTION)


class ReaderLanguage(models.Model):
    """The language that a person reads; without a row it is LANGUAGE_CODE."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="reader_language"
    )
    language = models.CharField(_("language"), max_length=7, choices=settings.LANGUAGES)

    class Meta:
        app_label = "sendouts"
        verbose_name = _("language of a person")
        verbose_name_plural = _("languages of people")

    def __str__(self) -> str:
        return self.language


class Subscription(models.Model):
    """Occasions that one person wants by mail: in one project, or (null) in all that have no row of their own."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="subscriptions")
    project = models.ForeignKey(Project, null=True, on_delete=models.CASCADE, related_name="+")
    occasions = models.JSONField(default=list)

    class Meta:
        app_label = "sendouts"
        verbose_name = _("choice of messages")
        verbose_name_plural = _("choices of messages")
        constraints = [
            models.UniqueConstraint(fields=["user", "project"], name="subscription_once"),
            models.UniqueConstraint(fields=["user"], condition=Q(project=None), name="subscription_for_all_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.project_id or '*'}: {', '.join(self.occasions)}"


class Channel(models.Model):
    """An external service that receives messages: of one project, or (null) of all. Its URL is a secret."""

    class Kind(models.TextChoices):
        SLACK = "slack", "Slack"
        TEAMS = "teams", "Microsoft Teams"
        JSON = "json", _("JSON, for programs")

    name = models.CharField(_("name"), max_length=100, unique=True)
    project = models.ForeignKey(
        Project,
        verbose_name=_("project"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="channels",
        help_text=_("Empty: told of every project."),
    )
    kind = models.CharField(_("kind"), max_length=5, choices=Kind, default=Kind.SLACK)
    url = EncryptedTextField(_("URL"))
    secret = EncryptedTextField(_("secret to sign with"), null=True, blank=True)
    language = models.CharField(_("language"), max_length=7, choices=settings.LANGUAGES, default=settings.LANGUAGE_CODE)
    occasions = models.JSONField(_("told when"), default=list)
    active = models.BooleanField(_("active"), default=True)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)
    history = HistoricalRecords(excluded_fields=["url", "secret"])

    class Meta:
        app_label = "sendouts"
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(name="channel_kind_known", condition=Q(kind__in=["slack", "teams", "json"])),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        problems: dict[str, Any] = {}
        if not can_seal():
            problems["url"] = _("Secrets cannot be stored: ENCRYPTION_KEYS is not set.")
        elif isinstance(self.url, str):
            try:
                check_url(self.url)
            except ValueError as error:
                problems["url"] = _(str(error))
        if self.secret and self.kind != self.Kind.JSON:
            problems["secret"] = _("Only messages for programs are signed.")
        if problems:
            raise ValidationError(problems)


class Message(models.Model):
    """One message to one reader: on one batch, or on the singles of a sendout within ten minutes.

    It is marked before it is sent, so that it is never sent twice.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        # Possibly sent; no answer came, and it is not repeated.
        LOST = "lost", _("answer lost")
        FAILED = "failed", _("not sent")
        # Pointless when it was due: decided already, or no longer for this reader.
        DROPPED = "dropped", _("no longer needed")

    sendout = models.ForeignKey(Sendout, verbose_name=_("sendout"), on_delete=models.CASCADE, related_name="+")
    batch = models.ForeignKey(
        Batch, verbose_name=_("batch"), null=True, on_delete=models.CASCADE, related_name="messages"
    )
    # The start of the ten minutes whose singles it reports.
    window = models.DateTimeField(null=True)
    occasion = models.CharField(_("occasion"), max_length=12, choices=Occasion)
    # Distinguishes messages of one occasion: the code of the trouble, the status at the end.
    detail = models.CharField(max_length=20, blank=True, default="")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("person"), null=True, on_delete=models.CASCADE, related_name="+"
    )
    channel = models.ForeignKey(
        Channel, verbose_name=_("channel"), null=True, on_delete=models.CASCADE, related_name="messages"
    )
    state = models.CharField(_("state"), max_length=7, choices=State, default=State.WAITING)
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    made_at = models.DateTimeField(_("made"), default=timezone.now)
    # The time and id of the last mark; rows with the same mark are sent as one mail.
    at = models.DateTimeField(_("time"), null=True)
    mark = models.UUIDField(null=True)

    class Meta:
        app_label = "sendouts"
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["-id"]
        constraints = [
            *(
                models.UniqueConstraint(
                    fields=["batch", "occasion", "detail", reader],
                    name=f"message_of_batch_once_{reader}",
                    condition=Q(**{"batch__isnull": False, f"{reader}__isnull": False}),
                )
                for reader in ("user", "channel")
            ),
            *(
                models.UniqueConstraint(
                    fields=["sendout", "window", "occasion", "detail", reader],
                    name=f"message_of_singles_once_{reader}",
                    condition=Q(**{"batch__isnull": True, f"{reader}__isnull": False}),
                )
                for reader in ("user", "channel")
            ),
            models.CheckConstraint(
                name="message_has_one_reader", condition=Q(user__isnull=True) ^ Q(channel__isnull=True)
            ),
            models.CheckConstraint(
                name="message_of_batch_or_singles", condition=Q(batch__isnull=True) ^ Q(window__isnull=True)
            ),
            models.CheckConstraint(name="message_occasion_known", condition=Q(occasion__in=Occasion.values)),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="message_due", condition=Q(state__in=["waiting", "sending"])),
            models.Index(fields=["at"], name="message_at"),
            models.Index(fields=["made_at"], name="message_made"),
        ]

    def __str__(self) -> str:
        return f"{self.batch_id or self.sendout_id}, {self.get_occasion_display()}"
