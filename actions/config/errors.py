"""Faults of a configuration, as (path, sentence) pairs, for forms and files alike."""

from collections.abc import Callable, Iterator

from pydantic import ValidationError

from actions.contract import gettext_noop

Path = tuple[str | int, ...]

_SENTENCES = {
    "missing": "This is required.",
    "extra_forbidden": "Nothing of this name is known here.",
    "string_type": "Give text.",
    "string_too_short": "Give at least {min_length} character(s).",
    "string_too_long": "Give at most {max_length} characters.",
    "literal_error": "Give one of: {expected}.",
    "model_type": "Give keys and values.",
    "model_attributes_type": "Give keys and values.",
    "dict_type": "Give keys and values.",
    "list_type": "Give a list.",
    "tuple_type": "Give a list.",
    "too_short": "Give at least {min_length}.",
    "too_long": "Give at most {max_length}.",
    "greater_than_equal": "Give at least {ge}.",
    "less_than_equal": "Give at most {le}.",
    "greater_than": "Give more than {gt}.",
    "less_than": "Give less than {lt}.",
    "template": gettext_noop("{why} It is character {place}."),
}


def sentences(error: ValidationError, translate: Callable[[str], str] = str) -> Iterator[tuple[Path, str]]:
    """Yield each fault with its path; never repeat the value."""
    for each in error.errors(include_url=False, include_input=False):
        known = _SENTENCES.get(each["type"])
        if known is None:
            yield each["loc"], translate(each["msg"].removeprefix("Value error, "))
            continue
        values = each.get("ctx", {})
        whys = {"why": translate(values["why"])} if "why" in values else {}
        yield each["loc"], translate(known).format(**{**values, **whys})


def dotted(path: Path) -> str:
    """Write a path in readable form: projects[0].actions[1].config.reject_if"""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
