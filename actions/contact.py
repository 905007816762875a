"""A contact as kinds see it: an id and the fields of its row."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from actions.names import is_for_nothing, visible


class _Missing:
    """The value of a field that the contact does not have."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()
_NOTHING_GIVEN: Final[Mapping[str, str]] = MappingProxyType({})
_PREFIX = "properties."
# Rows of one file share their keys, so a path needs few routes; the bound limits memory for irregular files.
_ROUTES = 1024


def has_value(value: Any, words: Collection[str]) -> bool:
    """Return whether a field has a value; null, whatever is empty and the folded words for nothing are none."""
    if isinstance(value, str):
        text = visible(value)
        return bool(text) and not is_for_nothing(text, words)
    return value is not MISSING and value is not None and value != [] and value != {}


class Contact:
    """A contact of the file, or an item of the hook: its id and its other keys or columns, unchanged.

    `key` names this message of this batch, and is the same in every screening. `given` has the results of earlier
    effects for later actions: `{"code": "S-1"}`.
    """

    __slots__ = ("fields", "given", "id", "key")

    def __init__(self, contact_id: str, fields: Mapping[str, Any], key: int = 0) -> None:
        self.id = contact_id
        self.fields = fields
        self.key = key
        self.given: Mapping[str, str] = _NOTHING_GIVEN

    @property
    def batch_number(self) -> int:
        """Return the number of the batch of this message."""
        return self.key >> 32

    def field(self, path: str) -> Any:
        """Return the value at a path, or MISSING.

        Ignore case and invisible characters if no key matches exactly. `properties.x` and plain `x` name the same
        field; if a contact has both, the path as written wins. A column with dots in its name is found by that name.
        """
        return reader(path)(self.fields)

    def __repr__(self) -> str:
        return f"Contact({self.id!r})"


@lru_cache(maxsize=1024)
def reader(path: str) -> Callable[[Mapping[str, Any]], Any]:
    """Compile a path into a function from fields to value, so that a page of contacts parses the path once."""
    path = visible(path)
    other = path[len(_PREFIX) :] if path[: len(_PREFIX)].lower() == _PREFIX else _PREFIX + path
    candidates = tuple(tuple(each.split(".")) for each in (path, other))
    routes: dict[tuple[str, ...], _Route] = {}

    def read(fields: Mapping[str, Any]) -> Any:
        keys = tuple(fields)
        route = routes.get(keys)
        if route is None:
            if len(routes) >= _ROUTES:
                routes.clear()
            route = routes[keys] = _route(keys, candidates)
        top, inner, tail = route
        if top is not None:
            return fields[top]
        if inner is not None:
            value = fields[inner]
            if type(value) is dict:
                value = value.get(tail, MISSING)
                if value is not MISSING:
                    return value
            return search(fields, candidates)
        return MISSING if tail == "" else search(fields, candidates)

    return read


def search(fields: Mapping[str, Any], candidates: Iterable[tuple[str, ...]]) -> Any:
    """Find the value without a cached route: for each spelling of the path as written, then ignoring case."""
    for parts in candidates:
        value = _walk(fields, parts, _same)
        if value is MISSING:
            value = _walk(fields, parts, _ignoring_case)
        if value is not MISSING:
            return value
    return MISSING


# The key of the value; or the object to search and the key in it; or "" (nowhere) or "?" (search).
_Route = tuple[str | None, str | None, str]


def _route(keys: tuple[str, ...], candidates: Iterable[tuple[str, ...]]) -> _Route:
    """Return where `search` would look in rows with these keys, as far as the keys alone determine it."""
    folded = _folded(keys)
    for parts in candidates:
        whole = ".".join(parts)
        if whole in keys:
            return whole, None, ""
        flat = folded.get(whole.casefold())
        heads = (".".join(parts[:cut]).casefold() for cut in range(1, len(parts)))
        holders = [folded[head] for head in heads if head in folded]
        if holders and (flat is not None or len(parts) > 2):
            return None, None, "?"
        if holders:
            return None, parts[0] if parts[0] in keys else holders[0], parts[1]
        if flat is not None:
            return flat, None, ""
    return None, None, ""


def _walk(fields: Mapping[str, Any], parts: tuple[str, ...], find: Callable[[Mapping[str, Any], str], Any]) -> Any:
    """Follow the parts down, taking the longest key at each level: the key `a.b` precedes `b` inside `a`."""
    for cut in range(len(parts), 0, -1):
        value = find(fields, parts[0] if cut == 1 else ".".join(parts[:cut]))
        if value is MISSING:
            continue
        if cut == len(parts):
            return value
        if isinstance(value, Mapping):
            value = _walk(value, parts[cut:], find)
            if value is not MISSING:
                return value
    return MISSING


def _same(fields: Mapping[str, Any], key: str) -> Any:
    return fields.get(key, MISSING)


def _ignoring_case(fields: Mapping[str, Any], key: str) -> Any:
    if key in fields:
        return fields[key]
    actual = _folded(tuple(fields)).get(key.casefold())
    return MISSING if actual is None else fields[actual]


@lru_cache(maxsize=4096)
def _folded(keys: tuple[str, ...]) -> Mapping[str, str]:
    """Map folded keys to the keys as written; cached, since rows of one file share their keys."""
    found: dict[str, str] = {}
    for key in keys:
        found.setdefault(visible(str(key)).casefold(), key)
    return found
