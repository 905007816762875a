"""Specification of a sendout: the body of POST /control/sendouts."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from simulator.bodies import BadRequestError, Count, Destination, Flag, Number, Share
from simulator.platform.faults import Faults

MAX_CONTACTS = 20_000_000


class Spec(Destination):
    """One requested sendout. Times in seconds; `contacts` is per delivery, `hooks` is the number of deliveries."""

    kind: Literal["batch", "single"]
    contacts: Count
    hooks: Annotated[int, Field(strict=True, ge=1)] = 1
    per_second: Annotated[float, Field(strict=True, gt=0)] | None = None
    format: Literal["json", "json_object", "ndjson", "csv"] = "json"
    delimiter: Literal[",", ";", "\t"] = ","
    encoding: Literal["utf-8", "utf-8-sig", "windows-1252"] = "utf-8"
    gzip: Literal["", "header", "body"] = ""
    transfer: Literal["chunked", "length", "close"] = "chunked"
    project: str = "Newsletter"
    journey: str = "Welcome"
    sendout: str = "Day 1"
    actions: Any = []
    timeout: Number = 3600.0
    no_consent: Share = 0.1
    due: Literal["no_consent", "none", "all"] | tuple[str, ...] = "no_consent"
    may_reject: Literal["any", "due"] = "any"
    rows: tuple[dict[str, Any], ...] | None = None
    raw_lines: tuple[tuple[Count, str], ...] = ()
    item_fields: Flag = True
    id_key: str = "contactId"
    uri_key: str
    fire: Flag = True
    wait: Flag = True
    extra: dict[str, Any] = {}
    omit: tuple[str, ...] = ()
    faults: Faults = Faults()

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, raw: Any) -> Any:
        """Set the defaults that depend on other keys."""
        if not isinstance(raw, dict):
            return raw
        rows, hooks, batch = raw.get("rows"), raw.get("hooks"), raw.get("kind") == "batch"
        contacts = 1000 if batch else 1
        if isinstance(rows, list):
            contacts = len(rows) // (hooks if isinstance(hooks, int) and hooks > 0 else 1)
        return {"contacts": contacts, "uri_key": "cancelUri" if batch else "rejectUri", **raw}

    @model_validator(mode="after")
    def _check_numbers(self) -> Self:
        if self.kind == "batch" and self.hooks != 1:
            raise ValueError("A batch has one hook; `hooks` is for singles.")
        if self.rows is not None and len(self.rows) != self.total:
            raise ValueError("The number of `rows` and `contacts` for each hook disagree.")
        if self.total > MAX_CONTACTS:
            raise ValueError(f"More than {MAX_CONTACTS} contacts.")
        if any(position > self.contacts for position, _ in self.raw_lines):
            raise ValueError(f"`raw_lines` names a position after the {self.contacts} rows of the file.")
        return self

    @property
    def total(self) -> int:
        """Return the number of contacts in all deliveries."""
        return self.contacts * self.hooks


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
