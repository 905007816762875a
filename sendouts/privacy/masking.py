"""What is shown of a contact's field that reviewers may not read: enough to tell two apart, too little to know whom."""

import json

HIDDEN = "•••"
# Of shorter texts the ends would be most of it.
_SHOW_ENDS = 6


def masked(value: object) -> str:
    """A value without its middle: “m•••7@•••.com”, “•••42”, “•••”. What is no text or number shows nothing of itself."""
    if value is None or isinstance(value, bool | list | dict):
        return HIDDEN
    text = value.strip() if isinstance(value, str) else json.dumps(value)
    name, at, host = text.rpartition("@")
    if at and name and "." in host:
        return f"{_ends(name)}@{HIDDEN}.{host.rpartition('.')[2]}"
    if text.lstrip("+").replace(" ", "").isdigit():
        return HIDDEN + text[-2:] if len(text) >= _SHOW_ENDS else HIDDEN
    return _ends(text)


def _ends(text: str) -> str:
    return f"{text[0]}{HIDDEN}{text[-1]}" if len(text) >= _SHOW_ENDS else HIDDEN
