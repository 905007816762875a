"""Secrets that a kind uses itself instead of sending them: a user with a password, and a signature's key."""

import base64
import binascii
import hashlib
import hmac
import time

from actions.contract import Context, Permanent, Sentences, gettext_noop


class UnfitCredential(Sentences):
    """Why a credential does not fit its use."""

    UNKNOWN = "credential.unknown", gettext_noop("No credential is called “%(name)s”.")
    SEALED = (
        "credential.sealed",
        gettext_noop("The credential “%(name)s” cannot be opened with the keys in ENCRYPTION_KEYS."),
    )
    NEEDS_TOKEN = (
        "credential.needs_token",
        gettext_noop("The credential “%(name)s” needs a token, and none was requested."),
    )
    NOT_BASIC = "credential.not_basic", gettext_noop("The credential “%(name)s” is not a user and a password.")
    NOT_BASE64 = (
        "credential.not_base64",
        gettext_noop("The credential “%(name)s” begins with whsec_, but is not Base64."),
    )
    UNREADABLE_KEY = (
        "credential.unreadable_key",
        gettext_noop("The private key of “%(name)s” cannot be read, or has a passphrase."),
    )


def user_and_password(context: Context, name: str) -> tuple[str, str]:
    """Return the two parts of a credential of the kind “user and password”; kinds get it as a header."""
    way, _, parts = context.credential(name).get("Authorization", "").partition(" ")
    if way != "Basic":
        raise Permanent(UnfitCredential.NOT_BASIC(name=name))
    user, _, password = base64.b64decode(parts).decode().partition(":")
    return user, password


def signing_key(context: Context, name: str) -> bytes:
    """Return the key in a credential: the token, the password or the header's value.

    A value with the prefix `whsec_` is Base64.
    """
    header, value = next(iter(context.credential(name).items()))
    if header == "Authorization" and value.startswith("Basic "):
        value = user_and_password(context, name)[1]
    elif header == "Authorization":
        value = value.removeprefix("Bearer ")
    if not value.startswith("whsec_"):
        return value.encode()
    try:
        return base64.b64decode(value.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise Permanent(UnfitCredential.NOT_BASE64(name=name)) from None


def signed(key: bytes, message_id: str, body: bytes) -> dict[str, str]:
    """Return headers that prove origin and age of a body to the receiver; https://www.standardwebhooks.com."""
    at = str(int(time.time()))
    digest = hmac.digest(key, f"{message_id}.{at}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": at,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }
