"""A little language for values: text with names in braces, such as `Hello {contact.properties.first_name}, your code is {code}`.

| name | stands for |
|---|---|
| contact.id | the contact's own id |
| contact.PATH | a field of the contact |
| code, given.NAME | what an action before gave |
| batch | the number of the batch |
| project, journey, sendout | the names of the sendout |

`{{` and `}}` stand for braces. Nothing is computed, and nothing else can be named.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from actions.contact import MISSING, reader
from actions.contract import Contact, Context, gettext_noop
from actions.plan.merge import canonical

OF_THE_BATCH = frozenset({"batch", "project", "journey", "sendout"})
_GIVEN = "given."
_CONTACT = "contact."


class BadTemplate(ValueError):
    """This is not a template; the text says why, and where."""

    def __init__(self, sentence: str, position: int) -> None:
        super().__init__(f"{sentence} (character {position + 1})")
        self.sentence = sentence
        self.position = position


_Read = Callable[[Contact, Context], Any]


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template: texts and names in turn. `names` are those it uses, in order."""

    parts: tuple[str | _Read, ...]
    names: tuple[str, ...]

    def write(self, contact: Contact, context: Context) -> str | None:
        """The text for one contact; None where a name has no value for it."""
        texts = []
        for part in self.parts:
            text = part if isinstance(part, str) else _text(part(contact, context))
            if text is None:
                return None
            texts.append(text)
        return "".join(texts)


def compiled(text: str) -> Template:
    """Compile a template; raises BadTemplate."""
    parts: list[str | _Read] = []
    names: list[str] = []
    literal, place = "", 0
    while place < len(text):
        char = text[place]
        if text[place : place + 2] in ("{{", "}}"):
            literal, place = literal + char, place + 2
        elif char == "{":
            end = text.find("}", place)
            if end < 0:
                raise BadTemplate(gettext_noop("This brace is not closed."), place)
            name = text[place + 1 : end].strip()
            parts += [literal, _reader_of(name, place)]
            names.append(name)
            literal, place = "", end + 1
        elif char == "}":
            raise BadTemplate(gettext_noop("This brace was not opened."), place)
        else:
            literal, place = literal + char, place + 1
    parts.append(literal)
    return Template(tuple(part for part in parts if part != ""), tuple(names))


def _reader_of(name: str, place: int) -> _Read:
    if name == "contact.id":
        return lambda contact, context: contact.id
    if name.startswith(_CONTACT) and name != _CONTACT:
        read = reader(name.removeprefix(_CONTACT))
        return lambda contact, context: read(contact.fields)
    if name == "code" or (name.startswith(_GIVEN) and name != _GIVEN):
        key = name.removeprefix(_GIVEN)
        return lambda contact, context: contact.given.get(key, MISSING)
    if name == "batch":
        return lambda contact, context: contact.batch_number
    if name in OF_THE_BATCH:
        return lambda contact, context: getattr(context, name)
    raise BadTemplate(gettext_noop("Nothing has this name."), place)


def _text(value: Any) -> str | None:
    """A value as text; None for what is missing, null or empty."""
    if value is MISSING or value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return canonical(value)
