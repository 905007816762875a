"""Parser for the body of a hook: one held sendout, or another event of the same account."""

import hashlib
import json
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import Any

from actions.names import NOTHING
from sendouts.symplify import plain
from sendouts.symplify.envelopes import (
    BodyProblem,
    NotUnderstood,
    Search,
    Unreadable,
    check_size,
    not_text,
    read_json,
)
from sendouts.symplify.rows import MAX_URI, Row, RowFindings, RowMaker, named

MAX_NAME = 255  # characters
# Number of characters of a name that are read before accents are composed. No name of MAX_NAME characters needs more,
# and the time for composing grows with the square of a run of accents.
_READ_OF_NAME = 4 * MAX_NAME
# Maximum number of actions that are read one by one. The others become one unreadable action, so that the batch goes to
# review.
MAX_ACTIONS = 500
# A hook with more items that are no contacts, if they are most of its items, is unreadable: none of them is stored.
MAX_UNREAD = 1_000
UNREADABLE = "(unreadable)"

_IDENTIFIER_KEYS = ("identifier", "id", "name", "action", "type")
_NAMED_KEYS = ("finishUri", "itemDownloadUri", "actions", "projectName", "journeyName", "sendoutName", "items")


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
    parts and all unknown keys. `invisible` counts ids and URIs of items that had invisible characters.
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
    invisible: int = 0


@dataclass(frozen=True, slots=True)
class OtherEvent:
    """A JSON object that names no hook: another event of the account. `keys` are cut at 255 characters."""

    keys: tuple[str, ...]


def parse(body: bytes, empty_words: frozenset[str] | None = None) -> Hook | OtherEvent:
    """Parse a body; raise Unreadable. Invalid parts of a hook are its problems; they raise only if most items are.

    empty_words: those of its plan, once it has one; then its items do not raise any more.
    """
    value, problems = read_json(body)
    if isinstance(value, dict) and _finish_uri(value):
        return _hook(value, problems, words=empty_words)
    search = Search(value)
    hooks = {
        hook.delivery_key: hook
        for hook in (
            _hook(each, problems, known=known, words=empty_words)
            for each, known in sorted(search.found, key=itemgetter(1))
        )
    }
    if search.pointer:
        raise NotUnderstood(BodyProblem.S3_POINTER())
    if len(hooks) > 1:
        raise NotUnderstood(BodyProblem.SEVERAL_HOOKS(number=len(hooks)))
    if search.without_uri:
        raise NotUnderstood(BodyProblem.NO_FINISH_URI())
    if hooks:
        return hooks.popitem()[1]
    if search.named:
        raise NotUnderstood(BodyProblem.NOT_UNDERSTOOD())
    if search.old_gate:
        raise NotUnderstood(BodyProblem.OLD_GATE())
    if not isinstance(value, dict):
        raise Unreadable(BodyProblem.NOT_AN_OBJECT())
    if problems:
        raise not_text(body)
    return OtherEvent(tuple(_cut(plain.scrub(key)) for key in value))


def is_readable(body: bytes) -> None:
    """Raise Unreadable for exactly the bodies for which parse() raises it, except NotUnderstood."""
    check_size(body)
    try:
        plain.check_object(body)
    except plain.NOT_FAST:
        with suppress(NotUnderstood):
            parse(body)


def _hook(value: dict[str, Any], problems: Sequence[str], *, known: bool = True, words: frozenset[str] | None) -> Hook:
    found = {key: name for key in _NAMED_KEYS if (name := named(list(value), (key,))) is not None}
    return _Parts(value, found, [*problems, *([] if known else ["unknown_envelope"])], words).hook(_finish_uri(value))


def _finish_uri(value: dict[str, Any]) -> str:
    return _text(value.get(named(list(value), ("finishUri",)) or ""))


class _Parts:
    """Reader of the parts of one hook that collects their problems."""

    def __init__(
        self, given: dict[str, Any], found: dict[str, str], problems: list[str], words: frozenset[str] | None
    ) -> None:
        self._findings = RowFindings()
        self._words = words
        known = set(found.values())
        folded = {plain.fold(key) for key in found}
        self._is_twice = plain.twice_at({key: value for key, value in given.items() if plain.fold(key) in folded}) != ""
        self._values = {
            key: plain.last(given[name]) for key, name in found.items() if plain.last(given[name]) is not None
        }
        self._extra = {key: value for key, value in given.items() if key not in known}
        self._problems = problems

    def hook(self, finish_uri: str) -> Hook:
        if self._is_twice:
            self._problem("key_twice")
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
            invisible=self._findings.invisible,
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
        maker = RowMaker(self._findings, NOTHING if self._words is None else self._words)
        # Copy the fields: a row takes over its object, and the original values may still be needed.
        rows = tuple(
            maker.single(dict(item) if isinstance(item, dict) else item, "", place)
            for place, item in enumerate(items, 1)
        )
        if self._words is None and MAX_UNREAD < maker.findings.unread > len(rows) / 2:
            raise NotUnderstood(BodyProblem.MOSTLY_UNREAD(number=maker.findings.unread))
        return rows

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
        if plain.twice_in(entry):
            break
        if isinstance(value, str) and (identifier := _identifier(value)):
            return AskedAction(identifier, plain.scrub({name: inner for name, inner in entry.items() if name != key}))
    return _unreadable(entry)


def _unreadable(entry: Any) -> AskedAction:
    return AskedAction(UNREADABLE, plain.scrub(entry))


def _text(value: Any) -> str:
    value = plain.last(value)
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
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"), default=repr)
