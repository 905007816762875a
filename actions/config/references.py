"""References from configurations to database rows; a field declares one by `json_schema_extra={"refers_to": …}`."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from actions.config.errors import Path
from actions.suppression.lookups import usable
from actions.suppression.models import SuppressionList

Choices = list[tuple[str, str]]


def _lists(seen: Collection[int] | None) -> Choices:
    found = SuppressionList.objects.filter(archived=False).select_related("project")
    if seen is not None:
        found = found.filter(Q(project__isnull=True) | Q(project__in=seen))
    return [(each.name, f"{each.name} ({each.project})" if each.project else each.name) for each in found]


def choices(info: FieldInfo, seen: Collection[int] | None = None) -> Callable[[], Choices] | None:
    """Return the choices of a reference field for a form, limited to the projects in `seen`; None for other fields."""
    return (lambda: [("", _("Choose one")), *_lists(seen)]) if _names_a_list(info) else None


def missing(config: type[BaseModel], values: Mapping[str, Any], project: str) -> Iterator[tuple[Path, str]]:
    """Yield path and name of each reference in a valid configuration that its project cannot use."""
    for name, info in config.model_fields.items():
        key = info.alias or name
        wanted = values.get(key) if _names_a_list(info) else None
        if wanted and not SuppressionList.objects.filter(usable(project), name=wanted).exists():
            yield (key,), wanted


def _names_a_list(info: FieldInfo) -> bool:
    extra = info.json_schema_extra
    return isinstance(extra, dict) and extra.get("refers_to") == "suppression_list"
