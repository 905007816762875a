"""Batches, and the chunks in which they are screened."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from actions.models import AtDeadline, Project, Review, Sendout
from actions.plan.services import KEY_LENGTH
from sendouts.models.attention import Attention
from sendouts.models.hold_reason import UNJUDGED
from work.models import WorkRow


class Status(models.TextChoices):
    """The last stage that a batch completed."""

    PLANNED = "planned", _("Received")
    SCREENED = "screened", _("Screened")
    IN_REVIEW = "in_review", _("Waiting for review")
    ACCEPTED = "accepted", _("Accepted")
    REFUSED = "refused", _("Rejected")
    DELIVERED = "delivered", _("Rejections sent")
    FINISHED = "finished", _("Released")
    EXPIRED = "expired", _("Deadline passed")
    ABANDONED = "abandoned", _("Given up")


class Outcome(models.TextChoices):
    """The meaning of a batch's release."""

    NONE = "", "–"
    RELEASED = "released", _("released")
    REFUSED = "refused", _("rejected whole")
    EMPTY = "empty", _("nobody left to send to")


class Plan(models.Model):
    """The merged, ordered, frozen actions of a batch; stored once for each content."""

    digest = models.CharField(max_length=64, unique=True)
    content = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("action plan")
        verbose_name_plural = _("action plans")

    def __str__(self) -> str:
        return self.digest[:12]


_ENDED_FILE = Q(source="batch", ended_at__isnull=False)
OPEN = (Status.PLANNED, Status.SCREENED, Status.IN_REVIEW, Status.ACCEPTED, Status.REFUSED, Status.DELIVERED)
# The next stage of these batches calls other services. Past its time, screening asks nobody, and waits for nobody.
ASKING = Q(status=Status.PLANNED, asks_until__gt=Now()) | Q(
    status=Status.ACCEPTED, asks_until__isnull=False, enrichments__gt=0, rejected__lte=F("confirmed") + F("taken_on")
)
# The platform did not do what these batches asked of it, and is asked again.
REPEATING = Q(status__in=[Status.ACCEPTED, Status.REFUSED, Status.DELIVERED], attempts__gt=0) & ~ASKING


class Batch(WorkRow):
    """One held delivery with one finishUri; each of its rows is a Decision."""

    class Source(models.TextChoices):
        BATCH = "batch", _("contact file")
        SINGLE = "single", _("single")

    source = models.CharField(_("source"), max_length=6, choices=Source)
    delivery_key = models.CharField(max_length=64, unique=True)
    finish_key = models.CharField(max_length=64, db_index=True)
    # Sealed; empty if the hook has none, or after wiping.
    finish_uri = models.BinaryField()
    download_uri = models.BinaryField(blank=True, default=b"")
    project = models.ForeignKey(Project, verbose_name=_("project"), on_delete=models.PROTECT, related_name="batches")
    # The index on sendout and received_at below serves this key.
    sendout = models.ForeignKey(
        Sendout, verbose_name=_("sendout"), on_delete=models.PROTECT, related_name="batches", db_index=False
    )
    plan = models.ForeignKey(Plan, verbose_name=_("action plan"), on_delete=models.PROTECT, related_name="batches")
    # The services that its plan calls before the release, as one key, and until when screening may wait for them; null
    # if it calls none.
    service = models.CharField(max_length=KEY_LENGTH, null=True)
    asks_until = models.DateTimeField(null=True)
    review = models.CharField(_("review"), max_length=10, choices=Review)
    at_deadline = models.CharField(_("at the deadline"), max_length=10, choices=AtDeadline)

    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.PLANNED)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome, default=Outcome.NONE, blank=True)
    attention = models.CharField(_("attention"), max_length=20, choices=Attention, default=Attention.NONE, blank=True)
    # Of AttentionData.
    attention_data = models.JSONField(default=dict, blank=True)
    # Codes of HoldReason.
    held_for = models.JSONField(default=list, blank=True)
    # Data of the comparison with earlier batches, for its codes in `held_for` (sendouts.outlook.anomalies.Anomaly).
    anomalies = models.JSONField(default=list, blank=True)
    revision = models.PositiveIntegerField(_("revision"), default=1)

    received_at = models.DateTimeField(_("received"))
    deadline = models.DateTimeField(_("deadline"))
    decided_at = models.DateTimeField(_("decided"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    # When its contacts were deleted.
    retired_at = models.DateTimeField(null=True)

    # Rows of the file or items of the hook. After screening, accepted + rejected + undecided + unread = total.
    total = models.PositiveIntegerField(_("contacts"), default=0)
    accepted = models.PositiveIntegerField(_("accepted"), default=0)
    rejected = models.PositiveIntegerField(_("rejected"), default=0)
    undecided = models.PositiveIntegerField(_("undecided"), default=0)
    unread = models.PositiveIntegerField(_("unreadable"), default=0)
    # Rejections confirmed by the platform, and unconfirmed ones that a person answers for.
    confirmed = models.PositiveIntegerField(_("confirmed"), default=0)
    taken_on = models.PositiveIntegerField(_("taken on"), default=0)
    unread_taken_on = models.PositiveIntegerField(_("unreadable rows taken on"), default=0)
    # Rejections sent, or possibly sent, before the release was last stopped: these are final.
    final = models.PositiveIntegerField(_("sent before the release was stopped"), default=0)
    # Answers that were lost or asked for a repeat.
    repeated = models.PositiveIntegerField(_("tried again"), default=0, db_default=0)
    # Actions of its plan that must still act on every accepted contact before the release.
    enrichments = models.PositiveSmallIntegerField(_("open enrichments"), default=0)
    file_complete = models.BooleanField(_("file complete"), default=False)
    reasons = models.JSONField(default=list, blank=True)
    failures = models.JSONField(default=list, blank=True)
    # Rows per chunk, fixed when screening starts, so that a restart finds the same borders.
    chunk_rows = models.PositiveIntegerField(default=0)
    # Share of the contact file read, from 0 to 1, if the platform gave its length.
    read_share = models.FloatField(default=0, db_default=0)
    restarts = models.PositiveSmallIntegerField(default=0)

    # When finishUri was first called (stored before the call), the number of calls, and the platform's last answer.
    finish_sent_at = models.DateTimeField(null=True)
    finish_attempts = models.PositiveSmallIntegerField(default=0)
    finish_status = models.PositiveSmallIntegerField(default=0)
    finish_lost = models.BooleanField(default=False)
    delivery_seconds = models.FloatField(default=0)
    # When the alert was sent, once, that its rejections will not be confirmed before the deadline.
    late_told_at = models.DateTimeField(null=True)

    # The project's rules of two people when the batch came (sendouts.rules).
    second_person_from = models.PositiveIntegerField(null=True)
    no_own_changes = models.BooleanField(default=False, db_default=False)
    # If two people must accept: the first person, the time, their choice for the undecided, and the revision of the
    # batch after it. The first acceptance is valid while the batch has that revision. second_accepted_by completed it.
    first_accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("accepted first by"),
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    first_accepted_at = models.DateTimeField(_("accepted first"), null=True)
    first_undecided = models.CharField(max_length=6, blank=True, default="", db_default="")
    first_revision = models.PositiveIntegerField(null=True)
    second_accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("accepted second by"),
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
    )

    # When to look next whether its readers must be told of it (null: nothing to tell).
    tell_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        ordering = ["-id"]
        permissions = [
            ("review_batch", _("Can accept, reject and change held batches")),
            ("take_on_batch", _("Can take on what cannot be confirmed or read")),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="batch_due", condition=Q(due_at__isnull=False)),
            models.Index(fields=["tell_at"], name="batch_to_tell", condition=Q(tell_at__isnull=False)),
            models.Index(fields=["deadline"], name="batch_open_deadline", condition=Q(status__in=OPEN)),
            models.Index(fields=["status", "deadline"], name="batch_status_deadline"),
            models.Index(fields=["sendout", "received_at"], name="batch_sendout_received"),
            # The files that a batch is compared with, among a sendout's many singles.
            models.Index(
                fields=["sendout", "received_at"],
                name="batch_usual",
                condition=Q(source="batch", outcome="released"),
            ),
            # The earlier batches that a new one is compared with: contact files only.
            models.Index(fields=["project", "id"], name="batch_before_project", condition=_ENDED_FILE),
            models.Index(fields=["sendout", "id"], name="batch_before_sendout", condition=_ENDED_FILE),
            # The recently ended batches that the home page sums up.
            models.Index(fields=["ended_at", "project"], name="batch_ended", condition=Q(ended_at__isnull=False)),
            # For the hourly tasks. Small, since a row leaves the index once a task has processed it.
            models.Index(
                fields=["ended_at"], name="batch_to_wipe", condition=Q(ended_at__isnull=False) & ~Q(finish_uri=b"")
            ),
            models.Index(
                fields=["ended_at"],
                name="batch_to_retire",
                condition=Q(ended_at__isnull=False, retired_at__isnull=True),
            ),
        ]
        constraints = [
            models.CheckConstraint(name="batch_status_known", condition=Q(status__in=Status.values)),
            models.CheckConstraint(name="batch_outcome_known", condition=Q(outcome__in=Outcome.values)),
            models.CheckConstraint(name="batch_attention_known", condition=Q(attention__in=Attention.values)),
            # Promise 2: release no contact while a row is unread or undecided, a rejection is unconfirmed, or an
            # accepted contact lacks an enrichment.
            models.CheckConstraint(
                name="batch_finish_only_when_all_is_answered",
                condition=Q(finish_sent_at__isnull=True)
                | Q(
                    file_complete=True,
                    undecided=0,
                    unread=0,
                    enrichments=0,
                    rejected=F("confirmed") + F("taken_on"),
                ),
            ),
            models.CheckConstraint(
                name="batch_finished_has_outcome",
                condition=~Q(status="finished") | (~Q(outcome="") & Q(finish_sent_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="batch_first_acceptance_whole",
                condition=Q(
                    first_accepted_by__isnull=True,
                    first_accepted_at__isnull=True,
                    first_revision__isnull=True,
                    first_undecided="",
                )
                | Q(
                    first_accepted_by__isnull=False,
                    first_accepted_at__isnull=False,
                    first_revision__isnull=False,
                    first_undecided__in=["reject", "accept"],
                ),
            ),
            # The second person must differ from the first.
            models.CheckConstraint(
                name="batch_second_person_is_another",
                condition=Q(second_accepted_by__isnull=True)
                | (Q(first_accepted_by__isnull=False) & ~Q(first_accepted_by=F("second_accepted_by"))),
            ),
            models.CheckConstraint(
                name="batch_ended_is_not_due", condition=Q(due_at__isnull=True) | Q(status__in=OPEN)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sendout_id}#{self.pk}"

    @property
    def first_decision(self) -> int:
        """Return the id of this batch's row 0."""
        return self.pk << 32

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def is_single(self) -> bool:
        return self.source == self.Source.SINGLE

    @property
    def lane(self) -> str:
        """Return the lane that works on it, as gateway.lanes has them."""
        if self.is_asking:
            return "services"
        if self.attempts and self.status in {Status.ACCEPTED, Status.REFUSED, Status.DELIVERED}:
            return "repeats"
        return "singles" if self.is_single else "files"

    @property
    def is_asking(self) -> bool:
        """Return whether its next stage calls other services, as ASKING does."""
        if self.asks_until is None:
            return False
        if self.status == Status.PLANNED:
            return self.asks_until > timezone.now()
        return self.status == Status.ACCEPTED and self.enrichments > 0 and self.unsettled <= 0

    @property
    def unsettled(self) -> int:
        """Return how many rejections are neither confirmed nor taken on by a person."""
        return self.rejected - self.confirmed - self.taken_on

    @property
    def timed_out(self) -> int:
        """Return how many contacts the platform sent the “timed out” way.

        These were neither released nor confirmed as rejected at the deadline.
        """
        return self.total - self.confirmed if self.status in {Status.EXPIRED, Status.ABANDONED} else 0

    @cached_property
    def running_change(self) -> Any:
        """Return the running change of many decisions, cached from the first access; None if there is none."""
        if self.status != Status.IN_REVIEW:
            return None
        return self.bulk_changes.filter(state="running").select_related("user").first()

    def unjudged(self) -> list[str]:
        """Return the hold reasons that leave the batch unchecked: no check or person has accepted its contacts."""
        return [code for code in self.held_for if code in UNJUDGED]

    def actions(self) -> list[dict[str, Any]]:
        return list(self.plan.content["actions"])


class Chunk(models.Model):
    """Some thousand rows screened and stored together: the unit of restart, and of marks in delivery."""

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    rows = models.PositiveIntegerField()
    accepted = models.PositiveIntegerField()
    rejected = models.PositiveIntegerField()
    undecided = models.PositiveIntegerField()
    unread = models.PositiveIntegerField()
    # [[verdict, reason code, reason text, action, count], …]
    reasons = models.JSONField(default=list)
    failures = models.JSONField(default=list)
    # SHA-256 over all rows up to the end of this chunk, to detect that a second download differs.
    digest = models.BinaryField(max_length=32)
    # Used to compute the speed of screening.
    stored_at = models.DateTimeField(default=timezone.now)
    # Rejections of this chunk are being sent. Still set after a kill, when their answers may be lost.
    sending = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "number"], name="chunk_once"),
            models.CheckConstraint(
                name="chunk_adds_up",
                condition=Q(rows=F("accepted") + F("rejected") + F("undecided") + F("unread")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.number}"
