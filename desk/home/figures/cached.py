"""Figures that change slowly, cached for a minute in the process for all people who see the same projects."""

import hashlib
from collections.abc import Callable
from typing import TypeVar, cast

from django.core.cache import cache
from django.db.models import Q

SECONDS = 60
Figures = TypeVar("Figures")


def kept(name: str, seen: Q, make: Callable[[], Figures]) -> Figures:
    """Return the figures of that name cached in the last minute for the same projects, else compute them."""
    key = f"desk.{name}.{hashlib.sha256(str(seen).encode()).hexdigest()}"
    return cast(Figures, cache.get_or_set(key, make, SECONDS))
