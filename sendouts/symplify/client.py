"""HTTP calls to the platform: send rejections and the finish, download the contact file."""

import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

import re2

from outbound.body import BodyFault, find_fault
from outbound.breaker import breakers
from outbound.download import BLOCK, Download, download
from outbound.fanout import Fanout, FanoutAnswer, FanoutCall, Patience, endless, never
from outbound.guard import AllowList, Refused, origin, resolve
from outbound.retry_after import read_retry_after
from outbound.session import GuardedSession, Unreachable

CONFIRMING = frozenset(range(200, 300))
GONE = frozenset({409, 410})
LATER = frozenset({408, 429})
# Of a download: the file is not ready yet.
NOT_YET = frozenset({202, 204})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 3
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
# Number of settings for which one thread keeps connections: the current account's, and those before the last changes of
# the host list.
KEPT_CLIENTS = 4


@dataclass(frozen=True, slots=True)
class Platform:
    """Settings for calls to the platform, none of which it documents. Times are in seconds.

    `confirm_body` and `refuse_body` are patterns: the body of an answer that confirms must hold the one, and must not
    hold the other. `slowest_download`: minimum rate of a contact file in bytes per second.
    """

    allow: AllowList
    confirm_codes: frozenset[int] = CONFIRMING
    confirm_body: str = ""
    refuse_body: str = ""
    concurrency: int = 256
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 20.0
    connect_timeout: float = 5.0
    download_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    slowest_download: float = 0.0


_TOLERANT = Platform(AllowList())


class CallOutcome(StrEnum):
    """Outcome of one call, by the contract. HELD: no call was made, because calls to the platform are blocked."""

    CONFIRMED = "confirmed"
    REFUSED = "refused"
    LOST = "lost"
    RETRY = "retry"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Ask:
    """One rejection or finish to send.

    `repeat_of_lost`: the answer to an earlier attempt was lost (time-out, reset, kill). `nobody_left`: for a finish,
    the batch has no message left to send.
    """

    key: Any
    uri: str
    repeat_of_lost: bool = False
    nobody_left: bool = False


class Attempt(NamedTuple):
    """Outcome of one Ask. `status` is 0 if no answer came; `code` and `host` name what the guard refused.

    `said_no`: the status confirms, and the body does not.
    """

    key: Any
    outcome: CallOutcome
    status: int
    retry_after: float | None
    code: str = ""
    host: str = ""
    said_no: bool = False
    seconds: float = 0.0


class DownloadFailed(Exception):
    """The platform did not give the contact file.

    `status` is the HTTP status, 0 without an answer. `retry_after` is the pause that the platform asked for, in
    seconds. `held`: no call was made, because calls are blocked. `expired`: the answer says that the link has expired.
    The URI is not kept, because it is a capability.
    """

    def __init__(
        self, status: int = 0, retry_after: float | None = None, held: bool = False, expired: bool = False
    ) -> None:
        super().__init__(status, retry_after)
        self.status = status
        self.retry_after = retry_after
        self.held = held
        self.expired = expired


class RetryableFailure(DownloadFailed):
    """The platform could not answer now; the same call may succeed later."""


class PermanentFailure(DownloadFailed):
    """The platform refused, and repeating the call will not change that."""


class NotAllowed(PermanentFailure):
    """The gateway may not call this host; `code` and `host` name what the guard refused."""

    def __init__(self, code: str, host: str) -> None:
        super().__init__()
        self.code = code
        self.host = host


_WITHOUT_ANSWER = {"refused": CallOutcome.REFUSED, "held": CallOutcome.HELD}


def judge(
    answer: FanoutAnswer, *, repeat_of_lost: bool, nobody_left: bool = False, platform: Platform = _TOLERANT
) -> CallOutcome:
    """Return the outcome that an answer means.

    A status that confirms does so only with a body that does. Any other body asks for a retry, as 408, 429 and 5xx do:
    the call did not take effect. 409 and 410 mean that the message is gone. They confirm a repeat of a lost attempt,
    and a call with nobody left. For a first attempt they are a refusal, like every other 3xx and 4xx. A retry answer
    to a repeat keeps the outcome LOST: the earlier attempt may still have succeeded.
    """
    later = CallOutcome.LOST if repeat_of_lost else CallOutcome.RETRY
    if not answer.status:
        return later if answer.error == "unsent" else _WITHOUT_ANSWER.get(answer.error, CallOutcome.LOST)
    if answer.status in platform.confirm_codes:
        fault = find_body_fault(platform, answer)
        if fault is BodyFault.CUT:
            return CallOutcome.LOST
        return later if fault else CallOutcome.CONFIRMED
    if answer.status in GONE and (repeat_of_lost or nobody_left):
        return CallOutcome.CONFIRMED
    if answer.status in LATER or answer.status >= 500:
        return later
    return CallOutcome.REFUSED


def find_body_fault(platform: Platform, answer: FanoutAnswer) -> BodyFault:
    """Return why the body of an answer takes the word of its status back, by the settings and by itself.

    A body that holds what the settings ask for needs no other proof.
    """
    if platform.refuse_body and _pattern(platform.refuse_body).search(answer.body):
        return BodyFault.ERROR
    if platform.confirm_body:
        if _pattern(platform.confirm_body).search(answer.body):
            return BodyFault.NONE
        return BodyFault.CUT if answer.cut else BodyFault.ERROR
    return find_fault(answer.body, cut=answer.cut) if answer.body or answer.cut else BodyFault.NONE


@lru_cache(maxsize=8)
def _pattern(text: str) -> Any:
    return re2.compile(text.encode())


def reject_many(
    platform: Platform, asks: Iterable[Ask], stop: Callable[[], bool] = never, *, patience: Patience = endless
) -> Iterator[list[Attempt]]:
    """Send rejections concurrently; yield attempts as answers come, at least every 0.25 s. See Fanout.send()."""
    return _call_many(platform, asks, stop, patience)


def finish_many(
    platform: Platform, asks: Iterable[Ask], stop: Callable[[], bool] = never, *, patience: Patience = endless
) -> Iterator[list[Attempt]]:
    """Send finishes concurrently, with the same results as reject_many()."""
    return _call_many(platform, asks, stop, patience)


def _call_many(
    platform: Platform, asks: Iterable[Ask], stop: Callable[[], bool], patience: Patience
) -> Iterator[list[Attempt]]:
    calls = (FanoutCall(ask, ask.uri) for ask in asks)
    for answers in _fanout(platform).send(calls, stop=stop, patience=patience):
        yield [_attempt(platform, answer) for answer in answers]


def _attempt(platform: Platform, answer: FanoutAnswer) -> Attempt:
    ask: Ask = answer.key
    outcome = judge(
        answer,
        repeat_of_lost=ask.repeat_of_lost,
        nobody_left=ask.nobody_left,
        platform=platform,
    )
    code, host = (answer.refusal.code, answer.refusal.host) if answer.refusal else ("", "")
    said_no = outcome is not CallOutcome.CONFIRMED and answer.status in platform.confirm_codes
    return Attempt(ask.key, outcome, answer.status, answer.retry_after, code, host, said_no, answer.seconds)


class _Kept(threading.local):
    """HTTP clients of one thread, newest last, kept so that connections survive between batches."""

    def __init__(self) -> None:
        self.fanouts: OrderedDict[Any, Fanout] = OrderedDict()
        self.sessions: OrderedDict[Any, GuardedSession] = OrderedDict()


_kept = _Kept()


def _fanout(platform: Platform) -> Fanout:
    # The key includes the process: a connection shared with a forked child would mix up answers.
    headers = tuple(sorted(platform.headers.items()))
    times = (platform.timeout, platform.connect_timeout)
    key = (os.getpid(), platform.allow, platform.method, headers, times, platform.concurrency)
    fanout = _kept.fanouts.pop(key, None)
    if fanout is None or fanout.busy:
        fanout = Fanout(
            platform.allow,
            method=platform.method,
            headers=platform.headers,
            timeout=platform.timeout,
            connect_timeout=platform.connect_timeout,
            max_at_once=platform.concurrency,
        )
    _kept.fanouts[key] = fanout
    while len(_kept.fanouts) > KEPT_CLIENTS:
        _, oldest = _kept.fanouts.popitem(last=False)
        if not oldest.busy:
            oldest.close()
    return fanout


def _session(platform: Platform) -> GuardedSession:
    key = (os.getpid(), platform.allow, platform.timeout, platform.connect_timeout)
    session = _kept.sessions.pop(key, None) or GuardedSession(
        platform.allow, timeout=(platform.connect_timeout, platform.timeout), breakers=breakers
    )
    _kept.sessions[key] = session
    if len(_kept.sessions) > KEPT_CLIENTS:
        # Do not close it: one of its files may still be in use. Its connections close with the last reference.
        _kept.sessions.popitem(last=False)
    return session


def wait_before(platform: Platform, uri: str) -> float:
    """Return the seconds until the platform behind this URI may be called; 0 if now, or if never."""
    try:
        target = platform.allow.check_uri(uri)
    except Refused:
        return 0.0
    return breakers.of(target.host, target.port).wait()


@dataclass(frozen=True, slots=True)
class KnownPart:
    """The part of a contact file that came already: its bytes, and the headers of its answer by lower-case name."""

    received: int
    headers: Mapping[str, str]

    def asks(self) -> dict[str, str]:
        """Return the headers that ask for the rest, if the file is still the same; empty if the server marked none."""
        tag = self.headers.get("etag", "")
        mark = tag if tag.startswith('"') else self.headers.get("last-modified", "")
        return {"Range": f"bytes={self.received}-", "If-Range": mark} if mark and self.received else {}

    def continues(self, headers: Mapping[str, str]) -> bool:
        """Return whether an answer with status 206 is the rest of this file."""
        found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
        if found is None or int(found[1]) != self.received or (found[3] != "*" and int(found[3]) != int(found[2]) + 1):
            return False
        return headers.get("Content-Encoding", "") == self.headers.get("content-encoding", "")


def open_contacts(
    platform: Platform, uri: str, *, seconds: float = float("inf"), part: KnownPart | None = None, block: int = BLOCK
) -> Download:
    """Start the download of a contact file, which must end within `seconds`; return a context manager.

    `part`: ask for the rest only; the result says in `resumed` whether it is the rest, or the whole file again. Up to
    three redirects to hosts of the list are followed. `block`: as for outbound.download.download().

    Raises RetryableFailure (no answer, 202, 204, 408, 429, 5xx, or calls are blocked) and NotAllowed if the guard
    refuses the host. Every other status except 200 raises PermanentFailure.
    """
    asks = part.asks() if part else {}
    source = _follow(platform, uri, seconds, asks, block)
    if asks and part is not None and source.status != 200:
        if source.status == 206 and part.continues(source.headers):
            source.resumed = True
            return source
        source.close()
        if source.status in {206, 412, 416}:
            source = _follow(platform, uri, seconds, {}, block)
    if source.status == 200:
        return source
    with source:
        if source.status in NOT_YET or source.status in LATER or source.status >= 500:
            raise RetryableFailure(source.status, read_retry_after(source.headers.get("Retry-After", "")))
        raise PermanentFailure(source.status, expired=source.status == 403 and b"expired" in source.start(4096).lower())


def _follow(platform: Platform, uri: str, seconds: float, asks: Mapping[str, str], block: int) -> Download:
    """Return the answer to a GET, behind up to MAX_REDIRECTS redirects, each checked like the first address."""
    headers = {**platform.download_headers, **asks}
    for _ in range(MAX_REDIRECTS + 1):
        try:
            source = download(
                _session(platform),
                uri,
                block=block,
                headers=headers,
                least_rate=platform.slowest_download,
                seconds=seconds,
            )
        except Refused as refusal:
            raise NotAllowed(refusal.code, refusal.host) from refusal
        except Unreachable as error:
            raise RetryableFailure(retry_after=error.retry_after, held=error.word == "held") from error
        place = source.headers.get("Location", "")
        if source.status not in REDIRECTS or not place:
            return source
        source.close()
        found = resolve(uri, place)
        if origin(found) != origin(uri):
            # What authorises us at one host is not for another.
            headers = dict(asks)
        uri = found
    raise PermanentFailure(source.status)
