"""A message as a mail, in plain text and in HTML."""

from email.utils import formataddr
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from notices.messages.content import MessageText, left_out
from notices.messages.subjects import plain

# Entries of a digest; readers with more decisions open the list.
LISTED = 30
_TONES = {"waiting": "#8200db", "urgent": "#9f2d00", "trouble": "#b40006", "over": "#5f6878"}


def choices_url() -> str:
    """Return the page for choosing occasions. Opening it changes nothing."""
    return settings.BASE_URL + reverse("my_messages")


def compose(said: MessageText, address: str, name: str) -> EmailMessage:
    """Compose the mail of one message in the active language. name: its id."""
    host = urlsplit(settings.BASE_URL).hostname or "localhost"
    headers = {
        "Message-ID": f"<{name}@{host}>",
        # Mail programs show the mails about one batch as one thread.
        "References": f"<{said.topic}@{host}>",
        "Auto-Submitted": "auto-generated",
        "List-Unsubscribe": f"<{choices_url()}>",
    }
    sender = formataddr(("Send Gate", settings.ALARM_MAIL_FROM))
    mail = EmailMultiAlternatives(plain(said.subject, 200), text(said), sender, [address], headers=headers)
    mail.attach_alternative(html(said), "text/html")
    return mail


def text(said: MessageText) -> str:
    """Return the plain-text part."""
    parts = [said.headline, *said.lines, _line(said.button, said.url)]
    if said.figures:
        parts.append("\n".join(_line(name, value) for name, value in said.figures))
    if said.reasons:
        lines = (f"- {_line(why, count)}" for why, count in said.reasons)
        parts.append("\n".join([_("Most frequent reasons"), *lines]))
    if said.more:
        parts.append("\n\n".join(f"{what}\n{url}" for what, url in said.more[:LISTED]))
        parts += left_out(said, LISTED)
    parts.append(f"-- \n{foot()}\n{_line(_('Choose what you are told'), choices_url())}")
    return "\n\n".join(parts) + "\n"


def _line(what: str, why: str) -> str:
    return _("%(what)s: %(why)s") % {"what": what, "why": why}


def html(said: MessageText) -> str:
    """Return the HTML part: tables and inline styles, light and dark."""
    context: dict[str, Any] = {
        "said": said,
        "language": get_language(),
        "tone": _TONES[said.tone],
        "label": label(said),
        "place": plain(str(said.data.get("project") or "")),
        "preview": " ".join(said.lines)[:140] or said.headline,
        "more": said.more[:LISTED],
        "left_out": "".join(left_out(said, LISTED)),
        "foot": foot(),
        "choices": choices_url(),
    }
    return render_to_string("notices/mail.html", context)


def label(said: MessageText) -> str:
    """Return one word that rates the message for the reader."""
    return {
        "waiting": _("Waits for a decision"),
        "urgent": _("Little time is left"),
        "trouble": _("Needs a person"),
        "over": _("For your information"),
    }[said.tone]


def foot() -> str:
    return _("Send Gate wrote this by itself. To open the link changes nothing; you decide on the page.")
