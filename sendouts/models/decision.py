"""Decisions: one for each contact of a batch."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from actions.plan.failures import FAILED

# Without fresh statistics, PostgreSQL reads and sorts all of a million rows to return the first few.
_WITHOUT = ("enable_seqscan", "enable_bitmapscan", "enable_sort")


class DecisionVerdict(models.IntegerChoices):
    UNDECIDED = 0, _("undecided")
    ACCEPTED = 1, _("accepted")
    REJECTED = 2, _("rejected")


class DecisionReason(models.TextChoices):
    """Why the gateway decided on a readable row, if no check of a kind did."""

    PERSON = "person", _("Decided by a person")
    REFUSED = "refused", _("The whole batch was rejected")
    STOPPED = "stopped", _("Undecided again, since the release was stopped")
    AT_DEADLINE = "at_deadline", _("Undecided when the deadline came near")
    SHARED_URI = "shared_uri", _("Shares its reject address with a contact that is decided otherwise")
    ACTION_FAILED = FAILED, _("An action failed")


class RowProblem(models.TextChoices):
    """Why a row of the contact file could not be read."""

    NOT_AN_OBJECT = "not_an_object", _("it is not a contact")
    NO_ID = "no_id", _("the contact id is missing")
    NO_URI = "no_uri", _("its reject address is missing")
    BAD_JSON = "bad_json", _("it is not JSON")
    BAD_COLUMNS = "bad_columns", _("it has not as many columns as the first line")
    BAD_TEXT = "bad_text", _("it holds characters that are no text")
    TOO_LONG = "too_long", _("its id or address is too long")
    TOO_DEEP = "too_deep", _("it is nested too deeply")
    TOO_BIG = "too_big", _("it is too big for a contact")
    TWICE = "twice", _("it has a field twice, with different values")
    MANGLED = "mangled", _("a spreadsheet has changed its contact id")


# An acceptance gives one of these to each contact that was undecided.
SETTLED = (DecisionReason.PERSON, DecisionReason.AT_DEADLINE)


class Answer(models.IntegerChoices):
    """The platform's answer to a rejection."""

    NONE = 0, _("not sent")
    CONFIRMED = 1, _("confirmed")
    LOST = 2, _("answer lost")
    RETRY = 3, _("to be repeated")
    REFUSED = 4, _("not confirmed")
    TAKEN_ON = 5, _("taken on")


TO_SEND = (Answer.NONE, Answer.LOST, Answer.RETRY)


class Decision(models.Model):
    """One row of the contact file, or one item of the hook.

    `id = (batch << 32) + row`: rows of one batch are adjacent, pages follow the id, and no foreign key slows the COPY.
    A contact that occurs twice is two messages, hence two decisions.
    """

    id = models.BigIntegerField(primary_key=True)
    contact_id = models.CharField(_("contact"), max_length=255, blank=True, default="")
    # Sealed; empty if the row has none, or after wiping.
    uri = models.BinaryField(blank=True, default=b"")
    # The first 8 bytes of the URI's SHA-256, for finding contacts that share one; null if the gateway may not call it.
    uri_mark = models.BigIntegerField(null=True)
    verdict = models.SmallIntegerField(_("decision"), choices=DecisionVerdict)
    # `reason` is a code: of DecisionReason, of the kind that judged, or of RowProblem if the row is unread. For an
    # unread row, `kept["place"]` is its position.
    unread = models.BooleanField(_("unreadable"), default=False)
    reason = models.CharField(_("reason code"), max_length=64, blank=True, default="")
    text = models.CharField(_("reason"), max_length=500, blank=True, default="")
    action = models.CharField(_("action"), max_length=255, blank=True, default="")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("decided by"),
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    # Time of the checks' evidence; it stays when a person decides otherwise.
    evidence_at = models.DateTimeField(_("evidence of"), null=True)
    kept = models.JSONField(_("fields kept"), null=True)
    answer = models.SmallIntegerField(_("answer"), choices=Answer, default=Answer.NONE)
    answer_status = models.SmallIntegerField(_("answer code"), default=0)

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        ordering = ["id"]
        permissions = [("view_contacts", _("Can see who the contacts are"))]
        indexes = [
            models.Index(fields=["contact_id"], name="decision_contact"),
            models.Index(fields=["id"], name="decision_not_accepted", condition=~Q(verdict=DecisionVerdict.ACCEPTED)),
            # For the few undecided rows among many rejected ones, and for the undecided rows without an address to
            # reject.
            models.Index(fields=["id"], name="decision_undecided", condition=Q(verdict=DecisionVerdict.UNDECIDED)),
            models.Index(
                fields=["id"],
                name="decision_unreachable",
                condition=Q(verdict=DecisionVerdict.UNDECIDED, unread=True, uri=b""),
            ),
            # For pages of contacts with one reason: six among a million must be found without reading the others.
            models.Index(fields=["action", "reason", "id"], name="decision_reason", condition=~Q(reason="")),
        ]
        constraints = [
            models.CheckConstraint(name="decision_verdict_known", condition=Q(verdict__in=[0, 1, 2])),
        ]

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.row}"

    @property
    def batch_id(self) -> int:
        return self.pk >> 32

    @property
    def row(self) -> int:
        """Return the position in the file or hook, counted from 0."""
        return self.pk & 0xFFFF_FFFF


class SharedUri(models.Model):
    """One contact whose reject URI is another contact's, too; `id` is that of its decision.

    `first` is the lowest id of those that share the URI, which is called once, for that decision.
    """

    id = models.BigIntegerField(primary_key=True)
    first = models.BigIntegerField(db_index=True)

    def __str__(self) -> str:
        return f"{self.pk >> 32}/{self.pk & 0xFFFF_FFFF}"


def rows_of(batch_id: int, first: int = 0, rows: int = 1 << 32) -> Q:
    """Return the condition for the decisions of a batch, or for `rows` rows of it from `first` on."""
    start = (batch_id << 32) + first
    return Q(pk__gte=start, pk__lt=start + rows)


def rows_in_steps(batch_id: int, step: int) -> Iterator[Q]:
    """Yield conditions that together cover all stored decisions of a batch, for `step` rows each."""
    # A screening that never completed left rows but no total; the highest row is the limit.
    last = Decision.objects.filter(rows_of(batch_id)).order_by("pk").last()
    for first in range(0, last.row + 1 if last is not None else 0, step):
        yield rows_of(batch_id, first, step)


class KeptDecision(models.Model):
    """One decision of a person, kept until the contact is screened again; `id` is that of the original decision."""

    id = models.BigIntegerField(primary_key=True)
    batch = models.ForeignKey("sendouts.Batch", on_delete=models.CASCADE, related_name="kept_decisions", db_index=False)
    contact_id = models.CharField(max_length=255)
    verdict = models.SmallIntegerField(choices=DecisionVerdict)
    text = models.CharField(max_length=500)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    # Every row of this contact has the same decision, so it applies to the contact and not only to its row.
    whole = models.BooleanField()
    applied = models.BooleanField(default=False, db_default=False)

    class Meta:
        # Rows of a batch are found by id, and a contact by this index, even without table statistics.
        indexes = [models.Index(fields=["contact_id", "batch"], name="kept_decision_contact")]

    def __str__(self) -> str:
        return f"{self.pk >> 32}/{self.pk & 0xFFFF_FFFF}"


@contextmanager
def through_an_index() -> Iterator[None]:
    """Make PostgreSQL follow an index and stop at the end of the page.

    Directly after a large batch it has no statistics of its rows, and takes a second instead of a millisecond.
    """
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("; ".join(f"SET LOCAL {name} = off" for name in _WITHOUT))
        yield
        # An outer transaction continues with the defaults.
        cursor.execute("; ".join(f"SET LOCAL {name} = on" for name in _WITHOUT))
