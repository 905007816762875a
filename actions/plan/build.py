"""Builds a kind from the entry of a plan."""

import json
from functools import lru_cache

from pydantic import ValidationError

from actions import catalog
from actions.contract import Kind, Permanent
from actions.plan.failures import PlanFailure


def build(kind: str, config: str) -> Kind:
    """Return the kind of a planned action, with its frozen configuration; raise Permanent."""
    try:
        found = catalog.kind(kind)
    except KeyError:
        raise Permanent(PlanFailure.UNKNOWN_KIND(name=kind)) from None
    try:
        made = _built(found, config)
        made.page_size, made.parallel = max(1, int(made.page_size)), max(1, int(made.parallel))
        return made
    except ValidationError as error:
        places = ", ".join(".".join(map(str, each["loc"])) or "config" for each in error.errors())
        raise Permanent(PlanFailure.BAD_CONFIG(fields=places)) from error
    except Exception as error:
        raise Permanent(PlanFailure.NOT_MADE(name=kind, error=type(error).__name__)) from error


@lru_cache(maxsize=256)
def _built(kind: type[Kind], config: str) -> Kind:
    """Cached: chunks of one batch, and batches of one sendout, share the compiled configuration."""
    return kind(kind.read_config(json.loads(config)))
