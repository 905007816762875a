"""Templates of values to write to a contact, such as `Hello {contact.properties.first_name}, your code is {code}`.

| name | stands for |
|---|---|
| contact.id | the contact's own id |
| contact.PATH | a field of the contact |
| code, given.NAME | the result of an earlier action |
| batch | the number of the batch |
| project, journey, sendout | the names of the sendout |
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from actions.catalog.shared.templates import OF_THE_SENDOUT, Names, Template, parse
from actions.contact import MISSING, has_value, reader
from actions.contract import Contact, Context
from actions.plan.merge import canonical

_GIVEN, _CONTACT = "given.", "contact."
OF_THE_BATCH = Names(frozenset({"batch", *OF_THE_SENDOUT}))
OF_A_CONTACT = Names(OF_THE_BATCH.whole | {"contact.id", "code"}, (_CONTACT, _GIVEN))
_Read = Callable[[Contact, Context], Any]


@dataclass(frozen=True, slots=True)
class ContactText:
    """A template, parsed once and written for each contact."""

    template: Template
    readers: dict[str, _Read]

    def write(self, contact: Contact, context: Context) -> str | None:
        """Return the text for one contact; None if a name has no value for it."""
        return self.template.fill(lambda name: _text(self.readers[name](contact, context)))


def compiled(text: str, names: Names = OF_A_CONTACT) -> ContactText:
    """Return the compiled template; raise BadTemplate."""
    template = parse(text, names)
    return ContactText(template, {name: _reader_of(name) for name in template.names})


def _reader_of(name: str) -> _Read:
    if name == "contact.id":
        return lambda contact, context: contact.id
    if name.startswith(_CONTACT):
        read = reader(name.removeprefix(_CONTACT))

        def read_value(contact: Contact, context: Context) -> Any:
            value = read(contact.fields)
            return value if has_value(value, context.empty_words) else MISSING

        return read_value
    if name == "batch":
        return lambda contact, context: contact.batch_number
    if name in OF_THE_SENDOUT:
        return lambda contact, context: getattr(context, name)
    key = name.removeprefix(_GIVEN)
    return lambda contact, context: contact.given.get(key, MISSING)


def _text(value: Any) -> str | None:
    """Return a value as text; None if it is missing, null or empty."""
    if value is MISSING or value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return canonical(value)
