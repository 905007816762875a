"""How kinds ask a service: one JSON question, one JSON answer, and every failure sorted into retryable or permanent."""

import json
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from actions.contract import Context, Permanent, Retryable
from outbound.guard import Refused

ANSWER_BYTES = 4_000_000
LONGEST_WAIT = 3600.0
AGAIN = frozenset({408, 425, 429})


def check_url(url: str) -> str:
    """Return a service's URL, or raise ValueError with a sentence. Whether its host is allowed shows on calling."""
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        raise ValueError("This is not a URL.") from None
    if not fine or any(char.isspace() or not char.isprintable() for char in url):
        raise ValueError("Give a URL that begins with https:// or http://.")
    if parts.username is not None or parts.password is not None:
        raise ValueError("Leave user and password out of the URL; name a credential instead.")
    return url


def ask(context: Context, url: str, question: Any, *, credential: str = "", timeout: float) -> Any:
    """POST a question as JSON and return the answer's JSON; raises Retryable or Permanent.

    The whole call takes at most `timeout` seconds, and no longer than the time that is left. 429, 408, 425, 5xx,
    time-outs and lost connections may be repeated; a redirect, any other code, and what is not JSON may not.
    """
    host = urlsplit(url).hostname
    ends = time.monotonic() + max(0.1, min(timeout, context.time_left()))
    headers = dict(context.credential(credential)) if credential else {}
    try:
        with context.http().post(
            url, json=question, headers=headers, timeout=_seconds_to(ends), stream=True, allow_redirects=False
        ) as response:
            if response.status_code in AGAIN or response.status_code >= 500:
                wait = retry_after(response.headers.get("Retry-After"))
                raise Retryable(f"{host} answered {response.status_code}.", wait)
            if not 200 <= response.status_code < 300:
                raise Permanent(f"{host} answered {response.status_code}.")
            body = read_within(response, ends)
    except Refused as error:
        raise Permanent(f"{error.host or host} may not be called ({error.code}).") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise Retryable(f"{host} could not be reached, or stopped answering.") from error
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Permanent(f"The answer of {host} is not JSON.") from error


def _seconds_to(ends: float) -> float:
    return max(0.1, ends - time.monotonic())


def read_within(response: requests.Response, ends: float) -> bytes:
    """Read the body within bounds of size and time: the session's own time-out only bounds each wait for data."""
    body = bytearray()
    # read1 hands over what is there: iter_content would gather whole blocks, however slowly they drip.
    while block := response.raw.read1(65_536, decode_content=True):
        body += block
        if len(body) > ANSWER_BYTES:
            raise Permanent("The answer is too long.")
        if time.monotonic() > ends:
            raise Retryable("The answer took too long.")
    return bytes(body)


def retry_after(value: str | None) -> float | None:
    """Read the header in either form, as seconds from now, at most an hour; None where it says nothing readable."""
    text = (value or "").strip()
    try:
        seconds = float(text) if text.isdigit() else (_date(text) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, seconds), LONGEST_WAIT)


def _date(text: str) -> datetime:
    date = parsedate_to_datetime(text)
    return date if date.tzinfo else date.replace(tzinfo=UTC)
