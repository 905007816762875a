"""What a spreadsheet did to a value is seen, and values that only look a little like it are left alone."""

import pytest

from actions.spreadsheet import Mangled, mangled

SEEN = {
    Mangled.ROUNDED: [
        "1,23457E+16",
        "9.87654E+15",
        "1.23E+16",
        "1E+05",
        "-1.5e-07",
        "12.3E+15",
        "1.2345678901234568E16",
    ],
    Mangled.NARROW: ["########", " ###  "],
    Mangled.ERROR: ["#N/A", "#NV", "#N/D", "#REF!", "#VALEUR!", "#NOM?", "#DIV/0!", "#WERT!", "#ÜBERLAUF!", "Err:502"],
    Mangled.FORMULA: ['="A1"', "=A1+1", '="0012345"'],
    Mangled.DATE: [
        *("31/01/2026", "1/31/26", "2026-01-31", "2026-01-31 00:00:00", "31.01.2026", "1-2-2026", "01/02/2026 12:30"),
        *("Mar-26", "1-Mar", "01-janv", "janv-26", "01-févr.", "5. Mrz 2026"),
    ],
    Mangled.APOSTROPHE: ["'0012345", "'+33612345678"],
}
LEFT = [
    *(
        "",
        "A-17",
        "12345",
        "12E4",
        "1E5",
        "E+16",
        "S-1E+5",
        "#17",
        "#SUMMER",
        "#",
        "MAR-26",
        "mai-17a",
        "10-11-12",
        "1.2.03",
    ),
    *(
        "2026-13-45",
        "31/31/2026",
        "2026-01-31-A",
        "a@example.com",
        "'t-hof",
        "O'Neill",
        "+33612345678",
        "06.12.34.56.78",
    ),
    *("20260131", "1.234", "1,234", "2026", "Jan", "9007199254740993"),
]


@pytest.mark.parametrize(("made", "values"), SEEN.items())
def test_what_a_spreadsheet_made_of_a_value_is_named(made: Mangled, values: list[str]) -> None:
    assert {value: mangled(value) for value in values} == dict.fromkeys(values, made)


def test_what_only_resembles_it_is_left_alone() -> None:
    assert {value: mangled(value) for value in LEFT} == dict.fromkeys(LEFT)
