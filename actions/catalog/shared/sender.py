"""How kinds call services that take what they are given: any body, and every answer sorted into done, again, and no."""

import base64
import binascii
import hashlib
import hmac
import io
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

import requests
import urllib3
from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from actions.catalog.shared.http import AGAIN, ServiceFailure, check_url, read_within, retry_after
from actions.contract import Context, Permanent, Retryable, Sentences, gettext_noop
from outbound.guard import Refused


class UnfitCredential(Sentences):
    """Why a credential cannot be used for what it is named for."""

    UNKNOWN = "credential.unknown", gettext_noop("No credential is called “%(name)s”.")
    SEALED = (
        "credential.sealed",
        gettext_noop("The credential “%(name)s” cannot be opened with the keys in ENCRYPTION_KEYS."),
    )
    NOT_BASIC = "credential.not_basic", gettext_noop("The credential “%(name)s” is not a user and a password.")
    NOT_BASE64 = (
        "credential.not_base64",
        gettext_noop("The credential “%(name)s” begins with whsec_, but is not Base64."),
    )


def _url(value: str) -> str:
    try:
        return check_url(value)
    except ValueError as error:
        raise PydanticCustomError("url", "{why}", {"why": str(error)}) from error


Url = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(_url)]
CredentialName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said that is there and not in trouble: its status, below 500, is for the kind to judge."""

    host: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_done(self) -> bool:
        return 200 <= self.status < 300


class Watched(io.BytesIO):
    """A long body that says, whenever some of it leaves, that the work goes on."""

    def __init__(self, body: bytes, tick: Callable[[], None]) -> None:
        super().__init__(body)
        self._tick = tick

    def read(self, size: int | None = -1, /) -> bytes:
        self._tick()
        return super().read(size)


def send(
    context: Context, method: str, url: str, body: bytes | Watched, headers: Mapping[str, str], *, timeout: float
) -> Answer:
    """Call a service once; raises Retryable where it may be called again: 429, 408, 425, 5xx, time-outs, lost connections.

    `timeout` is in seconds for each wait, and for the answer as a whole. A host that may not be called is Permanent.
    """
    host = urlsplit(url).hostname or ""
    allowed = max(0.1, min(timeout, context.time_left()))
    try:
        with context.http().request(
            method, url, data=body, headers=headers, timeout=allowed, stream=True, allow_redirects=False
        ) as response:
            if response.status_code in AGAIN or response.status_code >= 500:
                wait = retry_after(response.headers.get("Retry-After"))
                raise Retryable(ServiceFailure.ANSWERED(host=host, code=response.status_code), wait)
            content = read_within(response, time.monotonic() + allowed)
            return Answer(host, response.status_code, response.headers, content)
    except Refused as error:
        raise Permanent(ServiceFailure.NOT_ALLOWED(host=error.host or host, code=error.code)) from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise Retryable(ServiceFailure.UNREACHABLE(host=host)) from error


def user_and_password(context: Context, name: str) -> tuple[str, str]:
    """The two parts of a credential of the kind “user and password”, which kinds know as the header it sends."""
    way, _, parts = context.credential(name).get("Authorization", "").partition(" ")
    if way != "Basic":
        raise Permanent(UnfitCredential.NOT_BASIC(name=name))
    user, _, password = base64.b64decode(parts).decode().partition(":")
    return user, password


def signing_key(context: Context, name: str) -> bytes:
    """The key that a credential holds: the token, the password or the header's value; Base64 where it begins with whsec_."""
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
    """The headers by which a receiver knows that a body is ours and fresh; https://www.standardwebhooks.com."""
    at = str(int(time.time()))
    digest = hmac.digest(key, f"{message_id}.{at}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": at,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }
