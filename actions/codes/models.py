"""Pools of promo codes: filled by an upload or by a service, drawn from by batches.

A batch draws at most one code of a pool for each contact; a database constraint ensures this. Unused codes return to
the pool after the batch. The holder of a code is stored as a fingerprint, so that no contact's id is stored here.
"""

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from actions.catalog.shared.http import check_url

CODE_LENGTH = 100


class CodePool(models.Model):
    """A pool that actions refer to by name; with a project, only actions of that project may."""

    class Source(models.TextChoices):
        UPLOAD = "upload", _("uploaded")
        SERVICE = "service", _("asked of a service")

    name = models.CharField(
        _("name"), max_length=100, unique=True, help_text=_("As actions call it in their configuration.")
    )
    project = models.ForeignKey(
        "actions.Project",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="code_pools",
        verbose_name=_("project"),
        help_text=_("Empty: every project may draw from it."),
    )
    source = models.CharField(_("source"), max_length=10, choices=Source, default=Source.UPLOAD)
    low = models.PositiveIntegerField(
        _("low at"), default=0, help_text=_("With fewer free codes the pool is shown as low. 0: never.")
    )
    url = models.CharField(
        _("URL"),
        max_length=2000,
        blank=True,
        default="",
        help_text=_("Only for a service: asked {“key”, “count”}, answers {“codes”: […]}; the same to the same key."),
    )
    credential = models.CharField(
        _("credential"), max_length=100, blank=True, default="", help_text=_("Name of a credential for the service.")
    )
    ask_for = models.PositiveIntegerField(
        _("codes in one question"),
        default=1000,
        validators=[MinValueValidator(1), MaxValueValidator(20_000)],
        help_text=_("At least so many are asked of the service at a time."),
    )
    exact = models.BooleanField(
        _("capitals and look-alikes count"),
        default=False,
        db_default=False,
        help_text=_(
            "Whether “abc-01” and “ABC-O1” are other codes than “ABC-01”. Most shops take them for one: then only one "
            "of them is taken in."
        ),
    )
    archived = models.BooleanField(_("archived"), default=False, help_text=_("Nothing is drawn from it any more."))
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    history = HistoricalRecords()

    class Meta:
        verbose_name = _("pool of codes")
        verbose_name_plural = _("pools of codes")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(name="code_pool_source_known", condition=Q(source__in=["upload", "service"])),
            models.CheckConstraint(
                name="code_pool_service_has_url",
                condition=Q(source="upload", url="") | (Q(source="service") & ~Q(url="")),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        self.name, self.url = self.name.strip(), self.url.strip()
        if (self.source == self.Source.SERVICE) != bool(self.url):
            raise ValidationError({"url": _("A service needs a URL. Otherwise, leave this empty.")})
        if self.url:
            try:
                check_url(self.url)
            except ValueError as error:
                raise ValidationError({"url": _(str(error))}) from error


class PromoCode(models.Model):
    """One code. Free: no holder. Reserved: for one holder of a batch. Used for good: the contact may have it."""

    id = models.BigAutoField(primary_key=True)
    pool = models.ForeignKey(CodePool, on_delete=models.PROTECT, related_name="codes")
    text = models.CharField(_("code"), max_length=CODE_LENGTH)
    # What a shop may take the code for, a SHA-256 if it is long; empty if that does not count, or is not yet known.
    alike = models.CharField(max_length=CODE_LENGTH, default="", db_default="", editable=False)
    # The number of the batch, and a fingerprint of the contact's id; deleted with the contacts of the batch.
    reserved_for = models.BigIntegerField(null=True)
    holder = models.UUIDField(null=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("code")
        verbose_name_plural = _("codes")
        constraints = [
            models.UniqueConstraint(fields=["pool", "text"], name="promo_code_once"),
            models.UniqueConstraint(fields=["pool", "alike"], condition=~Q(alike=""), name="promo_code_alike_once"),
            # One code for each contact of a batch, even with concurrent draws. The fingerprint belongs to a contact in
            # a batch. It comes first, since a batch's codes are too many to scan.
            models.UniqueConstraint(fields=["holder", "pool"], name="promo_code_one_a_holder"),
            models.CheckConstraint(
                name="promo_code_free_is_nobodys",
                condition=Q(reserved_for__isnull=False) | Q(holder__isnull=True, used_at__isnull=True),
            ),
        ]
        indexes = [
            models.Index(fields=["pool", "id"], name="promo_code_free", condition=Q(reserved_for__isnull=True)),
            models.Index(
                fields=["reserved_for", "used_at", "id"],
                name="promo_code_taken",
                condition=Q(reserved_for__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Draw(models.Model):
    """Codes that one batch takes from one pool; open until the unused ones are given back."""

    id = models.BigAutoField(primary_key=True)
    pool = models.ForeignKey(CodePool, on_delete=models.PROTECT, related_name="draws")
    batch_number = models.BigIntegerField()
    began_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)
    # Known once the draw is closed.
    used = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("draw")
        verbose_name_plural = _("draws")
        constraints = [models.UniqueConstraint(fields=["batch_number", "pool"], name="draw_once")]
        indexes = [models.Index(fields=["batch_number"], name="draw_open", condition=Q(closed_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.batch_number}/{self.pool_id}"


class Refill(models.Model):
    """One request to a service for more codes, repeated under the same key until it is answered: no code is lost."""

    id = models.BigAutoField(primary_key=True)
    pool = models.ForeignKey(CodePool, on_delete=models.PROTECT, related_name="refills")
    key = models.UUIDField(unique=True)
    count = models.PositiveIntegerField()
    asked_at = models.DateTimeField(default=timezone.now)
    answered_at = models.DateTimeField(null=True)
    # How many of the received codes were new.
    taken_in = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("refill")
        verbose_name_plural = _("refills")
        constraints = [
            models.UniqueConstraint(fields=["pool"], condition=Q(answered_at__isnull=True), name="refill_one_open"),
        ]

    def __str__(self) -> str:
        return str(self.key)
