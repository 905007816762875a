"""Parser for the body of a hook: one held sendout, or another event of the same account."""

import hashlib
import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from actions.contract import Sentences, gettext_noop
from actions.sentences import write
from sendouts.symplify import plain
from sendouts.symplify.rows import MAX_URI, Row, RowFindings, RowMaker, named

MAX_NAME = 255  # characters
# Number of characters of a name that are read before accents are composed. No name of MAX_NAME characters needs more,
# and the time for composing grows with the square of a run of accents.
_READ_OF_NAME = 4 * MAX_NAME
# Approximate maximum number of values in one body, counted as commas, and above any accepted hook. Five megabytes of
# commas would become hundreds of megabytes of objects.
MAX_VALUES = 250_000
# Maximum number of actions that are read one by one. The others become one unreadable action, so that the batch goes to
# review.
MAX_ACTIONS = 500
UNREADABLE = "(unreadable)"

_IDENTIFIER_KEYS = ("identifier", "id", "name", "action", "type")
_NAMED_KEYS = ("finishUri", "itemDownloadUri", "actions", "projectName", "journeyName", "sendoutName", "items")


class BodyProblem(Sentences):
    """Reasons why a body cannot be read; they quote nothing of the body."""

    EMPTY = "body.empty", gettext_noop("The body is empty.")
    NOT_TEXT = "body.not_text", gettext_noop("The body is not text in UTF-8: byte %(byte)s is the first bad one.")
    NOT_JSON = "body.not_json", gettext_noop("The body is not JSON: line %(line)s, column %(column)s.")
    NOT_AN_OBJECT = "body.not_an_object", gettext_noop("The body is JSON, but it is not an object.")
    TOO_DEEP = "body.too_deep", gettext_noop("The body is JSON nested more than %(levels)s levels deep.")
    TOO_MANY_VALUES = "body.too_many_values", gettext_noop("The body holds more than %(number)s values.")


class Unreadable(ValueError):
    """The body is not a JSON object or is too large; `text` is the reason as it is stored."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return write(self.text)


@dataclass(frozen=True, slots=True)
class AskedAction:
    """One action that the hook asks for. An unreadable entry has the identifier UNREADABLE and itself as details."""

    identifier: str
    details: Any


@dataclass(frozen=True, slots=True)
class Hook:
    """One held delivery, as the platform announced it.

    Names are trimmed, in Unicode NFC and at most 255 characters; absent URIs are "". `delivery_key` is 64 hex digits,
    equal for the same delivery. `problems` are codes of parts that could not be read as expected; `extra` keeps those
    parts and all unknown keys.
    """

    finish_uri: str
    download_uri: str
    asked: tuple[AskedAction, ...]
    project: str
    journey: str
    sendout: str
    items: tuple[Row, ...]
    delivery_key: str
    extra: dict[str, Any]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OtherEvent:
    """A JSON object without a `finishUri`: another event of the account. `keys` are cut at 255 characters."""

    keys: tuple[str, ...]


def parse(body: bytes) -> Hook | OtherEvent:
    """Parse a body; raise Unreadable. Invalid parts of a hook never raise: its problems name them."""
    given = _object(body)
    found = {key: name for key in _NAMED_KEYS if (name := named(list(given), (key,))) is not None}
    finish_uri = _text(given.get(found.get("finishUri", "")))
    if "finishUri" not in found or not finish_uri:
        return OtherEvent(tuple(_cut(plain.scrub(key)) for key in given))
    return _Parts(given, found).hook(finish_uri)


def is_readable(body: bytes) -> None:
    """Raise Unreadable for exactly the bodies for which parse() raises it."""
    _object(body)


class _Parts:
    """Reader of the parts of one hook that collects their problems."""

    def __init__(self, given: dict[str, Any], found: dict[str, str]) -> None:
        known = set(found.values())
        self._values = {key: given[name] for key, name in found.items() if given[name] is not None}
        self._extra = {key: value for key, value in given.items() if key not in known}
        self._problems: list[str] = []

    def hook(self, finish_uri: str) -> Hook:
        download_uri = self._download_uri()
        items = self._items()
        if download_uri and items:
            self._problem("both_file_and_items")
        if not download_uri and not items:
            self._problem("neither_file_nor_items")
        return Hook(
            finish_uri=self._sound(finish_uri, "finish_uri"),
            download_uri=self._sound(download_uri, "download_uri"),
            asked=self._asked(),
            project=self._name("projectName", "project"),
            journey=self._name("journeyName", "journey"),
            sendout=self._name("sendoutName", "sendout"),
            items=items,
            delivery_key=self._delivery_key(finish_uri, download_uri, items),
            extra=plain.scrub(self._extra),
            problems=tuple(self._problems),
        )

    def _problem(self, code: str, key: str = "") -> None:
        if code not in self._problems:
            self._problems.append(code)
        if key in self._values:
            self._extra[key] = self._values[key]

    def _download_uri(self) -> str:
        value = self._values.get("itemDownloadUri", "")
        if not isinstance(value, str):
            self._problem("download_uri_not_text", "itemDownloadUri")
        return _text(value)

    def _sound(self, uri: str, word: str) -> str:
        if not plain.is_clean(uri):
            self._problem(f"{word}_bad_text")
        if len(uri) > MAX_URI:
            self._problem(f"{word}_too_long")
        return str(plain.scrub(uri))

    def _name(self, key: str, word: str) -> str:
        value = plain.digits(self._values.get(key, ""))
        if not isinstance(value, str):
            self._problem(f"{word}_not_text", key)
            return ""
        name = _normal(value)
        if len(name) > MAX_NAME or len(value.strip()) > _READ_OF_NAME:
            self._problem(f"{word}_cut", key)
        return _cut(name)

    def _items(self) -> tuple[Row, ...]:
        items = self._values.get("items", [])
        if not isinstance(items, list):
            self._problem("items_not_a_list", "items")
            return ()
        maker = RowMaker(RowFindings())
        # Copy the fields: a row takes over its object, and the original values may still be needed.
        return tuple(
            maker.single(dict(item) if isinstance(item, dict) else item, "", place)
            for place, item in enumerate(items, 1)
        )

    def _asked(self) -> tuple[AskedAction, ...]:
        actions = self._values.get("actions", [])
        if isinstance(actions, str):
            entries = [_asked_by_text(actions)] if actions.strip() else []
        elif isinstance(actions, dict):
            entries = [_asked_by_key(key, details) for key, details in islice(actions.items(), MAX_ACTIONS)]
        elif isinstance(actions, list):
            entries = [_asked_by_entry(entry) for entry in actions[:MAX_ACTIONS]]
        else:
            self._problem("actions_not_a_list", "actions")
            entries = [_unreadable(actions)]
        if isinstance(actions, dict | list) and len(actions) > MAX_ACTIONS:
            entries.append(_unreadable(f"{len(actions) - MAX_ACTIONS} more"))
        if any(entry.identifier == UNREADABLE for entry in entries):
            self._problem("unreadable_action")
        return tuple(entries)

    def _delivery_key(self, finish_uri: str, download_uri: str, items: Sequence[Row]) -> str:
        """Return the fingerprint of the delivery: two hooks share a key only if dropping one loses nothing."""
        # Rows without a URI, and items that are not a list, also distinguish deliveries.
        content: list[Any] = [finish_uri, download_uri, sorted(row.uri for row in items if row.uri)]
        rest = sorted(_canonical([row.contact_id, row.fields]) for row in items if not row.uri)
        if "items_not_a_list" in self._problems:
            rest.append(_canonical(self._values["items"]))
        if "download_uri_not_text" in self._problems:
            rest.append(_canonical(self._values["itemDownloadUri"]))
        if rest:
            content.append(rest)
        return hashlib.sha256(_canonical(content).encode("ascii")).hexdigest()


def _object(body: bytes) -> dict[str, Any]:
    if body.count(b",") > MAX_VALUES:
        raise Unreadable(BodyProblem.TOO_MANY_VALUES(number=MAX_VALUES))
    try:
        return plain.decode_object(body)
    except plain.NOT_FAST:
        pass
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(BodyProblem.NOT_TEXT(byte=error.start + 1)) from None
    if not text.strip():
        raise Unreadable(BodyProblem.EMPTY())
    try:
        value = plain.careful(text)
    except plain.NotJson as error:
        raise Unreadable(BodyProblem.NOT_JSON(line=error.line, column=error.column)) from None
    except plain.TooDeep:
        raise Unreadable(BodyProblem.TOO_DEEP(levels=plain.MAX_DEPTH)) from None
    if not isinstance(value, dict):
        raise Unreadable(BodyProblem.NOT_AN_OBJECT())
    return value


def _asked_by_text(text: str) -> AskedAction:
    identifier = _identifier(text)
    return AskedAction(identifier, {}) if identifier else _unreadable(text)


def _asked_by_key(key: str, details: Any) -> AskedAction:
    asked = _asked_by_text(key)
    if asked.identifier == UNREADABLE:
        return _unreadable({key: details})
    return AskedAction(asked.identifier, {} if details is None else plain.scrub(details))


def _asked_by_entry(entry: Any) -> AskedAction:
    if isinstance(entry, str):
        return _asked_by_text(entry)
    if not isinstance(entry, dict):
        return _unreadable(entry)
    for wanted in _IDENTIFIER_KEYS:
        key = named(list(entry), (wanted,))
        value = None if key is None else plain.digits(entry[key])
        if isinstance(value, str) and (identifier := _identifier(value)):
            return AskedAction(identifier, plain.scrub({name: inner for name, inner in entry.items() if name != key}))
    return _unreadable(entry)


def _unreadable(entry: Any) -> AskedAction:
    return AskedAction(UNREADABLE, plain.scrub(entry))


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", plain.scrub(text.strip()[:_READ_OF_NAME])).strip()


def _identifier(text: str) -> str:
    """Return the identifier in a text; "" if there is none or it is too long."""
    identifier = _normal(text)
    return identifier if len(identifier) <= MAX_NAME and len(text.strip()) <= _READ_OF_NAME else ""


def _cut(text: str) -> str:
    return text[:MAX_NAME].rstrip()


def _canonical(value: Any) -> str:
    """Return ASCII text that is equal for equal values; lone surrogates are escaped, since no encoder accepts them."""
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
