"""State of the REST API: lists of contacts, imports, and the settings of its behaviour."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.errors import BadRequestError

# Maximum number of contacts in reports; the counts cover all.
MAX_SHOWN = 100_000
_NUMBERS = {"import_seconds", "import_distance"}


@dataclass(slots=True)
class Import:
    """One import: requested, then filled with rows, then carried out `import_seconds` later."""

    number: int
    place: tuple[str, str]
    type: str
    delimiter: str
    identity: str
    rows: list[dict[str, str]] | None = None
    sent_at: float = 0.0
    status: str = "CREATED"

    def report(self) -> dict[str, Any]:
        return {"id": self.number, "type": self.type, "rows": len(self.rows or ()), "status": self.status}


@dataclass(slots=True)
class RestState:
    """Lists of contacts, imports, and the settings of the API. Times in seconds.

    `unknown`: contacts that single updates do not find. `import_distance`: the minimum time between two imports.
    """

    token: str = "token"
    import_seconds: float = 0.0
    import_distance: float = 0.0
    import_ends: str = "FINISHED"
    unknown: frozenset[str] = frozenset()
    contacts: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    imports: list[Import] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    last_import_at: float = -math.inf

    def set(self, wanted: object) -> None:
        """Change the settings; raise BadRequestError without any change."""
        if not isinstance(wanted, Mapping) or set(wanted) - {"token", "import_ends", "unknown", *_NUMBERS}:
            names = "token, import_seconds, import_distance, import_ends and unknown"
            raise BadRequestError(f"The REST API has the settings {names}.")
        numbers = [wanted[name] for name in _NUMBERS & set(wanted)]
        if not all(isinstance(each, int | float) and not isinstance(each, bool) and each >= 0 for each in numbers):
            raise BadRequestError("Times are numbers of seconds.")
        if wanted.get("import_ends", "FINISHED") not in ("FINISHED", "ERROR"):
            raise BadRequestError("`import_ends` is FINISHED or ERROR.")
        if not isinstance(wanted.get("token", ""), str):
            raise BadRequestError("`token` is text.")
        unknown = wanted.get("unknown", [])
        if not isinstance(unknown, list) or not all(isinstance(each, str) for each in unknown):
            raise BadRequestError("`unknown` is a list of ids.")
        for name, value in wanted.items():
            setattr(self, name, frozenset(value) if name == "unknown" else value)

    def write(self, key: tuple[str, str, str], properties: Mapping[str, Any]) -> None:
        """Set properties of a contact."""
        held = self.contacts.setdefault(key, {})
        self.changed += sum(name in held and held[name] != value for name, value in properties.items())
        held.update(properties)

    def report(self) -> dict[str, Any]:
        """Return what was written: each contact's properties by its id, the imports, and the calls by endpoint.

        `changed` counts values that replaced others.
        """
        shown = list(self.contacts.items())[:MAX_SHOWN]
        return {
            "contacts": {key[2]: properties for key, properties in shown},
            "count": len(self.contacts),
            "changed": self.changed,
            "imports": [each.report() for each in self.imports],
            "calls": dict(self.calls),
        }
