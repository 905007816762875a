"""State of the REST API: lists of contacts, imports, and the settings of its behaviour."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from simulator.bodies import Body, Flag, Number

# Maximum number of contacts in reports; the counts cover all.
MAX_SHOWN = 100_000


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


class RestSettings(Body):
    """Behaviour of the API. Times in seconds.

    `unknown`: contacts that single updates do not find. `import_distance`: the minimum time between two imports.
    `oauth`: a token of the token endpoint is required instead of `token`.
    """

    token: str = "token"
    oauth: Flag = False
    import_seconds: Number = 0.0
    import_distance: Number = 0.0
    import_ends: Literal["FINISHED", "ERROR"] = "FINISHED"
    unknown: frozenset[str] = frozenset()


@dataclass(slots=True)
class RestState:
    """Lists of contacts, imports, and the settings of the API."""

    settings: RestSettings = field(default_factory=RestSettings)
    contacts: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    imports: list[Import] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    last_import_at: float = -math.inf

    def change(self, wanted: object) -> None:
        """Change the given settings; raise BadRequestError without any change."""
        given = RestSettings.read(wanted)
        self.settings = self.settings.model_copy(update={name: getattr(given, name) for name in given.model_fields_set})

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
