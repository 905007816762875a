"""Alarms, and the notices sent about them."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Code(models.TextChoices):
    """Kind of fault; the sentences are in notices.alarms.sentences."""

    DATABASE = "database", _("the database does not answer")
    MIGRATIONS_PENDING = "migrations_pending", _("migrations are not applied")
    WORK_WAITS = "work_waits", _("due work waits")
    SWEEP_SILENT = "sweep_silent", _("the sweep does not run")
    WORKERS_SILENT = "workers_silent", _("the workers do nothing")
    BROKER_AWAY = "broker_away", _("the broker takes no messages")
    BEAT_SILENT = "beat_silent", _("periodic tasks do not run")
    QUEUE_SILENT = "queue_silent", _("the queue is not read")
    HOOKS_REFUSED = "hooks_refused", _("hooks were refused")
    BREAKER_NEAR = "breaker_near", _("hooks are acknowledged too slowly")
    JOURNAL_WAITING = "journal_waiting", _("hooks wait in the journal")
    DEADLINE_MISSED = "deadline_missed", _("batches passed their deadline")
    HOOK_NOT_PLANNED = "hook_not_planned", _("hooks cannot be planned")
    HOOK_UNREADABLE = "hook_unreadable", _("hooks cannot be read")
    ATTENTION = "attention", _("a batch cannot go on, and its deadline is near")
    SENDOUT_SILENT = "sendout_silent", _("an expected sendout did not come")
    CLOCK_JUMPED = "clock_jumped", _("the clock jumped")
    DISK_FULL = "disk_full", _("the disk is nearly full")
    DATABASE_SLOW = "database_slow", _("the database answers slowly")
    RETENTION_BEHIND = "retention_behind", _("data is kept for too long")
    SPOOL_FULL = "spool_full", _("the spool has no room for contact files")


class Alarm(models.Model):
    """One fault from its first sighting to its end. At most one is open for each code and subject."""

    code = models.CharField(_("alarm"), max_length=20, choices=Code)
    # A stable name of the subject: a lane, a batch, a sendout, a machine; empty: the whole gateway.
    subject = models.CharField(_("about"), max_length=80, blank=True, default="")
    data = models.JSONField(default=dict)
    opened_at = models.DateTimeField(_("since"))
    last_seen_at = models.DateTimeField(_("last seen"))
    closed_at = models.DateTimeField(_("until"), null=True)

    class Meta:
        app_label = "sendouts"
        verbose_name = _("alarm")
        verbose_name_plural = _("alarms")
        ordering = [models.F("closed_at").desc(nulls_first=True), "-opened_at"]
        constraints = [
            models.UniqueConstraint(fields=["code", "subject"], condition=Q(closed_at=None), name="alarm_open_once"),
            models.CheckConstraint(name="alarm_code_known", condition=Q(code__in=Code.values)),
        ]

    def __str__(self) -> str:
        return f"{self.get_code_display()} {self.subject}".strip()


class Notice(models.Model):
    """One message about an alarm on one channel. It is marked before it is sent, so that it is never sent twice."""

    class Occasion(models.TextChoices):
        OPENED = "opened", _("opened")
        CLOSED = "closed", _("closed")

    class Channel(models.TextChoices):
        MAIL = "mail", _("mail")
        HOOK = "hook", _("hook")

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        # Possibly sent; no answer came, and it is not repeated.
        LOST = "lost", _("answer lost")
        FAILED = "failed", _("not sent")

    alarm = models.ForeignKey(Alarm, on_delete=models.CASCADE, related_name="notices")
    occasion = models.CharField(max_length=6, choices=Occasion)
    channel = models.CharField(max_length=4, choices=Channel)
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    at = models.DateTimeField(null=True)

    class Meta:
        app_label = "sendouts"
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        constraints = [
            models.UniqueConstraint(fields=["alarm", "occasion", "channel"], name="notice_once"),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="notice_due", condition=Q(state__in=["waiting", "sending"])),
        ]

    def __str__(self) -> str:
        return f"{self.alarm_id} {self.occasion} {self.channel}"
