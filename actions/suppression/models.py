"""Suppression lists, their entries, and uploads."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from actions.names import NAME_LENGTH, normal_name
from actions.suppression.values import LONGEST, Spelling
from work.models import WorkRow

REASON_LENGTH = 200
COLUMN_LENGTH = 100
_CALLING_CODE = RegexValidator(r"^[1-9][0-9]{0,2}\Z", _("Give the digits only, such as 33."))


class SuppressionList(models.Model):
    """A list of one project, or shared by all. Type and spelling never change, since its entries depend on them."""

    class Holds(models.TextChoices):
        CONTACT_ID = "contact_id", _("contact ids")
        EMAIL = "email", _("e-mail addresses")
        PHONE = "phone", _("phone numbers")

    name = models.CharField(
        _("name"), max_length=NAME_LENGTH, unique=True, help_text=_("As actions call it in their configuration.")
    )
    project = models.ForeignKey(
        "actions.Project",
        verbose_name=_("project"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="suppression_lists",
        help_text=_("Empty: every project may use it."),
    )
    holds = models.CharField(_("holds"), max_length=10, choices=Holds, default=Holds.CONTACT_ID)
    hashed = models.BooleanField(
        _("only fingerprints"),
        default=False,
        help_text=_("Stores the SHA-256 of each entry instead of the entry itself: nobody can read the list."),
    )
    calling_code = models.CharField(
        _("calling code"),
        max_length=3,
        blank=True,
        default="",
        validators=[_CALLING_CODE],
        help_text=_("Of numbers that begin with a single 0, such as 33 for France. Only for phone numbers."),
    )
    note = models.CharField(_("note"), max_length=300, blank=True, default="")
    archived = models.BooleanField(
        _("archived"),
        default=False,
        help_text=_("No action can use it any more, and its entries are deleted for good."),
    )
    # Updated in the transactions that add and remove: counting a million rows is too slow for a page.
    entries = models.PositiveBigIntegerField(_("entries"), default=0, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("suppression list")
        verbose_name_plural = _("suppression lists")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="suppression_list_holds_known", condition=Q(holds__in=["contact_id", "email", "phone"])
            ),
            models.CheckConstraint(
                name="suppression_list_code_of_phones",
                condition=Q(holds="phone") | Q(calling_code=""),
                violation_error_message=_("A calling code belongs to phone numbers, and only there."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        self.name = normal_name(self.name)
        if not self.name:
            raise ValidationError({"name": _("Give a name.")})

    @property
    def writing(self) -> Spelling:
        """Return how the list writes its values."""
        return Spelling(self.holds, self.hashed, self.calling_code)


class SuppressionEntry(models.Model):
    """One value on a list, in the list's spelling. It is no longer valid from `expires_at` on."""

    suppression_list = models.ForeignKey(SuppressionList, on_delete=models.PROTECT, related_name="+", db_index=False)
    value = models.CharField(max_length=LONGEST)
    reason = models.CharField(_("reason"), max_length=REASON_LENGTH, blank=True, default="")
    expires_at = models.DateTimeField(_("expires"), null=True)
    added_at = models.DateTimeField(_("added"))
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("added by"),
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )

    class Meta:
        verbose_name = _("entry")
        verbose_name_plural = _("entries")
        constraints = [models.UniqueConstraint(fields=["suppression_list", "value"], name="suppression_entry_once")]
        indexes = [
            models.Index(fields=["expires_at"], name="suppression_expires", condition=Q(expires_at__isnull=False))
        ]

    def __str__(self) -> str:
        return str(self.pk)


class SuppressionUpload(WorkRow):
    """A file for a list, received in pieces, then read by a worker. The row carries the work and its progress."""

    class Status(models.TextChoices):
        RECEIVING = "receiving", _("being sent")
        RECEIVED = "received", _("being read")
        DONE = "done", _("read")
        FAILED = "failed", _("not read")

    class Error(models.TextChoices):
        NONE = "", ""
        NOT_TEXT = "not_text", _("This is not a CSV file. Save it as CSV with your spreadsheet, then send it again.")
        LINE_TOO_LONG = "long_line", _("A line of the file is too long. Write one entry a line, then send it again.")
        OTHER_COLUMN = "other_column", _("The file has no column of what this list holds. Name it in the first line.")
        CHOOSE_COLUMN = (
            "choose_column",
            _(
                "It is not certain which column holds the entries: %(columns)s. Send the file again, and name the "
                "column by its heading, or by its number if the file has no headings."
            ),
        )
        ARCHIVED = "archived", _("The list was archived meanwhile.")
        FORSAKEN = "forsaken", _("The file was never sent to its end. Send it again.")
        UNEXPECTED = "unexpected", _("The file could not be read for a reason that the log of the server tells.")

    suppression_list = models.ForeignKey(
        SuppressionList, verbose_name=_("list"), on_delete=models.PROTECT, related_name="uploads"
    )
    file_name = models.CharField(_("file"), max_length=255)
    # For the whole file; the reason in a line overrides it.
    reason = models.CharField(_("reason"), max_length=REASON_LENGTH, blank=True, default="")
    expires_at = models.DateTimeField(_("expires"), null=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("sent by"), on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(_("sent"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.RECEIVING)
    error = models.CharField(max_length=20, choices=Error, blank=True, default=Error.NONE)
    # Heading or number of the column with the entries, as a person chose it; and the columns, if the choice is missing.
    column = models.CharField(max_length=COLUMN_LENGTH, blank=True, default="", db_default="")
    columns = models.CharField(max_length=1_000, blank=True, default="", db_default="")
    # In bytes: of the whole file, received, and read and stored.
    size = models.PositiveBigIntegerField()
    received = models.PositiveBigIntegerField(default=0)
    read = models.PositiveBigIntegerField(default=0)
    # Meaning of the columns, once the first line is read.
    layout = models.JSONField(null=True)
    lines = models.PositiveBigIntegerField(default=0)
    rows = models.PositiveBigIntegerField(_("lines read"), default=0)
    added = models.PositiveBigIntegerField(_("added"), default=0)
    extended = models.PositiveBigIntegerField(_("valid for longer"), default=0)
    unreadable = models.PositiveBigIntegerField(_("unreadable"), default=0)
    # [line number, code] of the first of them.
    first_unreadable = models.JSONField(default=list)
    # The column of this table has no default in the database.
    deaths = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")
        ordering = ["-id"]
        indexes = [models.Index(fields=["due_at"], name="suppression_upload_due", condition=Q(due_at__isnull=False))]
        constraints = [
            models.CheckConstraint(
                name="suppression_upload_status_known",
                condition=Q(status__in=["receiving", "received", "done", "failed"]),
            ),
            models.CheckConstraint(
                name="suppression_upload_due_while_received",
                condition=Q(status="received", due_at__isnull=False) | ~Q(status="received") & Q(due_at__isnull=True),
            ),
            models.CheckConstraint(
                name="suppression_upload_reads_what_came",
                condition=Q(read__lte=models.F("received")) & Q(received__lte=models.F("size")),
            ),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def there(self) -> int:
        """Return the number of lines with an entry that the list, or an earlier line, already had."""
        return self.rows - self.added - self.extended - self.unreadable


class SuppressionPiece(models.Model):
    """Bytes of an upload, from `start` to before `end`; deleted once they are read.

    In the database, since the worker may not have access to the disk of the receiving process.
    """

    upload = models.ForeignKey(SuppressionUpload, on_delete=models.CASCADE, related_name="pieces", db_index=False)
    start = models.PositiveBigIntegerField()
    end = models.PositiveBigIntegerField()
    content = models.BinaryField()

    class Meta:
        verbose_name = _("piece")
        verbose_name_plural = _("pieces")
        constraints = [models.UniqueConstraint(fields=["upload", "start"], name="suppression_piece_once")]

    def __str__(self) -> str:
        return f"{self.upload_id}: {self.start}"
