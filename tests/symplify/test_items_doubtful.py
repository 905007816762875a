"""A contact file in an unusual form is read where its meaning is beyond doubt; else the row or the file is named."""

import json

import pytest

from actions.sentences import write
from sendouts.symplify import plain
from tests.symplify.reading import good_ids, read

ONE, TWO, THREE = (f"https://example.com/{n}" for n in (1, 2, 3))


def contact(n, **fields):
    return {"contactId": f"A-{n}", **fields, "cancelUri": f"https://example.com/{n}"}


def found(data, **options):
    """The rows as (id, URI, problem), and what the reader says of the first that is unread."""
    rows, reader = read(data if isinstance(data, bytes) else data.encode(), **options)
    assert reader.complete, reader.broken
    return [(row.contact_id, row.uri, row.problem) for row in rows], write(reader.first_text)


def twice(name):
    return f"it has the field “{name}” twice, with different values"


TWICE_IN_CSV = {
    "values that differ": ("contactId;consent;consent;cancelUri", "A;no;yes;u", ("A", "u", "twice"), "consent"),
    "values that agree": ("contactId;consent; Consent ;cancelUri", "A;no; no;u", ("A", "u", ""), ""),
    "the id": ("contactId;contactId;cancelUri", "A;B;u", ("", "u", "twice"), "contactId"),
    "the id apart from case": ("contactId;CONTACTID;cancelUri", "A;B;u", ("", "u", "twice"), "contactId"),
    "the address": ("contactId;cancelUri;cancelUri", "A;u;v", ("A", "", "twice"), "cancelUri"),
    "apart from what nobody sees": ("contactId;x;\u200bx;cancelUri", "A;1;2;u", ("A", "u", "twice"), "x"),
    "columns without a name": ("contactId;;;cancelUri", "A;1;2;u", ("A", "u", ""), ""),
}


@pytest.mark.parametrize(("head", "line", "row", "name"), TWICE_IN_CSV.values(), ids=TWICE_IN_CSV)
def test_two_columns_with_one_name_must_agree(head, line, row, name):
    expected = ([row], twice(name) if name else "")
    assert found(f"{head}\n{line}\n") == expected
    # The same row record by record, beside one that is no record.
    rows, _ = found(f'{head}\n"open\n{line}\n')
    assert rows[1] == row


TWICE_IN_JSON = {
    "values that differ": ('"contactId":"A","no":1,"no":2,"cancelUri":"u"', ("A", "u", "twice"), "no"),
    "values that agree": ('"contactId":"A","no":1,"no":1,"cancelUri":"u"', ("A", "u", ""), ""),
    "one and true": ('"contactId":"A","no":1,"no":true,"cancelUri":"u"', ("A", "u", "twice"), "no"),
    "apart from case": ('"contactId":"A","Ok":false,"ok":true,"cancelUri":"u"', ("A", "u", "twice"), "ok"),
    "inside": ('"contactId":"A","p":{"ok":1,"ok":2},"cancelUri":"u"', ("A", "u", "twice"), "p.ok"),
    "inside, apart from case": ('"contactId":"A","p":{"Ok":1,"ok":2},"cancelUri":"u"', ("A", "u", "twice"), "p.ok"),
    "in a list": ('"contactId":"A","p":[{"q":{"ok":1,"ok":2}}],"cancelUri":"u"', ("A", "u", "twice"), "p.q.ok"),
    "with a space before the colon": ('"contactId":"A","no" :1,"no":2,"cancelUri":"u"', ("A", "u", "twice"), "no"),
    "beside colons in texts": (
        '"contactId":"A","t":"a:b\\":","no":1,"no":2,"cancelUri":"u"',
        ("A", "u", "twice"),
        "no",
    ),
    "a colon that is escaped": (
        '"contactId":"A","t":"\\u003A","no":1,"no":2,"cancelUri":"u"',
        ("A", "u", "twice"),
        "no",
    ),
    "the id": ('"contactId":"A","contactId":"B","cancelUri":"u"', ("", "u", "twice"), "contactId"),
    "the address": ('"contactId":"A","cancelUri":"u","cancelUri":"v"', ("A", "", "twice"), "cancelUri"),
}


@pytest.mark.parametrize(("inside", "row", "name"), TWICE_IN_JSON.values(), ids=TWICE_IN_JSON)
def test_two_keys_with_one_name_must_agree(inside, row, name):
    # Many rows of the same shape, so that they are decoded together.
    before = [json.dumps(contact(n, t="a:b")) for n in range(30)]
    row_text = "{" + inside + "}"
    # The second of these rows has a shape that is known by then.
    lines = [*before, row_text, row_text, before[0]]
    for text in (f"[{','.join(lines)}]", "\n".join(lines)):
        rows, text = found(text)
        assert (rows[30:32], text) == ([row, row], twice(name) if name else "")
        assert [problem for _, _, problem in rows[:30] + rows[32:]] == [""] * 31
    if '"p":[' not in inside:
        assert found(row_text.replace(",", ",\n"))[0] == [row]


def test_the_cheap_search_for_a_key_twice_is_used_for_ordinary_files(monkeypatch):
    monkeypatch.setattr(plain, "careful", lambda text: pytest.fail("decoded again"))
    people = [contact(n, at="10:30", note="é" if n % 2 else "10:30", p={"q": {"r": "a:b"}}) for n in range(50)]
    for text in (json.dumps(people), json.dumps(people, indent=1), json.dumps(people, separators=(" , ", " : "))):
        assert len(found(text)[0]) == 50


INVISIBLE = {
    "in a column's name": ("\u200bcontactId;n\xa0;cancelUri\nA;1;u", ["A"], 2),
    "behind a mark of the byte order": ("\ufeff\ufeffcontactId;n;cancelUri\nA;1;u", ["A"], 1),
    "around ids": ("contactId;n;cancelUri\n\xa0A;1;u\nB\u200b;1;u\n C ;1;u", ["A", "B", "C"], 2),
    "inside of ids": ("contactId;n;cancelUri\nA\u20111;1;u\nA\xad2;1;u\nA\xa03;1;u", ["A-1", "A2", "A 3"], 3),
    "around addresses": ("contactId;n;cancelUri\nA;1;\u200eu\u200b", ["A"], 1),
}


@pytest.mark.parametrize(("text", "ids", "count"), INVISIBLE.values(), ids=INVISIBLE)
@pytest.mark.parametrize("form", ["csv", "json"])
def test_what_nobody_sees_is_dropped_around_names_and_ids_and_counted(text, ids, count, form):
    if form == "json":
        head, *lines = (line.split(";") for line in text.removeprefix("\ufeff").split("\n"))
        text = json.dumps([dict(zip(head, line, strict=True)) for line in lines])
    rows, reader = read(text.encode())
    assert (good_ids(rows), {row.uri for row in rows}) == (ids, {"u"})
    assert (reader.invisible, reader.complete) == (count, True)


def test_an_address_is_called_as_it_came_but_for_what_is_around_it():
    uri = "https://example.com/a\u200bb/%7E%2f\xa0c"
    assert found(json.dumps([{"contactId": "A", "cancelUri": f" {uri}\n"}]))[0] == [("A", uri, "")]


NO_IDS = {
    "1,23457E+16": "a spreadsheet has rounded this number",
    "1.23E+16": "a spreadsheet has rounded this number",
    1.2345e16: "a spreadsheet has rounded this number",
    17.0: "a spreadsheet has rounded this number",
    "#NAME?": "this is an error value of a spreadsheet",
    "#####": "the column was too narrow",
    '="00123"': "this is a formula of a spreadsheet",
    "3-Mar": "a spreadsheet has made a date of this",
}


@pytest.mark.parametrize("value", NO_IDS, ids=str)
def test_an_id_that_a_spreadsheet_has_changed_is_unread_with_the_advice_why(value):
    rows, text = found(json.dumps([contact(1), contact(2) | {"contactId": value}, contact(3)]))
    assert rows[0] == ("A-1", ONE, "")
    assert rows[1][1:] == (TWO, "mangled")
    assert text.startswith(f"its contact id: {NO_IDS[value]}")
    if isinstance(value, str):
        assert found(f"contactId;cancelUri\nA;u\n{value};v\nC;w\n")[0][1][1:] == ("v", "mangled")


@pytest.mark.parametrize("word", ["NULL", "null", r"\N", "N/A", "#N/A", "None", "undefined", "NaN", " nil "])
def test_a_word_for_nothing_is_neither_an_id_nor_an_address(word):
    for text in (f"contactId;cancelUri\nA;{ONE}\n{word};{TWO}\nC;{word}\n", None):
        text = text or json.dumps([contact(1), contact(2) | {"contactId": word}, contact(3) | {"cancelUri": word}])
        rows, _ = found(text)
        assert rows[1][1] == TWO
        assert [problem for _, _, problem in rows] == ["", "mangled" if word == "#N/A" else "no_id", "no_uri"]


def test_a_word_that_only_one_project_has_is_found_among_plain_ids():
    lines = "".join(f"A-{place};https://example.com/{place}\n" for place in range(50))
    for word, found in {"Zilch": ("", "no_id"), "NULL": ("NULL", "")}.items():
        text = f"contactId;cancelUri\n{lines}{word};{ONE}\n"
        rows, _ = read(text.encode(), empty_words=frozenset({"zilch"}))
        assert (rows[-1].contact_id, rows[-1].problem) == found


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("form", ["[{},{},{}]", "{}\n{}\n{}", '{{"rows":[{},{},{}]}}'])
def test_a_number_that_is_none_costs_no_row(value, form):
    middle = json.dumps(contact(2, score=0)).replace("0,", f"{value},")
    rows, reader = read(form.format(json.dumps(contact(1)), middle, json.dumps(contact(3))).encode())
    assert (good_ids(rows), reader.complete) == (["A-1", "A-2", "A-3"], True)
    assert repr(rows[1].fields["score"]) == repr(float(value))


TABLE = "contactId;city;cancelUri\nA-1;Nîmes;https://example.com/1\nA-2;Łódź €;https://example.com/2\n"
WESTERN = TABLE.replace("Łódź", "Alès")
FORMS = {
    "sep= before the header": ("sep=;\r\n" + TABLE.replace("\n", "\r\n"), "utf-8", ""),
    "sep= with another delimiter": ('"sep=^"\n' + TABLE.replace(";", "^"), "utf-8", ""),
    "bars": (TABLE.replace(";", "|"), "utf-8", ""),
    "lone carriage returns": (TABLE.replace("\n", "\r"), "utf-8", ""),
    "UTF-16 with a mark": ("\ufeff" + TABLE.replace(";", "\t"), "utf-16-le", ""),
    "UTF-16 with the other mark": ("\ufeff" + TABLE, "utf-16-be", ""),
    "UTF-16 without a mark": (TABLE, "utf-16-le", ""),
    "UTF-16 without a mark, the other way": (TABLE, "utf-16-be", ""),
    "UTF-32": ("\ufeff" + TABLE, "utf-32-le", ""),
    "a declared charset": (TABLE, "iso8859-2", "text/csv; charset=ISO-8859-2"),
    "a declared charset of the west": (WESTERN, "iso8859-15", 'text/csv;charset="ISO-8859-15"'),
    "a declared charset that is not the file's": (TABLE, "utf-8", "text/csv; charset=ISO-8859-1"),
    "a declared charset that nobody knows": (TABLE, "utf-8", "text/csv; charset=binary"),
    "a mark and another charset declared": ("\ufeff" + TABLE, "utf-8", "text/csv; charset=Shift_JIS"),
    "one delimiter too many": (TABLE.replace("\n", ";\n"), "utf-8", ""),
    "one delimiter too many but in the header": (TABLE.replace("\n", ";\n").replace(";\n", "\n", 1), "utf-8", ""),
    "some delimiters too many": (TABLE.replace("\nA-2", ";; \nA-2"), "utf-8", ""),
    "spaces behind delimiters": (TABLE.replace(";", "; "), "utf-8", ""),
}


@pytest.mark.parametrize(("table", "codec", "content_type"), FORMS.values(), ids=FORMS)
def test_every_plausible_form_of_a_table_is_read(table, codec, content_type):
    # `€` is missing in one of the charsets.
    data = table.replace(" €", "").encode(codec) if codec == "iso8859-2" else table.encode(codec)
    rows, reader = read(data, headers={"content-type": content_type})
    assert (reader.format, reader.complete, reader.unread) == ("csv", True, 0)
    assert [(row.contact_id, row.uri) for row in rows] == [("A-1", ONE), ("A-2", TWO)]
    expected = WESTERN if "Alès" in table else TABLE
    cities = [line.split(";")[1] for line in expected.split("\n")[1:3]]
    assert [row.fields for row in rows] == [
        {"city": city.replace(" €", "") if codec == "iso8859-2" else city} for city in cities
    ]


def test_json_is_read_in_a_declared_or_marked_charset():
    text = json.dumps([contact(1, city="Nîmes")], ensure_ascii=False)
    for data, content_type in (
        (text.encode("utf-16"), ""),
        (text.encode("cp1252"), "application/json; charset=latin1"),
    ):
        rows, reader = read(data, headers={"content-type": content_type})
        assert ([row.fields for row in rows], reader.complete) == ([{"city": "Nîmes"}], True)


DAMAGED = {
    "a bad byte where UTF-8 is declared": (b"M\xfcller", "text/csv; charset=utf-8"),
    "a bad byte beside UTF-8": ("Müller".encode() + b"\xfc", ""),
    "half a character in Shift_JIS": (b"\x83", "text/csv; charset=Shift_JIS"),
}


@pytest.mark.parametrize(("value", "content_type"), DAMAGED.values(), ids=DAMAGED)
def test_text_that_is_damaged_costs_its_row_and_is_never_guessed(value, content_type):
    data = b"contactId;n;cancelUri\nA;a;u\nB;" + value + b";v\nC;c;w\n"
    rows, reader = read(data, headers={"content-type": content_type})
    assert [row.problem for row in rows] == ["", "bad_text", ""]
    assert (rows[1].uri, reader.complete) == ("v", True)


@pytest.mark.parametrize(
    "line", ["B;https://example.com/2;x;", "B;https://example.com/2;x;;", "B;https://example.com/a;b;"]
)
def test_a_cell_too_many_is_in_doubt_where_an_address_may_hold_the_delimiter(line):
    rows, _ = found(f"contactId;cancelUri;note\nA;{ONE};a\n{line}\nC;{THREE};c\n")
    assert [problem for _, _, problem in rows] == ["", "bad_columns", ""]


PEOPLE = [contact(1), contact(2)]
NESTED = {
    "one level": {"data": {"items": PEOPLE}},
    "several": {"a": {"b": {"c": {"rows": PEOPLE}}, "n": [{"x": 1}]}, "z": {"list": [{"id": 1}]}},
    "with a list of something else first": {"columns": {"all": [{"name": "x"}]}, "data": {"items": PEOPLE}},
}


@pytest.mark.parametrize("value", NESTED.values(), ids=NESTED)
@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_inside_of_objects_is_found_by_its_addresses(value, indent):
    rows, reader = read(json.dumps(value, indent=indent).encode())
    assert (good_ids(rows), reader.complete, reader.format) == (["A-1", "A-2"], True, "json_object")


def test_a_contact_with_objects_inside_is_not_taken_for_a_list():
    one = {"contactId": "A", "p": {"orders": [{"id": 1}], "q": {}}, "cancelUri": "u", "r": {"s": [1]}}
    rows, _ = read(json.dumps(one, indent=1).encode())
    assert [row.fields for row in rows] == [{"p": one["p"], "r": one["r"]}]


def test_two_lists_of_contacts_are_ambiguous_on_any_level():
    for value in ({"data": {"a": PEOPLE}, "more": {"b": PEOPLE}}, {"a": PEOPLE, "data": {"b": {"c": PEOPLE}}}):
        _, reader = read(json.dumps(value).encode())
        assert (reader.complete, reader.broken) == (False, "two_arrays")
