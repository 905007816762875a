"""Machine messages: stored as a code with parameters, and written as a sentence for the reader.

A subclass of `Sentences` declares codes with their English templates. Calling a member returns the text to store, such
as `{"code":"http.answered","params":{"host":"crm.example.com","status":503}}`. Free text, of staff and of kinds from
other packages, is stored in the same columns and read unchanged.
"""

import json
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

# Length of the shortest column that stores a text.
LONGEST = 300
# Lengths to which the parameters of a longer text are cut; the first that fits is used.
_CUTS = (200, 80, 30, 10)
_START = '{"code":'
_templates: dict[str, str] = {}


class Sentences(Enum):
    """Sentences on one subject: each member is a code, unique in the product, and a template with `%(name)s`."""

    def __init__(self, code: str, template: str) -> None:
        if _templates.setdefault(code, template) != template:
            raise ValueError(f"the code {code} has two sentences")
        self.code, self.template = code, template

    def __call__(self, **params: str | int) -> str:
        """Return the text to store, of 300 characters at most. A parameter may be such a text itself."""
        said: dict[str, Any] = {name: _nested(value) for name, value in sorted(params.items())}
        text = _stored(self.code, said)
        for cut in _CUTS:
            if len(text) <= LONGEST:
                break
            text = _stored(self.code, _shortened(said, cut))
        return text


def declared() -> Mapping[str, str]:
    """Return the template of every declared code."""
    return _templates


def write(text: str, translate: Callable[[str], str] = str) -> str:
    """Write a stored text as a sentence, in English unless `translate` is given; free text stays unchanged."""
    found = _read(text)
    return text if found is None else _written(found, translate)


def clean_text(text: str) -> str:
    """Replace characters that a database cannot store as text, NUL and lone surrogates, by U+FFFD."""
    if text.isascii() and "\x00" not in text:
        return text
    return "".join("\ufffd" if char == "\x00" or "\ud800" <= char <= "\udfff" else char for char in text)


def _stored(code: str, params: Mapping[str, Any]) -> str:
    return json.dumps({"code": code, "params": params}, ensure_ascii=False, separators=(",", ":"))


def _read(text: str) -> dict[str, Any] | None:
    """Return code and parameters, or None for free text."""
    if not text.startswith(_START):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if _is_stored_sentence(found) else None


def _is_stored_sentence(found: Any) -> bool:
    return isinstance(found, dict) and set(found) == {"code", "params"} and isinstance(found["params"], dict)


def _nested(value: str | int) -> Any:
    if isinstance(value, int):
        return value
    value = clean_text(value)
    return _read(value) or value


def _shortened(value: Any, cut: int) -> Any:
    if isinstance(value, dict):
        return {name: each if name == "code" else _shortened(each, cut) for name, each in value.items()}
    return value[: cut - 1] + "…" if isinstance(value, str) and len(value) > cut else value


def _written(found: Mapping[str, Any], translate: Callable[[str], str]) -> str:
    params = {
        name: _written(each, translate) if _is_stored_sentence(each) else each for name, each in found["params"].items()
    }
    try:
        return translate(_templates[found["code"]]) % params
    except (KeyError, TypeError, ValueError):
        # Its kind is no longer installed, or declares other codes now.
        return f"{found['code']} ({', '.join(map(str, params.values()))})" if params else str(found["code"])
