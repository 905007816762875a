"""Send messages by mail and by hook, and classify failures."""

import smtplib
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

import structlog
from django.core.mail import EmailMessage, get_connection

from outbound.guard import AllowList, Refused
from outbound.retry_after import read_retry_after
from outbound.session import GuardedSession, Unreachable

log = structlog.get_logger(__name__)
HOOK_TIMEOUT = (5.0, 10.0)
# About an hour of retries: covers a restart of a mail server or an outage of a chat service.
ATTEMPTS = 9
FIRST_PAUSE, LONGEST_PAUSE = 15.0, 1_800.0
# The sending process died: the outcome is unknown.
LOST_AFTER = timedelta(minutes=5)


class NotSent(Exception):
    """The message certainly did not leave, or was not taken."""

    # In seconds, if the other side says when to try again.
    retry_after: float | None = None


class Lost(Exception):
    """The message may have left; its answer did not come."""


def escaped(text: str) -> str:
    """Escape Slack's three special characters, so that a name cannot mention anybody.

    A star or an underscore in it may still change the style of the text.
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mail(message: EmailMessage) -> None:
    """Hand one mail to the mail server; raises NotSent or Lost. Never call it inside a transaction."""
    server = get_connection()
    message.connection = server
    opened = False
    try:
        server.open()
        opened = True
        message.send()
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


def post(url: str, body: bytes, allow: AllowList, *, word: str, headers: Mapping[str, str] | None = None) -> None:
    """Post JSON behind the guard; raises NotSent or Lost. The URL is a secret: never put it in a log or an error.

    word: prefix of the log events, such as `alarm_hook`.
    """
    try:
        with GuardedSession(allow, HOOK_TIMEOUT) as session:
            answer = session.post(
                url, data=body, headers={"Content-Type": "application/json", **(headers or {})}, stream=True
            )
            # Do not read the body: it may be long, and the status is enough.
            status, wait = answer.status_code, read_retry_after(answer.headers.get("Retry-After", ""))
            answer.close()
    except Refused as refused:
        log.warning(f"{word}_refused", code=refused.code)
        raise NotSent from None
    except Unreachable as error:
        log.warning(f"{word}_failed", word=error.word)
        raise (Lost if error.sent else NotSent) from None
    if not 200 <= status < 300:
        log.warning(f"{word}_failed", status=status)
        failure = NotSent()
        failure.retry_after = wait
        raise failure
