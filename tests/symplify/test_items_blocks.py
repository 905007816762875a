"""What a contact file says does not depend on how the network cut it, nor on how we page it."""

import csv
import gzip
import io
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendouts.symplify import rows as row_rules
from sendouts.symplify import source
from tests.examples import examples
from tests.symplify.reading import read

THOROUGH = settings(
    max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

# Texts that look like the borders between rows, and what surrounds them.
nasty = st.one_of(
    st.sampled_from(
        [
            '},{"contactId"',
            "}, {",
            "]",
            '"',
            "\\",
            '\\\\"',
            "},\n{",
            "a,b;c\td",
            "é",
            "€",
            "\u2028",
            "{[",
            '"]}',
            "x\ny",
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
)
values = st.recursive(
    st.one_of(
        nasty, st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(nasty, inner, max_size=3)),
    max_leaves=6,
)
names = nasty.filter(
    lambda name: name.casefold() not in {key.casefold() for key in row_rules.ID_KEYS + row_rules.URI_KEYS}
)
ids = nasty.filter(str.strip)
contacts = st.lists(st.tuples(ids, st.dictionaries(names, values, max_size=3), st.booleans()), max_size=12)


def as_objects(people):
    objects = []
    for number, (contact_id, fields, id_first) in enumerate(people):
        ours = {"contactId": contact_id, "cancelUri": f"https://example.com/{number}"}
        objects.append({**ours, **fields} if id_first else {**fields, **ours})
    return objects


def expected(people):
    return [(who, f"https://example.com/{number}", fields, "") for number, (who, fields, _) in enumerate(people)]


def cut_into(data, sizes):
    at = turn = 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        yield data[at : at + size]
        at += size
        turn += 1


def read_whole(data, sizes=(1 << 30,), *, chunk=5, **how):
    rows, reader = read(cut_into(data, sizes), chunk=chunk, **how)
    told = [(row.contact_id, row.uri, row.fields, row.problem) for row in rows]
    assert (reader.rows, reader.unread) == (len(rows), sum(1 for row in rows if row.problem))
    assert reader.complete == (not reader.broken)
    return told, reader


def outcome(data, sizes=(1 << 30,), **how):
    rows, reader = read_whole(data, sizes, **how)
    return repr((rows, reader.format, reader.complete, reader.first_problem, reader.broken))


block_sizes = st.lists(st.integers(1, 40), min_size=1, max_size=4)


@pytest.fixture
def paged(monkeypatch):
    def set_piece(size, row=1 << 20):
        monkeypatch.setattr(source, "PIECE", size)
        monkeypatch.setattr(row_rules, "MAX_ROW", row)

    return set_piece


@THOROUGH
@given(
    contacts,
    block_sizes,
    st.integers(1, 300),
    st.sampled_from([None, 0, 2]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_a_json_array_reads_as_its_rows_however_it_is_cut_and_written(
    paged, people, sizes, piece, indent, ascii_only, zipped, held
):
    paged(piece)
    objects = as_objects(people)
    document = (
        {"total": 3, "tags": ["a"], "by": {"a": [{"b": 1}]}, "contacts": objects, "next": None} if held else objects
    )
    data = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()
    rows, reader = read_whole(gzip.compress(data) if zipped else data, sizes, proven=False)
    assert rows == expected(people)
    assert reader.complete
    assert reader.format == ("json_object" if held else "json")


@THOROUGH
@given(
    contacts.filter(bool),
    block_sizes,
    st.integers(1, 300),
    st.booleans(),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
    st.booleans(),
)
def test_ndjson_reads_as_its_rows_however_it_is_cut(paged, people, sizes, piece, ascii_only, ending, ended):
    paged(piece)
    data = ending.join(json.dumps(one, ensure_ascii=ascii_only) for one in as_objects(people)) + (
        ending if ended else ""
    )
    rows, reader = read_whole(data.encode(), sizes)
    assert rows == expected(people)
    assert reader.complete
    assert reader.format == "ndjson"


cells = nasty.map(lambda text: text.replace("\r", "")).filter(lambda text: "http" not in text)


@THOROUGH
@given(
    st.lists(st.tuples(cells.filter(str.strip), cells, cells), min_size=1, max_size=12),
    block_sizes,
    st.integers(1, 300),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.sampled_from(["utf-8", "utf-8-sig", "cp1252"]),
)
def test_csv_reads_as_its_rows_however_it_is_cut(paged, people, sizes, piece, delimiter, ending, quoting, encoding):
    paged(piece)
    if encoding == "cp1252":
        people = [
            tuple(cell.encode("latin-1", "replace").decode("latin-1").translate(C1_AWAY) for cell in one)
            for one in people
        ]
        people = [(one[0] if one[0].strip() else "A", *one[1:]) for one in people]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=ending)
    writer.writerow(["City", "CONTACTID", "note", "cancelUri"])
    for number, (contact_id, city, note) in enumerate(people):
        writer.writerow([city, contact_id, note, f"https://example.com/{number}"])
    rows, reader = read_whole(out.getvalue().encode(encoding), sizes)
    wanted = [
        (who, f"https://example.com/{number}", {"City": city, "note": note}, "")
        for number, (who, city, note) in enumerate(people)
    ]
    if encoding == "cp1252" and rows != wanted:  # a line of Windows-1252 may happen to be good UTF-8
        # The encoding is told for each line of text, and a quoted cell may hold several.
        assert any(ambiguous(part) for one in people for cell in one for part in re.split("[\r\n]", cell))
    else:
        assert rows == wanted
        assert reader.complete


C1_AWAY = dict.fromkeys(range(128, 160), "?")


def ambiguous(text):
    try:
        return text.encode("cp1252").decode() != text
    except UnicodeDecodeError:
        return False


samples = st.sampled_from(
    [
        b'[{"contactId":"A","cancelUri":"https://e.com/1","n":{"a":[1,{}]}}, {"contactId":2,"cancelUri":"https://e.com/2"},5]',
        b'{"a":[],"contacts":[\n{"contactId":"A","cancelUri":"https://e.com/1"},\n{"id":"B","cancelUri":"https://e.com/2"}],"b":{}}',
        b'{"contactId":"A","cancelUri":"https://e.com/1"}\n{"contactId":"B","cancelUri":"https://e.com/2"}\n{"contactId":"C"}\n',
        b'contactId;note;cancelUri\nA;"x\ny";https://e.com/1\n"B";5" long;https://e.com/2\nC;\xe9;https://e.com/3\nD;\xc3\xa9;u\n',
        b'cancelUri,id\r\nhttps://e.com/1,"A,1"\r\n\r\nhttps://e.com/2,B\r\n',
    ]
)
splices = st.lists(
    st.tuples(
        st.integers(0, 200),
        st.integers(0, 4),
        st.one_of(
            st.sampled_from([b"", b'"', b"\\", *(bytes([byte]) for byte in b"{}[],;\n\r\0\x81\xe9\xff")]),
            st.sampled_from([b"\\u0000", b"\\ud800", b"\xef\xbb\xbf", b"NaN", b"1e999", b"}{", b"},{"]),
            st.sampled_from([b"x" * 70, b" " * 70, b"[" * 120]),
            st.binary(max_size=3),
        ),
    ),
    max_size=4,
)


def spliced(data, changes):
    for at, gone, new in changes:
        at %= len(data) + 1
        data = data[:at] + new + data[at + gone :]
    return data


@settings(THOROUGH, max_examples=examples(600))
@given(
    samples, splices, block_sizes, st.integers(1, 90), st.booleans(), st.booleans(), st.sampled_from([40, 64, 1 << 20])
)
def test_damage_reads_the_same_however_it_is_cut(paged, data, changes, sizes, piece, proven, torn, row):
    data = spliced(data, changes)
    paged(1 << 18, row)
    whole = outcome(data, proven=proven, torn=torn)
    assert outcome(data, sizes, proven=proven, torn=torn) == whole
    paged(piece, row)
    assert outcome(data, sizes, proven=proven, torn=torn) == whole


@THOROUGH
@given(samples, splices, splices, block_sizes)
def test_a_damaged_gzip_reads_the_same_however_it_is_cut(data, changes, damage, sizes):
    data = spliced(gzip.compress(spliced(data, changes), mtime=0), damage)
    assert outcome(data, sizes) == outcome(data)


@THOROUGH
@given(contacts.filter(bool), st.sampled_from(["json", "held", "ndjson", "gzip"]), st.data())
def test_of_a_cut_file_the_good_rows_before_the_cut_are_read_and_it_is_never_complete(people, shape, data):
    # Id and URI first: half a line that shows neither, but a list of objects, is taken for an object that holds the array.
    people = [(who, fields, True) for who, fields, _ in people]
    objects = as_objects(people)
    if shape == "held":
        whole = json.dumps({"contacts": objects, "more": [1]}).encode()
    elif shape == "ndjson":
        whole = "".join(json.dumps(one) + "\n" for one in objects).encode()
    else:
        whole = json.dumps(objects).encode()
    packed = gzip.compress(whole) if shape == "gzip" else whole
    kept = data.draw(st.integers(0, len(packed) - 1))
    rows, reader = read_whole(packed[:kept], (7,), proven=False, torn=data.draw(st.booleans()))
    assert rows == expected(people)[: len(rows)]
    assert not reader.complete
    if shape != "gzip":
        ends = [whole.index(f'https://example.com/{number}"'.encode()) for number in range(len(people))]
        assert len(rows) >= sum(1 for end in ends[1:] if end < kept)
