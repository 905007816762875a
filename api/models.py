"""The keys by which programs come in; of each only a fingerprint is stored."""

import hashlib
import secrets
from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

# Tells people and scanners of leaked secrets what they found; the rest has 256 bits of chance.
MARK = "sendgate_"
SHOWN = len(MARK) + 4


def fingerprint(text: str) -> str:
    """What is stored of a token. Its chance is that of 256 bits, so that a plain hash cannot be turned round."""
    return hashlib.sha256(text.encode()).hexdigest()


class ApiToken(models.Model):
    """One key of one user; who loses it makes another. Several are valid at once, for rotation."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="api_tokens"
    )
    name = models.CharField(_("name"), max_length=100, blank=True, default="", help_text=_("What program it is for."))
    prefix = models.CharField(_("begins with"), max_length=16, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True, help_text=_("Empty: never."))
    # A day is enough to find what nobody uses, and costs one write a day.
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
