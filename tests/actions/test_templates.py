"""Values are written in a little language: names in braces stand for what is known of a contact and its sendout."""

from dataclasses import replace
from typing import Any

import pytest

from actions.catalog.contact_update.contact_text import compiled
from actions.catalog.shared.templates import BadTemplate, Names, parse_among_braces
from actions.contract import Contact
from tests.actions.helpers import make_context

FIELDS = {"city": "Besançon", "properties": {"first_name": "Zoé", "points": 12, "vip": True, "rate": 2.0, "empty": ""}}
FIELDS |= {"Date d'inscription": "1 May", "Opt-in?": "yes", "Âge (ans)": 44}


COMPUTED = "In braces stands a name alone: nothing is formatted, and no other value is offered."
COMPUTING = [
    *("{contact.first_name|upper}", "{contact.first_name | upper}", "Hello {contact.x or 'there'}"),
    *('Hello {contact.x or "there"}', "Hello {contact.x ?? there}", "{contact.n:.2f}", "{contact.id!r:>10}"),
    *("{contact.name.upper()}", "{contact.a..b}", "{contact..a}", "{contact.a.}", "{contact.{code}}"),
]


def written(text: str, contact_id: str = "A-17", **given: str) -> str | None:
    contact = Contact(contact_id, FIELDS, (41 << 32) + 7)
    contact.given = given
    return compiled(text).write(contact, make_context())


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ""),
        ("plain", "plain"),
        ("Hello {contact.properties.first_name}!", "Hello Zoé!"),
        ("{contact.first_name} / { contact.CITY }", "Zoé / Besançon"),
        ("{contact.points}|{contact.vip}|{contact.rate}", "12|true|2"),
        ("{contact.id} in {batch}", "A-17 in 41"),
        ("{project} – {journey} – {sendout}", "Newsletter – Welcome – Day 1"),
        ("{code}/{given.level}", "S-1/gold"),
        ("{{contact.id}} is {contact.id}", "{contact.id} is A-17"),
        ("}}{{", "}{"),
        ("{{{code}}}", "{S-1}"),
        ("{contact.Date d'inscription}/{contact.Opt-in?}/{contact.Âge (ans)}", "1 May/yes/44"),
    ],
)
def test_names_stand_for_values(text: str, wanted: str) -> None:
    assert written(text, code="S-1", level="gold") == wanted


@pytest.mark.parametrize("text", ["{contact.unknown}", "a{contact.empty}b", "{code}", "{given.level}"])
def test_a_name_without_a_value_leaves_no_text(text: str) -> None:
    assert written(text) is None


@pytest.mark.parametrize(
    ("value", "has_one"),
    [("Inconnu", False), (" INCONNU\u200b", False), ("  ", False), ([], False), ({}, False), ("inconnue", True)],
)
def test_a_field_with_a_word_for_nothing_has_no_value(value: Any, has_one: bool) -> None:
    context = replace(make_context(), empty_words=frozenset({"inconnu"}))
    written = compiled("Hello {contact.name}").write(Contact("inconnu", {"name": value}), context)
    assert (written is not None) == has_one
    assert compiled("{contact.id}").write(Contact("inconnu", {}), context) == "inconnu"


@pytest.mark.parametrize(
    ("text", "sentence", "position"),
    [
        ("Hello {contact.id", "This brace is not closed.", 6),
        ("Hello }", "This brace was not opened.", 6),
        ("{contact.id} {name}", "Nothing has this name.", 13),
        ("{}", "Nothing has this name.", 0),
        ("{contact.}", "Nothing has this name.", 0),
        ("{contact}", "Nothing has this name.", 0),
        ("{contact.id}{__class__}", "Nothing has this name.", 12),
        ("{{{contact.id}}} {a}", "Nothing has this name.", 17),
        ("{{ {", "This brace is not closed.", 3),
        ("{contact.a", "This brace is not closed.", 0),
        *((text, COMPUTED, text.index("{contact.")) for text in COMPUTING),
        ("{code or 'none'}", COMPUTED, 0),
        ("{batch:05d}", COMPUTED, 0),
    ],
)
def test_what_is_no_template_is_refused_with_its_place(text: str, sentence: str, position: int) -> None:
    with pytest.raises(BadTemplate) as refused:
        compiled(text)
    assert (refused.value.sentence, refused.value.position) == (sentence, position)


@pytest.mark.parametrize("value", ["{contact.id}", "{0.__class__}", "%s {{", "{contact.__class__}"])
def test_what_a_contact_holds_is_never_read_as_a_template(value: str) -> None:
    contact = Contact("A-1", {"note": value})
    assert compiled("{contact.note}").write(contact, make_context()) == value


def test_a_path_leads_through_fields_and_never_through_python() -> None:
    contact: Any = Contact("A-1", {"note": "x"})
    assert compiled("{contact.note.__class__}").write(contact, make_context()) is None


def test_a_template_is_compiled_once_for_all_contacts_and_sendouts() -> None:
    template = compiled("{contact.id} {sendout}")
    context = make_context()
    assert template.write(Contact("A-1", {}), context) == "A-1 Day 1"
    assert template.write(Contact("A-2", {}), replace(context, sendout="Day 2")) == "A-2 Day 2"


ASKED = Names(frozenset({"id"}), ("field:",))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{id}", "<id>"),
        ("{viewer {id}}", "{viewer <id>}"),
        ("query($id: ID!) { contact(id: $id) { ok } }", "query($id: ID!) { contact(id: $id) { ok } }"),
        ('{contact(id: "{id}"){{ok}}}', '{contact(id: "<id>"){ok}}'),
        ("{contact{{id}}}", "{contact{id}}"),
        ("{a{b{C}}}", "{a{b{C}}}"),
        ("{} { }} {{", "{} { }} {{"),
        ("{field:first name} {ID}", "<field:first name> {ID}"),
    ],
)
def test_a_text_with_braces_of_its_own_keeps_them(text: str, wanted: str) -> None:
    assert parse_among_braces(text, ASKED).fill(lambda name: f"<{name}>") == wanted


@pytest.mark.parametrize("text", ["{unknown}", "{field:}", "{field:name|lower}", "{id:x}", "{field:n:.2f}"])
def test_a_name_among_other_braces_is_refused_as_elsewhere(text: str) -> None:
    with pytest.raises(BadTemplate):
        parse_among_braces(text, ASKED)
