"""How a path finds its field in the rows of any file."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.contact import MISSING, Contact, reader, search

ROWS: list[tuple[str, dict[str, Any], Any]] = [
    ("consent", {"consent": 1}, 1),
    ("properties.consent", {"properties": {"consent": 1}}, 1),
    ("consent", {"properties": {"consent": 1}}, 1),
    ("properties.consent", {"consent": 1}, 1),
    ("CONSENT", {"Properties": {"Consent": 1}}, 1),
    ("Properties.Consent", {"CONSENT": 1}, 1),
    ("properties.consent", {"properties.consent": 1}, 1),
    ("consent", {"Properties.Consent": 1}, 1),
    (" consent ", {"consent": 1}, 1),
    ("address.city", {"address": {"city": 1}}, 1),
    ("address.city", {"properties": {"Address": {"City": 1}}}, 1),
    ("properties.address.city", {"address": {"city": 1}}, 1),
    ("a.b.c", {"a": {"b.c": 1}}, 1),
    ("consent", {}, MISSING),
    ("consent", {"properties": None}, MISSING),
    ("consent", {"properties": [1]}, MISSING),
    ("properties.consent", {"properties": "text"}, MISSING),
    ("properties", {"properties": {"x": 1}}, {"x": 1}),
]


@pytest.mark.parametrize(("path", "fields", "value"), ROWS)
def test_a_path_finds_its_field_in_every_shape_of_row(path: str, fields: dict[str, Any], value: Any) -> None:
    assert Contact("A-17", fields).field(path) == value


def test_the_path_as_written_wins_where_both_fields_exist() -> None:
    contact = Contact("A-17", {"consent": "top", "properties": {"consent": "inside"}})
    assert contact.field("consent") == "top"
    assert contact.field("properties.consent") == "inside"


def test_a_null_where_the_path_points_is_not_replaced_by_the_other_field() -> None:
    assert Contact("A-17", {"consent": None, "properties": {"consent": True}}).field("consent") is None


def test_the_exact_case_wins_over_another_spelling() -> None:
    assert Contact("A-17", {"Consent": 1, "consent": 2}).field("consent") == 2
    assert Contact("A-17", {"consent": 1, "Consent": 2}).field("Consent") == 2


KEYS = st.sampled_from(["a", "A", "b", "properties", "Properties", "a.b", "properties.a", "PROPERTIES.A", "x"])
VALUES = st.recursive(
    st.none() | st.integers(0, 9), lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
PATHS = st.sampled_from(["a", "A", "b", "a.b", "properties.a", "Properties.A", "properties.a.b", "properties", "a.b.x"])


@given(path=PATHS, rows=st.lists(st.dictionaries(KEYS, VALUES, max_size=4), min_size=1, max_size=6))
def test_the_quick_way_finds_what_the_long_way_finds(path: str, rows: list[dict[str, Any]]) -> None:
    other = path[11:] if path.lower().startswith("properties.") else "properties." + path
    read = reader(path)
    for fields in rows:
        assert read(fields) == search(fields, (tuple(path.split(".")), tuple(other.split("."))))
