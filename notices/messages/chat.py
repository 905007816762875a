"""A message for Slack, for Teams, and for programs. Names in it are plain text: no mentions and no links."""

import base64
import json
import re
from collections.abc import Iterable
from typing import Any

from actions.catalog.shared.signature import signed
from notices.messages.content import MessageText, left_out
from notices.models import Channel
from notices.transports import escaped, is_taken

VERSION = 1
# Entries of a digest.
LISTED = 20
# Longest text that these services accept, in characters; LONGEST leaves room for a sentence after a list.
MOST = 2_990
LONGEST = 2_800
# What these services answer to a message that they post.
_YES = frozenset({"", "ok", "1", "true", "accepted"})
# Slack answers with the name of an error, Teams with a sentence about one; either may come with 200.
_NO = re.compile(r"[a-z]+(?:_[a-z]+)+$|.*\b(?:errors?|fail(?:s|ed|ure)?|invalid|required|denied)\b", re.DOTALL)
_TEAMS_TONES = {"waiting": "accent", "urgent": "warning", "trouble": "attention", "over": "default"}


def body(kind: str, said: MessageText, mark: str) -> bytes:
    """Return the request body. mark: the id of this message, the same at every attempt."""
    content = {Channel.Kind.SLACK: slack, Channel.Kind.TEAMS: teams}.get(Channel.Kind(kind), program)(said)
    if kind == Channel.Kind.JSON:
        content = {"version": VERSION, "id": mark, **content}
    return json.dumps(content, ensure_ascii=False).encode()


def was_taken(kind: str, answer: bytes) -> bool | None:
    """Return whether a channel's answer with 2xx says that the message was posted; None if it does not tell."""
    taken = is_taken(answer)
    if kind == Channel.Kind.JSON or not taken:
        return taken
    said = answer.decode("utf-8", "replace").strip().lower()
    if said in _YES or said.startswith(("{", "[")):
        return True
    return False if _NO.match(said) else None


def headers(kind: str, secret: str, mark: str, content: bytes) -> dict[str, str]:
    """Return headers that let a program detect a repeated message and, with a secret, verify its origin."""
    if kind != Channel.Kind.JSON:
        return {}
    return {"Idempotency-Key": mark, **(signed(key_of(secret), mark, content) if secret else {})}


def key_of(secret: str) -> bytes:
    """Return the key that a secret holds, Base64 if it begins with whsec_. Raises ValueError."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    return base64.b64decode(secret.removeprefix("whsec_"), validate=True)


def slack(said: MessageText) -> dict[str, Any]:
    """Return a text for the notification, and blocks with a button that opens the page."""
    blocks: list[dict[str, Any]] = [_section(f"*{escaped(said.headline)}*")]
    if said.lines:
        blocks.append(_section("\n".join(_take_fitting(map(escaped, said.lines)))))
    if said.figures:
        fields = [{"type": "mrkdwn", "text": f"*{escaped(name)}*\n{escaped(value)}"} for name, value in said.figures]
        blocks.append({"type": "section", "fields": fields[:10]})
    if said.reasons:
        blocks.append(_section("\n".join(_take_fitting(f"• {escaped(why)}: {count}" for why, count in said.reasons))))
    if said.more:
        links = _take_fitting(f"• <{url}|{escaped(what)}>" for what, url in said.more[:LISTED])
        blocks.append(_section("\n".join([*links, *left_out(said, len(links))])))
    button = {"type": "button", "text": {"type": "plain_text", "text": said.button[:75]}, "url": said.url}
    blocks.append({"type": "actions", "elements": [button]})
    return {"text": escaped(said.subject), "blocks": blocks}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:MOST]}}


def _take_fitting(lines: Iterable[str]) -> list[str]:
    """Return as many whole lines as fit, with room for one more: a truncated link does not work."""
    kept: list[str] = []
    for line in lines:
        if sum(map(len, kept)) + len(kept) + len(line) > LONGEST:
            break
        kept.append(line)
    return kept


def teams(said: MessageText) -> dict[str, Any]:
    """Return an adaptive card for Teams workflows. Its text runs are not read as Markdown."""
    rows: list[dict[str, Any]] = [_runs(said.headline, color=_TEAMS_TONES[said.tone], weight="bolder", size="large")]
    rows += [_runs(line) for line in said.lines]
    rows += [_pair(name, value) for name, value in (*said.figures, *said.reasons)]
    for what, url in said.more[:LISTED]:
        rows.append(_runs(what, selectAction={"type": "Action.OpenUrl", "url": url}))
    rows += [_runs(sentence, isSubtle=True) for sentence in left_out(said, LISTED)]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": said.subject,
        "msteams": {"width": "Full"},
        "body": rows,
        "actions": [{"type": "Action.OpenUrl", "title": said.button, "url": said.url}],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "summary": said.subject, "attachments": [attachment]}


def _runs(text: str, **style: Any) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}


def _pair(name: str, value: str) -> dict[str, Any]:
    columns = [
        {"type": "Column", "width": width, "items": [_runs(text, **style)]}
        for text, width, style in ((name, "stretch", {"isSubtle": True}), (value, "auto", {"weight": "bolder"}))
    ]
    return {"type": "ColumnSet", "spacing": "small", "columns": columns}


def program(said: MessageText) -> dict[str, Any]:
    """Return words and numbers under stable names, and the sentence for people."""
    return {**said.data, "subject": said.subject, "text": said.headline}
