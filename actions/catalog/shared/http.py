"""How kinds ask a service: a question, its answer, and every failure sorted into retryable or permanent."""

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from actions.contract import Context, Later, Permanent, Retryable, Sentences, gettext_noop
from outbound.guard import Refused
from outbound.rate import rates
from outbound.session import Unreachable

ANSWER_BYTES = 4_000_000
LONGEST_WAIT = 3600.0
AGAIN = frozenset({408, 425, 429})


class ServiceFailure(Sentences):
    """Why a service did not give what it was asked for; `host` is its name."""

    ANSWERED = "service.answered", gettext_noop("%(host)s answered %(code)s.")
    NOT_ALLOWED = "service.not_allowed", gettext_noop("%(host)s may not be called (%(code)s).")
    UNREACHABLE = "service.unreachable", gettext_noop("%(host)s could not be reached, or stopped answering.")
    LEFT_ALONE = (
        "service.left_alone",
        gettext_noop("%(host)s has not answered for a while, and is left alone for a moment."),
    )
    NOT_JSON = "service.not_json", gettext_noop("The answer of %(host)s is not JSON.")
    TOO_LONG = "service.too_long", gettext_noop("The answer is too long.")
    TOO_SLOW = "service.too_slow", gettext_noop("The answer took too long.")


def check_url(url: str) -> str:
    """Return a service's URL, or raise ValueError with a sentence. Whether its host is allowed shows on calling."""
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        raise ValueError(gettext_noop("This is not a URL.")) from None
    if not fine or any(char.isspace() or not char.isprintable() for char in url):
        raise ValueError(gettext_noop("Give a URL that begins with https:// or http://."))
    if parts.username is not None or parts.password is not None:
        raise ValueError(gettext_noop("Leave user and password out of the URL; name a credential instead."))
    return url


class Declined(Permanent):
    """The service answered with a code that asking again does not change; `status` is that code."""

    def __init__(self, host: str, status: int) -> None:
        super().__init__(ServiceFailure.ANSWERED(host=host, code=status))
        self.status = status


@dataclass(frozen=True, slots=True)
class Call:
    """One question to a service. `body` is sent as JSON, or `data` as it is; None sends none.

    `codes` are answers that the caller reads besides 2xx. `per_second` calls at most are made to one host with one credential;
    0 means no limit.
    """

    url: str
    method: str = "POST"
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    credential: str = ""
    timeout: float = 10.0
    per_second: float = 0.0
    codes: Collection[int] = ()
    data: Any = None


def ask(context: Context, url: str, question: Any, *, credential: str = "", timeout: float) -> Any:
    """POST a question as JSON and return the answer's JSON; raises Retryable or Permanent as `call` does."""
    return read_json(url, call(context, Call(url, body=question, credential=credential, timeout=timeout))[1])


def call(context: Context, asked: Call) -> tuple[int, bytes]:
    """Ask, and return code and body of the answer; raises Later, Retryable or Permanent.

    The whole call takes at most `timeout` seconds, and no longer than the time that is left. 429, 408, 425, 5xx,
    time-outs and lost connections may be repeated; a redirect and any other code (Declined) may not.
    """
    parts = urlsplit(asked.url)
    host = parts.hostname or ""
    headers = {**asked.headers, **(context.credential(asked.credential) if asked.credential else {})}
    service = host, parts.port, asked.credential.lower()
    if asked.per_second and (wait := rates.of(service).take(asked.per_second)):
        raise Later(wait)
    ends = time.monotonic() + max(0.1, min(asked.timeout, context.time_left()))
    try:
        with context.http().request(
            asked.method,
            asked.url,
            json=asked.body,
            data=asked.data,
            headers=headers,
            timeout=_seconds_to(ends),
            stream=True,
            allow_redirects=False,
        ) as response:
            code = response.status_code
            if code not in asked.codes:
                if code in AGAIN or code >= 500:
                    why = ServiceFailure.ANSWERED(host=host, code=code)
                    raise Retryable(why, retry_after(response.headers.get("Retry-After")))
                if not 200 <= code < 300:
                    raise Declined(host, code)
            return code, read_within(response, ends)
    except Refused as error:
        raise Permanent(ServiceFailure.NOT_ALLOWED(host=error.host or host, code=error.code)) from error
    except Unreachable as error:
        if error.word == "held":
            raise Retryable(ServiceFailure.LEFT_ALONE(host=host), error.retry_after) from error
        raise Retryable(ServiceFailure.UNREACHABLE(host=host)) from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise Retryable(ServiceFailure.UNREACHABLE(host=host)) from error


def read_json(url: str, body: bytes) -> Any:
    """The JSON that an answer holds; raises Permanent."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Permanent(ServiceFailure.NOT_JSON(host=urlsplit(url).hostname or "")) from error


def _seconds_to(ends: float) -> float:
    return max(0.1, ends - time.monotonic())


def read_within(response: requests.Response, ends: float) -> bytes:
    """Read the body within bounds of size and time: the session's own time-out only bounds each wait for data."""
    body = bytearray()
    # read1 hands over what is there: iter_content would gather whole blocks, however slowly they drip.
    while block := response.raw.read1(65_536, decode_content=True):
        body += block
        if len(body) > ANSWER_BYTES:
            raise Permanent(ServiceFailure.TOO_LONG())
        if time.monotonic() > ends:
            raise Retryable(ServiceFailure.TOO_SLOW())
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
