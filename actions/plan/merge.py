"""Merges definitions and the actions that a hook names into the ordered plan of a batch; pure, without a database.

1. A definition takes part if the hook names its identifier (trimmed, case ignored, NFC), or if it says `run: always`.
2. No definition overrides another: all that take part run. Named with several details, a definition runs once for each.
3. Those equal in kind, configuration, details and `on_failure` run once, and keep every origin.
4. They run by phase, then the project's before the sendout's, then by position.
5. Identifiers without definition are kept, in order, for a person.
"""

import hashlib
import json
import math
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from actions.contract import Phase
from actions.names import EMPTY_WORDS, fold_words
from actions.sentences import clean_text

NO_DETAILS = "{}"
_PHASES = {phase: place for place, phase in enumerate(Phase)}
_LEVELS: dict[str, int] = {"project": 0, "sendout": 1}
# The words for nothing of plans that were frozen before projects had their own.
_EARLIER_WORDS = ("null", "\\n", "n/a", "#n/a", "none", "nil", "nan", "undefined", "(null)")


@dataclass(frozen=True, slots=True)
class Definition:
    """Meaning of an identifier: `config` is canonical JSON, `id` is the row's id."""

    id: int
    identifier: str
    kind: str
    config: str
    on_failure: str
    run: str
    level: str
    position: int


@dataclass(frozen=True, slots=True)
class Asked:
    """An action that the hook names, with its details as canonical JSON."""

    identifier: str
    details: str = NO_DETAILS

    @classmethod
    def of(cls, identifier: str, details: Any = None) -> "Asked":
        """Return the action of a raw identifier and details; missing and null mean no details."""
        try:
            written = NO_DETAILS if details is None else canonical(details)
        except RecursionError:
            # The raw hook is stored whole, so unreadable details need not stop it.
            written = canonical("(nested too deeply)")
        return cls(normal_identifier(identifier), written)


@dataclass(frozen=True, slots=True)
class Origin:
    """Why an action is in the plan: its definition, and whether the hook asked for it or it always runs."""

    level: str
    definition_id: int
    asked: bool
    identifier: str = ""


@dataclass(frozen=True, slots=True)
class PlannedAction:
    """One step of a plan. Its identifier is that of its first origin."""

    identifier: str
    kind: str
    config: str
    on_failure: str
    details: str
    phase: str
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class Merged:
    """The plan of a batch, and the identifiers without definition that the hook named.

    empty_words: the project's words for nothing, in the form for comparison.
    """

    actions: tuple[PlannedAction, ...] = ()
    unknown: tuple[Asked, ...] = ()
    empty_words: tuple[str, ...] = ()


def normal_identifier(text: str) -> str:
    """Trim, and normalise accents and unstorable characters; keep capitals."""
    return unicodedata.normalize("NFC", clean_text(text)).strip()


def folded(identifier: str) -> str:
    """Return the form in which identifiers are compared."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", normal_identifier(identifier)).casefold())


def canonical(value: Any) -> str:
    """Write a JSON value so that equal values are equal text: sorted keys, no spaces, storable ASCII."""
    return json.dumps(_storable(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Mapping):
        return {clean_text(str(key)): _storable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def merge(
    definitions: Iterable[Definition],
    asked: Iterable[Asked],
    phases: Mapping[str, Phase],
    empty_words: Iterable[str] = EMPTY_WORDS,
) -> Merged:
    """Merge definitions and named actions into a plan; the order of the definitions does not matter.

    A kind that `phases` does not contain stays in the plan, among the checks. It fails for good when run, so that its
    `on_failure` decides (hold by default). It is never omitted silently.
    """
    wanted: dict[str, dict[str, Asked]] = {}
    for each in asked:
        wanted.setdefault(folded(each.identifier), {}).setdefault(each.details, each)

    def place(definition: Definition) -> tuple[int, int, int, int]:
        phase = phases.get(definition.kind, Phase.CHECK)
        return _PHASES[phase], _LEVELS[definition.level], definition.position, definition.id

    groups: dict[tuple[str, str, str, str], dict[Origin, None]] = {}
    defined: set[str] = set()
    for definition in sorted(definitions, key=place):
        name = folded(definition.identifier)
        defined.add(name)
        for details in wanted.get(name) or ([NO_DETAILS] if definition.run == "always" else []):
            key = (definition.kind, definition.config, details, definition.on_failure)
            shown = normal_identifier(definition.identifier)
            origin = Origin(definition.level, definition.id, name in wanted, shown)
            groups.setdefault(key, {}).setdefault(origin)
    actions = tuple(
        PlannedAction(
            identifier=next(iter(origins)).identifier,
            kind=kind,
            config=config,
            on_failure=on_failure,
            details=details,
            phase=str(phases.get(kind, Phase.CHECK)),
            origins=tuple(origins),
        )
        for (kind, config, details, on_failure), origins in groups.items()
    )
    unknown = tuple(each for name, found in wanted.items() if name not in defined for each in found.values())
    return Merged(actions, unknown, tuple(sorted(fold_words(empty_words))))


def to_json(merged: Merged) -> str:
    """Write a plan as canonical JSON, the form in which it is frozen."""
    return canonical(asdict(merged))


def from_data(raw: Any) -> Merged:
    """Read a frozen plan that a database has already parsed; raise ValueError if it is invalid."""
    try:
        actions = tuple(
            PlannedAction(**{**each, "origins": tuple(Origin(**origin) for origin in each["origins"])})
            for each in raw["actions"]
        )
        return Merged(actions, tuple(Asked(**each) for each in raw["unknown"]), tuple(sorted(words_of(raw))))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError("This is not a frozen plan.") from error


def words_of(raw: Mapping[str, Any]) -> frozenset[str]:
    """Return the words for nothing of a frozen plan."""
    return _one_set(tuple(raw.get("empty_words", _EARLIER_WORDS)))


def has_only_checks(raw: Mapping[str, Any]) -> bool:
    """Return whether no action of a frozen plan does anything beyond judging contacts."""
    return all(action["phase"] == Phase.CHECK for action in raw["actions"])


@lru_cache(maxsize=256)
def _one_set(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(words)


def digest(frozen: str) -> str:
    """Return the SHA-256 of a frozen plan in hexadecimal; equal plans are stored once."""
    return hashlib.sha256(frozen.encode()).hexdigest()
