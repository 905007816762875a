"""Interpretation of a service's answer: the value for each contact, its meaning, and its date."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from actions.contact import MISSING
from actions.contract import Permanent, Sentences, as_evidence, gettext_noop
from actions.names import visible
from actions.whole import whole

if TYPE_CHECKING:
    from actions.catalog.consent_check.config import ConsentCheckConfig

WHOLE = "."
# A number from here on counts as milliseconds: as seconds it would lie beyond the year 5000.
_MILLISECONDS_FROM = 1e11
# From here on a double does not hold every whole number; written, such a number has 16 digits. The bound is a double's.
_ROUNDED_FROM = 2.0**53
_LARGE = re.compile(r"-?[1-9][0-9]{15,300}")


class WrongAnswer(Sentences):
    """Why an answer does not have the declared shape."""

    NO_OBJECT = (
        "consent_check.no_object",
        gettext_noop("The answer of the service does not hold an object at “%(path)s”."),
    )
    NO_LIST = "consent_check.no_list", gettext_noop("The answer of the service does not hold a list at “%(path)s”.")
    NOBODY = "consent_check.nobody", gettext_noop("The service answered an entry that names nobody at “%(path)s”.")


class NoConsentKnown(Sentences):
    """Why a contact stays undecided although the service answers."""

    SILENT = "consent_check.silent", gettext_noop("The service did not say whether this contact consents.")
    UNFIT = "consent_check.unfit", gettext_noop("What identifies this contact cannot stand in an address.")
    CONTRADICTION = (
        "consent_check.contradiction",
        gettext_noop("The service gave two different answers about this contact."),
    )
    OTHERS = (
        "consent_check.others",
        gettext_noop("The service answered about others than it was asked about: its ids may be rounded or changed."),
    )


class Repeated(tuple[Any, ...]):
    """The different values of a key that an object repeats. No path leads into them, and they have no meaning."""

    __slots__ = ()


def as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of an answer that keeps every value of a repeated key, unless all of them are the same."""
    made = dict(pairs)
    if len(made) < len(pairs):
        values: dict[str, list[Any]] = {}
        for key, value in pairs:
            values.setdefault(key, []).append(value)
        made = {
            key: found[0] if all(_is_same(found[0], each) for each in found[1:]) else Repeated(found)
            for key, found in values.items()
        }
    return made


def _is_same(one: Any, other: Any) -> bool:
    """Return whether two JSON values are the same; true and 1 are not."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_is_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return bool(one == other)


@dataclass(frozen=True, slots=True)
class AnswerSaid:
    """A service's answer about one contact: True, False, None if it has no meaning (`doubt` is why), or MISSING.

    `at` is when the service recorded it, if the answer says so.
    """

    consents: Any
    at: datetime | None = None
    doubt: NoConsentKnown = NoConsentKnown.SILENT


NOTHING = AnswerSaid(MISSING)
_CONTRADICTION = AnswerSaid(None, doubt=NoConsentKnown.CONTRADICTION)
_OTHERS = AnswerSaid(None, doubt=NoConsentKnown.OTHERS)
Lookup = Callable[[str], AnswerSaid]


class Mapped:
    """How a configuration has the answers of its service read. Its paths are as in `follow`."""

    def __init__(self, config: "ConsentCheckConfig") -> None:
        self.config = config
        self.shape = config.shape
        self.yes, self.no = set(map(key_of, config.yes_values)), set(map(key_of, config.no_values))

    def read(self, answer: Any, asked: Collection[str]) -> Lookup:
        """Return the answers by identifier; raise Permanent if the answer does not have the declared shape.

        If it names anybody who was not asked about, nobody's answer counts. A service that rounds or changes ids may
        mean somebody else by the others, too.
        """
        if self.shape == "value":
            said = self._said(follow(answer, self.config.answers_at), answer)
            rounded = _is_rounded(follow(answer, self.config.id_at), next(iter(asked), ""))
            return lambda identifier: _OTHERS if rounded else said
        found = follow(answer, self.config.answers_at)
        if not isinstance(found, Mapping if self.shape == "map" else list):
            missing = WrongAnswer.NO_OBJECT if self.shape == "map" else WrongAnswer.NO_LIST
            raise Permanent(missing(path=self.config.answers_at))
        known, keys = self._by_identifier(found), set(map(self._key, asked))
        if not known.keys() <= keys or _hides_rounded(known, keys):
            return lambda identifier: _OTHERS
        return lambda identifier: known.get(self._key(identifier), NOTHING)

    def of_code(self, code: int) -> AnswerSaid:
        """Return the meaning of an answer's status code."""
        return AnswerSaid(self._word(code))

    def _by_identifier(self, found: Any) -> dict[str, AnswerSaid]:
        """Return the answers by identifier; two answers about one contact must agree."""
        known: dict[str, AnswerSaid] = {}
        for identifier, said in self._mapped(found) if self.shape == "map" else self._listed(found):
            first = known.setdefault(self._key(identifier), said)
            if first.consents is not said.consents:
                known[self._key(identifier)] = _CONTRADICTION
        return known

    def _mapped(self, found: Mapping[str, Any]) -> Iterable[tuple[str, AnswerSaid]]:
        at = self.config.value_at
        for identifier, entries in found.items():
            for entry in entries if isinstance(entries, Repeated) else (entries,):
                yield (
                    identifier,
                    self._said(follow(entry, at) if at else entry, entry),
                )

    def _listed(self, found: Sequence[Any]) -> Iterable[tuple[str, AnswerSaid]]:
        for entry in found:
            named = follow(entry, self.config.id_at) if isinstance(entry, Mapping) else entry
            identifier = _as_named(named)
            if not identifier:
                # An entry without id may be a refusal, and ignoring it would let that contact through.
                raise Permanent(WrongAnswer.NOBODY(path=self.config.id_at))
            if self.shape == "objects":
                yield identifier, self._said(follow(entry, self.config.value_at), entry)
            else:
                yield identifier, AnswerSaid(self.shape == "consenting", self._recorded(entry))

    def _said(self, value: Any, entry: Any) -> AnswerSaid:
        return NOTHING if value is MISSING else AnswerSaid(self._word(value), self._recorded(entry))

    def _word(self, value: Any) -> bool | None:
        key = key_of(value)
        return True if key in self.yes else False if key in self.no else None

    def _recorded(self, entry: Any) -> datetime | None:
        return read_time(follow(entry, self.config.recorded_at)) if self.config.recorded_at else None

    def _key(self, identifier: str) -> str:
        # Surrounding spaces and invisible characters in an id are never intended, and must not hide a refusal.
        key = visible(identifier)
        return key.casefold() if self.config.ignore_case else key


def _as_named(value: Any) -> str:
    """Return an id as an answer writes it; a large number with an exponent was another id before it was rounded."""
    return repr(value) if isinstance(value, float) and abs(value) >= _ROUNDED_FROM else as_identifier(value)


def _is_rounded(named: Any, identifier: str) -> bool:
    """Return whether an answer names this id rounded to a double; the service may have searched for that one, too."""
    text = _as_named(named)
    return text != identifier and _LARGE.fullmatch(identifier) is not None and _as_double(text) == float(identifier)


def _hides_rounded(known: Mapping[str, AnswerSaid], asked: Collection[str]) -> bool:
    """Return whether an answer is silent about an id, and has another one that this id becomes when it is rounded."""
    silent = {float(each) for each in asked if each not in known and _LARGE.fullmatch(each)}
    return bool(silent) and any(float(each) in silent for each in known if _LARGE.fullmatch(each))


def _as_double(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def follow(value: Any, path: str) -> Any:
    """Return the value at `data.verdicts`, at the JSON pointer `/data/verdicts`, or `.` for the whole; else MISSING.

    A number in a path indexes a list from 0.
    """
    if path == WHOLE:
        return value
    for part in _parts(path):
        if isinstance(value, Repeated):
            return value
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and (place := whole(part)) is not None and place < len(value):
            value = value[place]
        else:
            return MISSING
    return value


def _parts(path: str) -> list[str]:
    if path.startswith("/"):
        return [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]
    return path.split(".")


def key_of(value: Any) -> tuple[str, Any]:
    """Return a form for comparison: true differs from 1 and “true”, 1 equals 1.0; lists and objects equal nothing."""
    if isinstance(value, bool) or value is None:
        return "constant", value
    if isinstance(value, int | float):
        return "number", value
    return ("text", value) if isinstance(value, str) else ("other", None)


def as_identifier(value: Any) -> str:
    """Return a text or a whole number as an identifier; "" for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) else ""


def read_time(value: Any) -> datetime | None:
    """Return a moment from ISO 8601 (UTC without an offset), or seconds or milliseconds since 1970; else None."""
    try:
        if isinstance(value, str):
            return as_evidence(datetime.fromisoformat(value.strip()))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return as_evidence(datetime.fromtimestamp(value / 1000 if abs(value) >= _MILLISECONDS_FROM else value, UTC))
    except (ValueError, OverflowError, OSError):
        return None
    return None
