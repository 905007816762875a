"""Checks of the settings before the gateway starts."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, register
from django.core.checks import Warning as CheckWarning

DOOR_TEXT = "No credential is configured for the webhook, so the platform could not be told from anybody else."
DOOR_HINT = (
    "Set WEBHOOK_BASIC_AUTH=user:password, or WEBHOOK_HEADER_NAME and WEBHOOK_HEADER_TOKENS, "
    "as entered in the platform's account settings."
)


def has_door() -> bool:
    """Return whether the platform can reach the gateway: a credential for the webhook, or a queue."""
    return bool(settings.WEBHOOK_BASIC_AUTH or settings.WEBHOOK_HEADER_TOKENS or settings.SQS_QUEUE_URL)


@register(deploy=True)
def the_door_has_a_lock(app_configs: Any, **kwargs: Any) -> list[Any]:
    if has_door():
        return []
    return [Error(DOOR_TEXT, hint=DOOR_HINT, id="gateway.E001")]


@register(deploy=True)
def addresses_are_sealed(app_configs: Any, **kwargs: Any) -> list[Any]:
    """Warn if the platform's URIs are stored unencrypted: each grants any reader of a backup access to a message."""
    if settings.ENCRYPTION_KEYS:
        return []
    text = "ENCRYPTION_KEYS is not set: the platform's URIs and the raw hooks lie readable in the database."
    hint = "Set it to a key, as docs/production.md says. What is stored by then can still be read."
    return [CheckWarning(text, hint=hint, id="gateway.W003")]


@register(deploy=True)
def the_screens_have_names(app_configs: Any, **kwargs: Any) -> list[Any]:
    """Warn if every host name is allowed: links and redirects use the host name of the request."""
    if "*" not in settings.ALLOWED_HOSTS:
        return []
    return [CheckWarning("ALLOWED_HOSTS allows every name.", hint="Name the hosts of the screens.", id="gateway.W002")]
