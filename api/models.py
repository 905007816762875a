"""Tokens by which programs authenticate; the database stores only a fingerprint of each."""

import hashlib
import secrets
from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

# The prefix identifies a token to people and to secret scanners; the rest has 256 random bits.
MARK = "sendgate_"
SHOWN = len(MARK) + 4


def fingerprint(text: str) -> str:
    """Return the stored hash of a token. A plain hash is safe because the token has 256 random bits."""
    return hashlib.sha256(text.encode()).hexdigest()


class ApiToken(models.Model):
    """One token of one user; a lost token must be replaced. Several are valid at once, for rotation."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="api_tokens"
    )
    name = models.CharField(_("name"), max_length=100, blank=True, default="", help_text=_("What program it is for."))
    prefix = models.CharField(_("begins with"), max_length=16, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True, help_text=_("Empty: never."))
    # A resolution of one day shows unused tokens and costs one write a day.
    last_used = models.DateField(_("last used"), null=True, editable=False)

    class Meta:
        app_label = "sendouts"
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.prefix}…"

    def draw(self) -> str:
        """Give an unsaved row a new token, and return the only copy of its text."""
        text = MARK + secrets.token_urlsafe(32)
        self.prefix, self.digest = text[:SHOWN], fingerprint(text)
        return text

    def is_valid(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at
