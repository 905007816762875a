"""Specification of a sendout: the body of POST /control/sendouts, parsed and validated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from simulator.errors import BadRequestError
from simulator.platform.faults import Faults

FORMATS = ("json", "json_object", "ndjson", "csv")
ENCODINGS = ("utf-8", "utf-8-sig", "windows-1252")
MAX_CONTACTS = 20_000_000


@dataclass(frozen=True, slots=True)
class Spec:
    """One requested sendout. Times in seconds; `contacts` is per delivery, `hooks` is the number of deliveries."""

    kind: str
    contacts: int
    hooks: int = 1
    per_second: float | None = None
    format: str = "json"
    delimiter: str = ","
    encoding: str = "utf-8"
    gzip: str = ""
    transfer: str = "chunked"
    project: str = "Newsletter"
    journey: str = "Welcome"
    sendout: str = "Day 1"
    actions: Any = field(default_factory=list)
    timeout: float = 3600.0
    no_consent: float = 0.1
    due: str | tuple[str, ...] = "no_consent"
    may_reject: str = "any"
    rows: tuple[Mapping[str, Any], ...] | None = None
    raw_lines: tuple[tuple[int, str], ...] = ()
    item_fields: bool = True
    id_key: str = "contactId"
    uri_key: str = "cancelUri"
    fire: bool = True
    wait: bool = True
    target: str = ""
    basic_auth: str = ""
    header: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    omit: tuple[str, ...] = ()
    faults: Faults = field(default_factory=Faults)

    @property
    def total(self) -> int:
        """Return the number of contacts in all deliveries."""
        return self.contacts * self.hooks


def parse(raw: object) -> Spec:
    """Validate a control body and fill in its defaults; raise BadRequestError with a sentence."""
    if not isinstance(raw, Mapping):
        raise BadRequestError("A sendout is a JSON object.")
    given = dict(raw)
    kind = given.pop("kind", None)
    if kind not in ("batch", "single"):
        raise BadRequestError("`kind` is batch or single.")
    unknown = sorted(set(given) - set(_READERS))
    if unknown:
        raise BadRequestError(f"Unknown key: {', '.join(unknown)}.")
    values = {key: _READERS[key](key, value) for key, value in given.items() if value is not None}
    rows = values.get("rows")
    hooks = values.get("hooks", 1)
    if kind == "batch" and hooks != 1:
        raise BadRequestError("A batch has one hook; `hooks` is for singles.")
    if rows is not None:
        if len(rows) % hooks:
            raise BadRequestError("The rows cannot be shared evenly among the hooks.")
        if values.get("contacts", len(rows) // hooks) != len(rows) // hooks:
            raise BadRequestError("`contacts` and the number of `rows` disagree.")
        values["contacts"] = len(rows) // hooks
    values.setdefault("contacts", 1000 if kind == "batch" else 1)
    values.setdefault("uri_key", "cancelUri" if kind == "batch" else "rejectUri")
    spec = Spec(kind=kind, **values)
    if spec.total > MAX_CONTACTS:
        raise BadRequestError(f"More than {MAX_CONTACTS} contacts.")
    for position, _ in spec.raw_lines:
        if position > spec.contacts:
            raise BadRequestError(f"`raw_lines` names position {position}; the file has {spec.contacts} rows.")
    return spec


def due_rows(spec: Spec) -> bytearray:
    """Return one byte per contact, 1 if it must be rejected before finish."""
    marks = bytearray(spec.total)
    if spec.due == "none":
        return marks
    if spec.due == "all":
        return bytearray(b"\x01") * spec.total
    if isinstance(spec.due, tuple):
        _mark_ids(spec, spec.due, marks)
        return marks
    if spec.rows is None:
        return without_consent(spec)
    for index, row in enumerate(spec.rows):
        properties = row.get("properties")
        consent = properties.get("consent") if isinstance(properties, Mapping) else row.get("consent")
        if consent is False or str(consent).lower() == "false":
            marks[index] = 1
    return marks


def without_consent(spec: Spec) -> bytearray:
    """Mark generated rows without consent: evenly spread, the same at every call."""
    marks = bytearray(spec.total)
    share = Fraction(spec.no_consent).limit_denominator(1_000_000)
    # Mark the same `numerator` positions in every `denominator` rows, with one stride for each.
    for nth in range(1, share.numerator + 1):
        start = -(-nth * share.denominator // share.numerator) - 1
        if start >= spec.total:
            break
        marks[start :: share.denominator] = b"\x01" * len(range(start, spec.total, share.denominator))
    return marks


def _mark_ids(spec: Spec, ids: tuple[str, ...], marks: bytearray) -> None:
    if spec.rows is not None:
        known = {str(row.get(spec.id_key)) for row in spec.rows}
        for index, row in enumerate(spec.rows):
            marks[index] = str(row.get(spec.id_key)) in ids
    else:
        known = set()
        for contact_id in ids:
            number = int(contact_id[2:]) if contact_id.startswith("A-") and contact_id[2:].isdecimal() else 0
            if 1 <= number <= spec.total and contact_id == f"A-{number:06d}":
                marks[number - 1] = 1
                known.add(contact_id)
    if not known.issuperset(ids):
        raise BadRequestError("`due` names a contact that the sendout does not have.")


# One reader per key: it checks the type and returns the value for Spec.


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise BadRequestError(f"`{key}` is text.")
    return value


def _boolean(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadRequestError(f"`{key}` is true or false.")
    return value


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise BadRequestError(f"`{key}` is a number, not below zero.")
    return value


def _rate(key: str, value: Any) -> float:
    if not _number(key, value):
        raise BadRequestError(f"`{key}` is above zero.")
    return float(value)


def _share(key: str, value: Any) -> float:
    if not 0 <= _number(key, value) <= 1:
        raise BadRequestError(f"`{key}` is between 0 and 1.")
    return float(value)


def _count(key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadRequestError(f"`{key}` is a whole number, not below zero.")
    return value


def _hooks(key: str, value: Any) -> int:
    if not _count(key, value):
        raise BadRequestError(f"`{key}` is at least one.")
    return int(value)


def _choice(*allowed: str) -> Any:
    def read(key: str, value: Any) -> str:
        if value not in allowed:
            raise BadRequestError(f"`{key}` is one of {', '.join(json.dumps(each) for each in allowed)}.")
        return str(value)

    return read


def _any(key: str, value: Any) -> Any:
    return value


def _object(key: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadRequestError(f"`{key}` is an object.")
    return value


def _texts(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise BadRequestError(f"`{key}` is a list of texts.")
    return tuple(value)


def _due(key: str, value: Any) -> str | tuple[str, ...]:
    return _texts(key, value) if isinstance(value, list) else str(_choice("no_consent", "none", "all")(key, value))


def _rows(key: str, value: Any) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise BadRequestError(f"`{key}` is a list of objects.")
    return tuple(value)


def _raw_lines(key: str, value: Any) -> tuple[tuple[int, str], ...]:
    if not isinstance(value, list):
        raise BadRequestError(f"`{key}` is a list of [position, text].")
    for each in value:
        if not isinstance(each, list) or len(each) != 2 or not isinstance(each[1], str):
            raise BadRequestError(f"`{key}` is a list of [position, text].")
        _count(f"{key} position", each[0])
    return tuple((position, text) for position, text in value)


_READERS: dict[str, Any] = {
    "contacts": _count,
    "hooks": _hooks,
    "per_second": _rate,
    "format": _choice(*FORMATS),
    "delimiter": _choice(",", ";", "\t"),
    "encoding": _choice(*ENCODINGS),
    "gzip": _choice("", "header", "body"),
    "transfer": _choice("chunked", "length", "close"),
    "project": _text,
    "journey": _text,
    "sendout": _text,
    "actions": _any,
    "timeout": _number,
    "no_consent": _share,
    "due": _due,
    "may_reject": _choice("any", "due"),
    "rows": _rows,
    "raw_lines": _raw_lines,
    "item_fields": _boolean,
    "id_key": _text,
    "uri_key": _text,
    "fire": _boolean,
    "wait": _boolean,
    "target": _text,
    "basic_auth": _text,
    "header": _text,
    "extra": _object,
    "omit": _texts,
    "faults": lambda key, value: Faults.parse(value),
}
