"""Ids, addresses and names of fields are compared as a reader sees them."""

import sys
import unicodedata

import pytest

from actions.names import visible

# Format characters of Arabic, Syriac, Kaithi and Egyptian that are drawn.
DRAWN = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)}


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("A-1", "A-1"),
        (" A-1\t", "A-1"),
        ("\xa0A-1", "A-1"),
        ("A-2\u200b", "A-2"),
        ("A\u200b-2", "A-2"),
        ("\ufeff\u200eA-2\u202c ", "A-2"),
        ("A\u20113", "A-3"),
        ("A\xa03", "A 3"),
        ("per\xadson@example.com", "person@example.com"),
        ("A\x02", "A"),
        ("Müller", "Müller"),
        ("A B", "A B"),
        ("\u200b", ""),
        ("", ""),
    ],
)
def test_what_a_reader_cannot_see_does_not_count(written, seen):
    assert visible(written) == seen


def test_every_format_character_is_dropped_unless_it_is_drawn():
    formats = {code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Cf"}
    assert {code for code in formats if visible(f"a{chr(code)}b") != "ab"} == formats & DRAWN
