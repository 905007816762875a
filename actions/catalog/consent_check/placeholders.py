"""Placeholders for contacts in the address and the body of a question.

    {id}             the identifier of a single contact
    {ids}            all identifiers: a list if it is a whole text of the body; with commas in an address
    {field:PATH}     a field of a single contact; as a whole text of the body it keeps its type
    {project}, {journey}, {sendout}

Other braces remain unchanged; `{{id}}` stands for the text `{id}`.

A list in the body with a single entry that contains `{id}` or `{field:…}` is repeated: one entry for each contact.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from actions.catalog.shared.templates import OF_THE_SENDOUT, Names, Template, parse_among_braces

ONE = "id"
ALL = "ids"
_FIELD = "field:"
_NAMES = Names(frozenset({ONE, ALL, *OF_THE_SENDOUT}), (_FIELD,))


@dataclass(frozen=True, slots=True)
class Person:
    """A contact in a question: its identifier, and the fields that the question contains."""

    identifier: str
    fields: Mapping[str, Any]


def marks(template: Any) -> Iterator[str]:
    """Yield every placeholder of a text or a JSON value, without its braces; raise BadTemplate."""
    if isinstance(template, str):
        yield from _parsed(template).names
    elif isinstance(template, list):
        for each in template:
            yield from marks(each)
    elif isinstance(template, Mapping):
        for each in template.values():
            yield from marks(each)


def _parsed(text: str) -> Template:
    return parse_among_braces(text, _NAMES)


def fields_in(*templates: Any) -> tuple[str, ...]:
    """Return the paths of the fields in the templates."""
    found = (mark for template in templates for mark in marks(template))
    return tuple(dict.fromkeys(mark[len(_FIELD) :] for mark in found if mark.startswith(_FIELD)))


def names_one(template: Any) -> bool:
    """Return whether a template describes a single contact, outside of repeated lists."""
    if isinstance(template, list):
        return not _is_repeated(template) and any(names_one(each) for each in template)
    if isinstance(template, Mapping):
        return any(names_one(each) for each in template.values())
    return any(_is_of_one(mark) for mark in marks(template))


def names_somebody(template: Any) -> bool:
    """Return whether a template identifies any contact."""
    return any(mark == ALL or _is_of_one(mark) for mark in marks(template))


def _is_of_one(mark: str) -> bool:
    return mark == ONE or mark.startswith(_FIELD)


def _is_repeated(template: list[Any]) -> bool:
    return len(template) == 1 and any(_is_of_one(mark) for mark in marks(template[0]))


def fill_url(url: str, people: Sequence[Person], names: Mapping[str, str]) -> str:
    """Return the address of a question; values are quoted, so that each stays in its part of the address."""

    def put(mark: str) -> str:
        if mark == ALL:
            return ",".join(_quoted(person.identifier) for person in people)
        return _quoted(_text(_value(mark, people, names)))

    return _parsed(url).fill(put) or ""


def climbs(url: str) -> bool:
    """Return whether an address contains `.` or `..` as a folder, which would lead to an unintended address."""
    return bool({".", ".."} & set(urlsplit(url).path.split("/")))


def fill_body(template: Any, people: Sequence[Person], names: Mapping[str, str]) -> Any:
    """Return the body of a question about these people."""
    if isinstance(template, str):
        parsed = _parsed(template)
        if (whole := parsed.only) is not None:
            return [each.identifier for each in people] if whole == ALL else _value(whole, people, names)
        return parsed.fill(lambda mark: _text(_value(mark, people, names)))
    if isinstance(template, list):
        if _is_repeated(template):
            return [fill_body(template[0], [person], names) for person in people]
        return [fill_body(each, people, names) for each in template]
    if isinstance(template, Mapping):
        return {key: fill_body(each, people, names) for key, each in template.items()}
    return template


def _value(mark: str, people: Sequence[Person], names: Mapping[str, str]) -> Any:
    if mark == ALL:
        return ",".join(each.identifier for each in people)
    if mark == ONE:
        return people[0].identifier
    return people[0].fields[mark[len(_FIELD) :]] if mark.startswith(_FIELD) else names[mark]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _quoted(text: str) -> str:
    # Replace lone surrogates, which UTF-8 cannot encode.
    return quote(text, safe="", errors="replace")
