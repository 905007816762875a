"""HTTP calls of kinds to a service: one request, with every failure sorted into Later, Retryable or Permanent.

`call` and `ask` send a question and require its answer; `send` delivers data, and leaves the status to the kind.
"""

import io
import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlsplit

import requests
import urllib3
from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from actions.contract import Blocked, Context, Later, Permanent, Retryable, Sentences, gettext_noop
from outbound.guard import Refused
from outbound.rate import rates
from outbound.retry_after import TROUBLE, read_retry_after
from outbound.session import Unreachable

ANSWER_BYTES = 4_000_000
# 425: the service wants the same request again, once the connection is established.
AGAIN = TROUBLE | {425}
# Headers that the HTTP library sets, or a kind by the form of its body.
FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection", "content-type"})


class ServiceFailure(Sentences):
    """Why a service did not answer as required; `host` is its name."""

    ANSWERED = "service.answered", gettext_noop("%(host)s answered %(code)s.")
    NOT_ALLOWED = "service.not_allowed", gettext_noop("%(host)s may not be called (%(code)s).")
    UNREACHABLE = "service.unreachable", gettext_noop("%(host)s could not be reached, or stopped answering.")
    LEFT_ALONE = (
        "service.left_alone",
        gettext_noop("%(host)s has not answered for a while, and is not called for a moment."),
    )
    NOT_JSON = "service.not_json", gettext_noop("The answer of %(host)s is not JSON.")
    TOO_LONG = "service.too_long", gettext_noop("The answer is too long.")
    TOO_SLOW = "service.too_slow", gettext_noop("The answer took too long.")


def check_url(url: str) -> str:
    """Return a service's URL, or raise ValueError with a sentence. The call checks whether the host is allowed."""
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


def url_in_form(value: str) -> str:
    """Return the URL of a configuration; raise the error that forms show."""
    try:
        return check_url(value)
    except ValueError as error:
        raise PydanticCustomError("url", "{why}", {"why": str(error)}) from error


Url = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(url_in_form)]
CredentialName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)]
OptionalCredential = Annotated[
    CredentialName,
    Field(
        title=gettext_noop("Credential"),
        description=gettext_noop(
            "Name of a stored credential, or of one of the environment: “consent” for CREDENTIAL_CONSENT."
        ),
    ),
]


class Declined(Permanent):
    """The service answered with a code that asking again does not change; `status` is that code."""

    def __init__(self, host: str, status: int) -> None:
        super().__init__(ServiceFailure.ANSWERED(host=host, code=status))
        self.status = status


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a service. `body` is sent as JSON, or `data` as it is; None sends none.

    `codes` are answers besides 2xx that the caller reads. `per_second` limits the calls to one host with one
    credential; 0 means no limit. `timeout` is in seconds.
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


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """Answer of a service that works: its status is below 500, and the kind judges it."""

    host: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_done(self) -> bool:
        return 200 <= self.status < 300


class Watched(io.BytesIO):
    """A long body that calls `tick` for each part that is sent, to report progress."""

    def __init__(self, body: bytes, tick: Callable[[], None]) -> None:
        super().__init__(body)
        self._tick = tick

    def read(self, size: int | None = -1, /) -> bytes:
        self._tick()
        return super().read(size)


def ask(context: Context, url: str, question: Any, *, credential: str = "", timeout: float) -> Any:
    """POST a question as JSON and return the answer's JSON; raise Retryable or Permanent as `call` does."""
    return read_json(url, call(context, Call(url, body=question, credential=credential, timeout=timeout))[1])


def call(context: Context, asked: Call) -> tuple[int, bytes]:
    """Ask, and return code and body of the answer; raise Later, Retryable or Permanent.

    Raise Declined for a redirect, and for any code that is neither 2xx nor one of `codes`; otherwise as in `send`.
    """
    answer = _request(context, asked)
    return answer.status, answer.body


def send(
    context: Context,
    method: str,
    url: str,
    body: bytes | Watched,
    headers: Mapping[str, str],
    *,
    timeout: float,
    credential: str = "",
) -> ServiceAnswer:
    """Call a service, and return its answer.

    Raise Retryable for failures that may be retried: 429, 408, 425, 5xx, time-outs and lost connections. A forbidden
    host is Permanent.
    """
    asked = Call(url, method, data=body, headers=headers, timeout=timeout, credential=credential)
    return _request(context, asked, _ANY_CODE)


def read_json(url: str, body: bytes, pairs: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """Return the JSON of an answer; raise Permanent. `pairs` makes each object, as in `json.loads`."""
    try:
        return json.loads(body, object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        raise Permanent(ServiceFailure.NOT_JSON(host=urlsplit(url).hostname or "")) from error


# All statuses below 500, except those that ask for a retry.
_ANY_CODE = frozenset(range(200, 500)) - AGAIN
# The service does not know the caller, or its token has expired.
_UNKNOWN_CALLER = 401


def _request(context: Context, asked: Call, codes: Collection[int] = ()) -> ServiceAnswer:
    """Make one request, and repeat it once if the answer is 401 and the credential has other headers by now."""
    codes = codes or asked.codes
    parts = urlsplit(asked.url)
    used = context.credential(asked.credential) if asked.credential else {}
    service = parts.hostname or "", parts.port, asked.credential.lower()
    if asked.per_second and (wait := rates.of(service).take(asked.per_second)):
        raise Later(wait)
    if not asked.credential:
        return _send(context, asked, asked.headers, codes)
    answer = _send(context, asked, {**asked.headers, **used}, {*codes, _UNKNOWN_CALLER})
    if answer.status == _UNKNOWN_CALLER and (newer := context.renewed(asked.credential, used)) is not None:
        if hasattr(asked.data, "seek"):
            asked.data.seek(0)
        answer = _send(context, asked, {**asked.headers, **newer}, {*codes, _UNKNOWN_CALLER})
    if answer.status == _UNKNOWN_CALLER and _UNKNOWN_CALLER not in codes:
        raise Declined(answer.host, answer.status)
    return answer


def _send(context: Context, asked: Call, headers: Mapping[str, str], codes: Collection[int]) -> ServiceAnswer:
    """Send a request. It takes at most `timeout` seconds, and at most the remaining time.

    A body that is read in parts while it is sent (Watched) may take longer: then the time limits only the answer.
    """
    host = urlsplit(asked.url).hostname or ""
    allowed = max(0.1, min(asked.timeout, context.time_left()))
    began = time.monotonic()
    try:
        with context.http().request(
            asked.method,
            asked.url,
            json=asked.body,
            data=asked.data,
            headers=headers,
            timeout=allowed,
            stream=True,
            allow_redirects=False,
        ) as response:
            if hasattr(asked.data, "read"):
                began = time.monotonic()
            _sort(host, response, codes)
            return ServiceAnswer(host, response.status_code, response.headers, _read_within(response, began + allowed))
    except Refused as error:
        raise Permanent(ServiceFailure.NOT_ALLOWED(host=error.host or host, code=error.code)) from error
    except Unreachable as error:
        if error.word == "held":
            raise Blocked(ServiceFailure.LEFT_ALONE(host=host), error.retry_after) from error
        raise Retryable(ServiceFailure.UNREACHABLE(host=host)) from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise Retryable(ServiceFailure.UNREACHABLE(host=host)) from error


def _sort(host: str, response: requests.Response, codes: Collection[int]) -> None:
    """Raise Retryable or Declined for a status that is no answer."""
    code = response.status_code
    if code in codes:
        return
    if code in AGAIN or code >= 500:
        raise Retryable(
            ServiceFailure.ANSWERED(host=host, code=code), read_retry_after(response.headers.get("Retry-After", ""))
        )
    if not 200 <= code < 300:
        raise Declined(host, code)


def _read_within(response: requests.Response, ends: float) -> bytes:
    """Read the body within bounds of size and time: the session's time-out only limits each wait for data."""
    body = bytearray()
    # read1 returns available data: iter_content would collect whole blocks, however slowly they arrive.
    while block := response.raw.read1(65_536, decode_content=True):
        body += block
        if len(body) > ANSWER_BYTES:
            raise Permanent(ServiceFailure.TOO_LONG())
        if time.monotonic() > ends:
            raise Retryable(ServiceFailure.TOO_SLOW())
    return bytes(body)
