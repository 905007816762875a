"""The available kinds of action: built in, as one file or folder each, or from other packages by entry point."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType, ModuleType

from pydantic import BaseModel

from actions.contract import Check, Kind, Phase
from actions.effect import Effect, WholeEffect

GROUP = "send_gate.kinds"


@dataclass(frozen=True, slots=True)
class _Catalog:
    kinds: Mapping[str, type[Kind]]
    problems: tuple[str, ...]


def kinds() -> Mapping[str, type[Kind]]:
    """Return every usable kind by its name, the built-in ones first."""
    return _catalog().kinds


def kind(name: str) -> type[Kind]:
    """Return the kind of that name; raise KeyError."""
    return _catalog().kinds[name]


def problems() -> tuple[str, ...]:
    """Return a sentence for each kind that the catalog could not load."""
    return _catalog().problems


def phases() -> dict[str, Phase]:
    """Return the phase of every kind by its name, as merging needs it."""
    return {name: found.phase for name, found in kinds().items()}


def reload() -> None:
    """Clear the cache, so that newly installed packages are found."""
    _catalog.cache_clear()


@cache
def _catalog() -> _Catalog:
    """Collect the built-in kinds, then those of other packages. An unusable kind is reported, never fatal."""
    found: dict[str, type[Kind]] = {}
    wrong: list[str] = []
    for where, candidate in (*_built_in(wrong), *_installed(wrong)):
        fault = _fault(candidate)
        if fault:
            wrong.append(f"{where}: {fault}")
        elif candidate.name in found:
            other = found[candidate.name]
            wrong.append(f"{where}: the name “{candidate.name}” is taken by {other.__module__}.{other.__qualname__}.")
        else:
            found[candidate.name] = candidate
    return _Catalog(MappingProxyType(found), tuple(wrong))


def _built_in(wrong: list[str]) -> Iterator[tuple[str, type[Kind]]]:
    for info in sorted(pkgutil.walk_packages(__path__, f"{__name__}."), key=lambda info: info.name):
        where = info.name
        try:
            module = importlib.import_module(where)
        except Exception as error:
            wrong.append(f"{where}: cannot be imported ({type(error).__name__}: {error}).")
        else:
            yield from ((where, candidate) for candidate in _kinds_of(module))


def _kinds_of(module: ModuleType) -> Iterator[type[Kind]]:
    """Yield the kinds that a module defines itself; abstract bases are not kinds."""
    for candidate in vars(module).values():
        if (
            inspect.isclass(candidate)
            and issubclass(candidate, Kind)
            and candidate.__module__ == module.__name__
            and not inspect.isabstract(candidate)
        ):
            yield candidate


def _installed(wrong: list[str]) -> Iterator[tuple[str, type[Kind]]]:
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)):
        where = f"{entry.dist.name if entry.dist else entry.value}, entry point {entry.name}"
        try:
            yield where, entry.load()
        except Exception as error:
            wrong.append(f"{where}: cannot be imported ({type(error).__name__}: {error}).")


def _fault(candidate: object) -> str:
    """Return why this is not a usable kind, or ""."""
    if not (inspect.isclass(candidate) and issubclass(candidate, Kind)):
        return "is not a class made from actions.contract.Kind."
    if inspect.isabstract(candidate):
        missing = ", ".join(sorted(getattr(candidate, "__abstractmethods__", ())))
        return f"does not say what {missing} does."
    for attribute in ("name", "title"):
        if not (isinstance(getattr(candidate, attribute, None), str) and getattr(candidate, attribute)):
            return f"has no {attribute}."
    if not (inspect.isclass(candidate.Config) and issubclass(candidate.Config, BaseModel)):
        return "has a Config that is not a pydantic model."
    phase = getattr(candidate, "phase", None)
    if issubclass(candidate, Check):
        return "" if phase == Phase.CHECK else f"is a check and says the phase “{phase}”."
    if issubclass(candidate, Effect | WholeEffect):
        return "" if phase in (Phase.ENRICH, Phase.TRANSFER) else f"is an effect and says the phase “{phase}”."
    return "is neither a Check, an Effect nor a WholeEffect."
