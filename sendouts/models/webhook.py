"""Received hooks, and the counts of the door."""

from django.db import models
from django.db.models import Q, QuerySet
from django.db.models.functions import Length
from django.utils.translation import gettext_lazy as _

from work.models import WorkRow

# Bytes of the bodies that are read into memory together. A body makes objects of about ten times its size.
SET_BYTES = 2_000_000


class HookProblem(models.TextChoices):
    """What is wrong with a readable hook."""

    BOTH = "both_file_and_items", _("it brings a contact file and single contacts at once")
    NEITHER = "neither_file_nor_items", _("it brings no contacts")
    ITEMS_NOT_A_LIST = "items_not_a_list", _("its contacts are not a list")
    ACTIONS_NOT_A_LIST = "actions_not_a_list", _("its actions are not a list")
    UNREADABLE_ACTION = "unreadable_action", _("one of its actions has no name")
    DOWNLOAD_URI_NOT_TEXT = "download_uri_not_text", _("its download address cannot be read")
    UNKNOWN_ENVELOPE = "unknown_envelope", _("it came inside a message of an unknown form")
    CHARSET_GUESSED = "charset_guessed", _("its text is not in UTF-8, so letters may be wrong")
    KEY_TWICE = "key_twice", _("it has a field twice, with different values")


class Webhook(WorkRow):
    """One hook as received; planning sets its outcome later."""

    class Source(models.TextChoices):
        HTTP = "http", _("HTTP")
        SQS = "sqs", _("SQS")

    class Outcome(models.TextChoices):
        WAITING = "", _("waiting")
        PLANNED = "planned", _("planned")
        DUPLICATE = "duplicate", _("duplicate")
        UNREADABLE = "unreadable", _("unreadable")
        OTHER = "other", _("another event")
        FAILED = "failed", _("could not be planned")

    # A person may have these planned again.
    UNPLANNED = (Outcome.FAILED, Outcome.UNREADABLE)

    uuid = models.UUIDField(unique=True, editable=False)
    # Sealed; empty after wiping.
    body = models.BinaryField()
    content_type = models.CharField(max_length=100, blank=True, default="")
    source = models.CharField(_("source"), max_length=10, choices=Source, default=Source.HTTP)
    received_at = models.DateTimeField(_("received"), db_index=True)
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome, default=Outcome.WAITING, blank=True)
    detail = models.CharField(_("detail"), max_length=300, blank=True, default="")
    batch = models.ForeignKey(
        "sendouts.Batch", verbose_name=_("batch"), null=True, on_delete=models.PROTECT, related_name="hooks"
    )

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["due_at"], name="webhook_due", condition=Q(due_at__isnull=False)),
            models.Index(fields=["received_at"], name="webhook_unreadable", condition=Q(outcome="unreadable")),
        ]
        constraints = [
            models.CheckConstraint(
                name="webhook_waits_or_has_outcome",
                condition=Q(outcome="", due_at__isnull=False) | ~Q(outcome="") & Q(due_at__isnull=True),
            ),
            models.CheckConstraint(
                name="webhook_outcome_known",
                condition=Q(outcome__in=["", "planned", "duplicate", "unreadable", "other", "failed"]),
            ),
        ]

    def __str__(self) -> str:
        return str(self.uuid)


def in_sets(hooks: QuerySet[Webhook], column: str = "pk") -> tuple[list[list[int]], list[int]]:
    """Return the values of a column in sets of hooks that fit into memory together, and those of hooks above that."""
    sets: list[list[int]] = []
    long: list[int] = []
    room = 0
    for value, size in hooks.order_by("pk").annotate(size=Length("body")).values_list(column, "size"):
        if size > SET_BYTES:
            long.append(value)
            continue
        if not sets or size > room:
            sets.append([])
            room = SET_BYTES
        sets[-1].append(value)
        room -= size
    return sets, long


class DoorWindow(models.Model):
    """Counts of one door process's answers within one short time window."""

    process = models.CharField(max_length=80)
    at = models.DateTimeField()
    stored = models.PositiveIntegerField(default=0)
    # Stored hooks with a late answer.
    slow = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    turned_away = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["process", "at"], name="door_window_once"),
            models.CheckConstraint(name="door_window_adds_up", condition=Q(slow__lte=models.F("stored"))),
        ]
        indexes = [models.Index(fields=["at"], name="door_window_at")]

    def __str__(self) -> str:
        return f"{self.process} {self.at:%H:%M:%S}"
