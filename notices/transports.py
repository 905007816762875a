"""The two ways to a recipient, a mail and a hook, and whether a failed send may have arrived."""

import smtplib
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import requests
import structlog
from django.core.mail import EmailMessage, get_connection
from urllib3.exceptions import HTTPError

from outbound.body import find_fault
from outbound.guard import AllowList, Refused
from outbound.retry_after import read_retry_after
from outbound.session import GuardedSession, Unreachable

log = structlog.get_logger(__name__)
HOOK_TIMEOUT = (5.0, 10.0)
# Bytes of an answer that are read, and the seconds for them: a receiver says in a word whether it took the message.
HOOK_ANSWER, HOOK_ANSWER_SECONDS = 4_096, 10.0


class NotSent(Exception):
    """The message certainly did not leave, or was not taken."""

    def __init__(self, retry_after: float | None = None) -> None:
        """retry_after: seconds, if the other side says when to try again."""
        super().__init__()
        self.retry_after = retry_after


class Lost(Exception):
    """The message may have left; its answer did not come."""


def escaped(text: str) -> str:
    """Escape Slack's three special characters, so that a name cannot mention anybody.

    A star or an underscore in it may still change the style of the text.
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Transport(Protocol):
    """One message with its way to the recipient."""

    def send(self) -> None:
        """Send it; raises NotSent or Lost. Never call it inside a transaction."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail for the mail server."""

    message: EmailMessage

    def send(self) -> None:
        self.message.connection = server = get_connection()
        opened = False
        try:
            server.open()
            opened = True
            self.message.send()
        except (smtplib.SMTPException, OSError) as error:
            log.warning("mail_failed", error=type(error).__name__)
            # After a disconnect the server may have taken the mail; a negative answer means that it did not.
            cut = isinstance(error, smtplib.SMTPServerDisconnected | OSError) and not isinstance(
                error, smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused
            )
            raise (Lost if opened and cut else NotSent) from None
        finally:
            with suppress(smtplib.SMTPException, OSError):
                server.close()


def is_taken(body: bytes) -> bool | None:
    """Return whether a receiver that answered 2xx took the message; None if its answer does not tell."""
    return not find_fault(body)


@dataclass(frozen=True, slots=True)
class HookCall:
    """JSON for a hook behind the guard. The URL is a secret: it is in no log and no error.

    word: prefix of the log events, such as `alarm_hook`. taken: reads the body of an answer with 2xx, as `is_taken`.
    """

    url: str = field(repr=False)
    body: bytes
    allow: AllowList
    word: str
    headers: Mapping[str, str] = field(default_factory=dict)
    taken: Callable[[bytes], bool | None] = is_taken

    def send(self) -> None:
        headers = {"Content-Type": "application/json", **self.headers}
        try:
            with GuardedSession(self.allow, HOOK_TIMEOUT) as session:
                answer = session.post(self.url, data=self.body, headers=headers, stream=True)
                status, wait = answer.status_code, read_retry_after(answer.headers.get("Retry-After", ""))
                said = _read_beginning(answer) if 200 <= status < 300 else b""
                answer.close()
        except Refused as refused:
            log.warning(f"{self.word}_refused", code=refused.code)
            raise NotSent from None
        except Unreachable as error:
            log.warning(f"{self.word}_failed", word=error.word)
            raise (Lost if error.sent else NotSent) from None
        if not 200 <= status < 300:
            log.warning(f"{self.word}_failed", status=status)
            raise NotSent(wait)
        taken = self.taken(said)
        if not taken:
            log.warning(f"{self.word}_failed", status=status, word="unclear" if taken is None else "said_no")
            raise Lost if taken is None else NotSent(wait)


def _read_beginning(answer: requests.Response) -> bytes:
    """Return the first bytes of a body; what breaks off or comes too slowly ends there."""
    said, ends = b"", time.monotonic() + HOOK_ANSWER_SECONDS
    with suppress(HTTPError, OSError):
        while len(said) < HOOK_ANSWER and time.monotonic() < ends:
            block = answer.raw.read1(HOOK_ANSWER, decode_content=True)
            if not block:
                break
            said += block
    return said
