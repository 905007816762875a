"""Credentials for services that actions call: written once, never shown again."""

from base64 import b64encode
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from actions.catalog.shared.http import check_url
from actions.secrets.encrypted import EncryptedTextField, can_seal

_NAME = RegexValidator(r"^[a-z0-9_-]+\Z", _("Use small letters, digits, “-” and “_”."))
# Characters that RFC 9110 allows in a header's name.
_HEADER = RegexValidator(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z", _("This is not the name of a header."))


class Credential(models.Model):
    """A credential that configurations refer to by name; CREDENTIAL_<NAME> in the environment overrides it."""

    class Kind(models.TextChoices):
        BEARER = "bearer", _("bearer token")
        BASIC = "basic", _("user and password")
        HEADER = "header", _("a header of its own")

    name = models.CharField(
        _("name"),
        max_length=100,
        unique=True,
        validators=[_NAME],
        help_text=_("As actions call it in their configuration."),
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.BEARER)
    user = models.CharField(_("user"), max_length=255, blank=True, default="", help_text=_("Only beside a password."))
    header = models.CharField(
        _("header"),
        max_length=100,
        blank=True,
        default="",
        validators=[_HEADER],
        help_text=_("Name of the header, such as X-Api-Key; only for a header of its own."),
    )
    secret = EncryptedTextField(_("secret"))
    test_url = models.CharField(
        _("URL to test with"),
        max_length=2_000,
        blank=True,
        default="",
        help_text=_(
            "Where the service accepts a GET with this credential, and changes nothing by it. For the button “Test”."
        ),
    )
    changed_at = models.DateTimeField(_("changed"), auto_now=True)
    history = HistoricalRecords(excluded_fields=["secret"])

    class Meta:
        verbose_name = _("credential")
        verbose_name_plural = _("credentials")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="credential_kind_known", condition=models.Q(kind__in=["bearer", "basic", "header"])
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        problems: dict[str, Any] = {}
        if not can_seal():
            problems["secret"] = _("Secrets cannot be stored: ENCRYPTION_KEYS is not set.")
        if (self.kind == self.Kind.BASIC) != bool(self.user):
            problems["user"] = _("A user belongs to a password, and only there.")
        if (self.kind == self.Kind.HEADER) != bool(self.header):
            problems["header"] = _("A header’s name belongs to a header of its own, and only there.")
        if self.test_url:
            try:
                check_url(self.test_url)
            except ValueError as error:
                problems["test_url"] = _(str(error))
        if problems:
            raise ValidationError(problems)

    @property
    def test_host(self) -> str:
        return urlsplit(self.test_url).hostname or ""

    def headers(self) -> dict[str, str]:
        """Return the headers to send with a request; raise CannotOpen."""
        sealed: Any = self.secret
        secret: str = sealed.open()
        if self.kind == self.Kind.BASIC:
            return {"Authorization": "Basic " + b64encode(f"{self.user}:{secret}".encode()).decode()}
        if self.kind == self.Kind.HEADER:
            return {self.header: secret}
        return {"Authorization": f"Bearer {secret}"}
