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
from actions.secrets.oauth import OAuthClient

_NAME = RegexValidator(r"^[a-z0-9_-]+\Z", _("Use small letters, digits, “-” and “_”."))
# Characters that RFC 9110 allows in a header's name.
_HEADER = RegexValidator(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z", _("This is not the name of a header."))


class Credential(models.Model):
    """A credential that configurations refer to by name; CREDENTIAL_<NAME> in the environment overrides it."""

    class Kind(models.TextChoices):
        BEARER = "bearer", _("bearer token")
        BASIC = "basic", _("user and password")
        HEADER = "header", _("a header of its own")
        OAUTH2 = "oauth2", _("OAuth2 client credentials")

    class ClientAuth(models.TextChoices):
        BASIC = "basic", _("as user and password (Basic)")
        POST = "post", _("in the form (post)")

    name = models.CharField(
        _("name"),
        max_length=100,
        unique=True,
        validators=[_NAME],
        help_text=_("As actions call it in their configuration."),
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.BEARER)
    user = models.CharField(
        _("user or client id"),
        max_length=255,
        blank=True,
        default="",
        help_text=_("Only beside a password, or for OAuth2."),
    )
    header = models.CharField(
        _("header"),
        max_length=100,
        blank=True,
        default="",
        validators=[_HEADER],
        help_text=_("Name of the header, such as X-Api-Key; only for a header of its own."),
    )
    secret = EncryptedTextField(_("secret"))
    token_url = models.CharField(
        _("URL of the tokens"),
        max_length=2_000,
        blank=True,
        default="",
        db_default="",
        help_text=_("Where client id and secret get a token. Its host must be on the list of allowed hosts."),
    )
    client_auth = models.CharField(
        _("client id and secret are sent"),
        max_length=5,
        choices=ClientAuth,
        default=ClientAuth.BASIC,
        db_default=ClientAuth.BASIC,
    )
    scope = models.CharField(
        _("scope"), max_length=500, blank=True, default="", db_default="", help_text=_("Several with spaces.")
    )
    audience = models.CharField(
        _("audience"),
        max_length=500,
        blank=True,
        default="",
        db_default="",
        help_text=_("Only if the service asks for one."),
    )
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
                name="credential_kind_known", condition=models.Q(kind__in=["bearer", "basic", "header", "oauth2"])
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        problems: dict[str, Any] = {}
        if not can_seal():
            problems["secret"] = _("Secrets cannot be stored: ENCRYPTION_KEYS is not set.")
        oauth2 = self.kind == self.Kind.OAUTH2
        named = oauth2 or self.kind == self.Kind.BASIC
        if named and not self.user:
            problems["user"] = _("Enter the client id.") if oauth2 else _("Enter the user.")
        elif self.user and not named:
            problems["user"] = _("Leave this empty: it is only for a password, or for OAuth2.")
        if (self.kind == self.Kind.HEADER) != bool(self.header):
            problems["header"] = _("A header’s name belongs to a header of its own, and only there.")
        for name in ("token_url", "scope", "audience"):
            if getattr(self, name) and not oauth2:
                problems[name] = _("This belongs to OAuth2, and only there.")
        if oauth2 and not self.token_url:
            problems["token_url"] = _("Enter the URL that gives the tokens.")
        for name in ("token_url", "test_url"):
            if name not in problems and getattr(self, name):
                try:
                    check_url(getattr(self, name))
                except ValueError as error:
                    problems[name] = _(str(error))
        if problems:
            raise ValidationError(problems)

    @property
    def test_host(self) -> str:
        return urlsplit(self.test_url).hostname or ""

    @property
    def client(self) -> OAuthClient | None:
        """Return the client that requests tokens; None if the secret itself is sent."""
        if self.kind != self.Kind.OAUTH2:
            return None
        sealed: Any = self.secret
        by_basic = self.client_auth == self.ClientAuth.BASIC
        return OAuthClient(self.name, self.token_url, self.user, sealed, by_basic, self.scope, self.audience)

    def headers(self) -> dict[str, str]:
        """Return the headers to send with a request, of a credential without a client; raise CannotOpen."""
        sealed: Any = self.secret
        secret: str = sealed.open()
        if self.kind == self.Kind.BASIC:
            return {"Authorization": "Basic " + b64encode(f"{self.user}:{secret}".encode()).decode()}
        if self.kind == self.Kind.HEADER:
            return {self.header: secret}
        return {"Authorization": f"Bearer {secret}"}
