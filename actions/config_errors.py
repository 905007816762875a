"""What is wrong with a configuration, as (path, sentence) pairs, for forms and files alike."""

from collections.abc import Iterator

from pydantic import ValidationError

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
}


def sentences(error: ValidationError) -> Iterator[tuple[Path, str]]:
    """Yield each fault with its path; the value itself is never repeated."""
    for each in error.errors(include_url=False, include_input=False):
        known = _SENTENCES.get(each["type"])
        text = known.format(**each.get("ctx", {})) if known else each["msg"].removeprefix("Value error, ")
        yield each["loc"], text


def dotted(path: Path) -> str:
    """Write a path as people do: projects[0].actions[1].config.reject_if"""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
