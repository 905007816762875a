"""Contact files: every format that the contract lists, the same bytes each time."""

from __future__ import annotations

import csv
import gzip
import http.client
import io
import json
from itertools import product
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from simulator.client import Simulator


def raw(uri: str) -> tuple[http.client.HTTPResponse, bytes]:
    """Download without undoing the Content-Encoding."""
    parts = urlsplit(uri)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    connection.request("GET", parts.path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def rows_of(body: bytes, wanted: dict) -> list[dict]:
    text = body.decode(wanted["encoding"])
    if wanted["format"] == "json":
        return json.loads(text)
    if wanted["format"] == "json_object":
        return json.loads(text)["contacts"]
    if wanted["format"] == "ndjson":
        return [json.loads(line) for line in text.splitlines()]
    return [
        {
            "contactId": row["contactId"],
            "email": row["email"],
            "properties": {"consent": row["consent"] == "true", "city": row["city"], "age": int(row["age"])},
            "cancelUri": row["cancelUri"],
        }
        for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=wanted["delimiter"])
    ]


@pytest.mark.parametrize(
    ("kind", "packed"), [*product(["json", "json_object", "ndjson", "csv"], ["", "header", "body"])]
)
def test_every_format_says_the_same(sim: Simulator, kind: str, packed: str) -> None:
    contents = []
    for transfer, encoding in zip(["chunked", "length", "close"], ["utf-8", "utf-8-sig", "windows-1252"], strict=True):
        wanted = {"format": kind, "gzip": packed, "transfer": transfer, "encoding": encoding, "delimiter": ";"}
        created = sim.create("batch", contacts=503, fire=False, **wanted)
        answer, body = raw(created["download_uri"])
        assert answer.getheader("Content-Encoding") == ("gzip" if packed == "header" else None)
        assert (answer.getheader("Content-Length") == str(len(body))) == (transfer == "length")
        assert (answer.getheader("Transfer-Encoding") == "chunked") == (transfer == "chunked")
        assert created["download_uri"].endswith(".gz") == (packed == "body")
        plain = gzip.decompress(body) if packed else body
        assert plain.startswith(b"\xef\xbb\xbf") == (encoding == "utf-8-sig")
        rows = rows_of(plain, wanted)
        assert raw(created["download_uri"])[1] == body
        assert len({row["cancelUri"] for row in rows}) == 503
        contents.append([{key: value for key, value in row.items() if key != "cancelUri"} for row in rows])
    assert all(content == contents[0] for content in contents)
    assert contents[0][0] == {
        "contactId": "A-000001",
        "email": "c000001@example.com",
        "properties": {"consent": True, "city": "Orléans", "age": 18},
    }
    assert sum(not row["properties"]["consent"] for row in contents[0]) == 50


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_csv_takes_any_delimiter_and_quotes_what_it_must(
    sim: Simulator, http: requests.Session, delimiter: str
) -> None:
    rows = [
        {"contactId": "1", "name": 'a "b", c; d\te', "properties": {"consent": True}},
        {"contactId": 2, "name": None, "extra": [1]},
    ]
    created = sim.create("batch", rows=rows, fire=False, format="csv", delimiter=delimiter)
    text = http.get(created["download_uri"], timeout=5).content.decode()
    read = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
    assert [row["name"] for row in read] == ['a "b", c; d\te', ""]
    assert [row["consent"] for row in read] == ["true", ""]
    assert [row["contactId"] for row in read] == ["1", "2"]
    assert read[1]["extra"] == "[1]"


def test_given_rows_get_a_uri_unless_they_are_raw(sim: Simulator, http: requests.Session) -> None:
    rows = [
        {"originalId": "a"},
        {"originalId": "b", "_raw": True},
        {"_raw": True, "cancel_uri": "{uri}"},
        {"originalId": "d", "cancelUri": "http://example.com/elsewhere"},
    ]
    created = sim.create("batch", rows=rows, fire=False, id_key="originalId")
    read = http.get(created["download_uri"], timeout=5).json()
    assert list(read[0]) == ["originalId", "cancelUri"]
    assert read[1] == {"originalId": "b"}
    assert list(read[2]) == ["cancel_uri"]
    assert read[3]["cancelUri"] == "http://example.com/elsewhere"
    assert http.post(read[2]["cancel_uri"], timeout=5).status_code == 200
    assert sim.sendout(created["id"])["rejected"] == 1


@pytest.mark.parametrize("contacts", [3, 250, 251])
def test_raw_lines_stand_where_they_were_put(sim: Simulator, http: requests.Session, contacts: int) -> None:
    lines = [[0, "first"], [2, "{broken"], [2, "again"], [contacts, "last"]]
    created = sim.create("batch", contacts=contacts, fire=False, format="ndjson", raw_lines=lines)
    read = http.get(created["download_uri"], timeout=5).text.splitlines()
    assert len(read) == contacts + 4
    assert [read.index(text) for _, text in lines] == [0, 3, 4, contacts + 3]
    assert [json.loads(line)["contactId"] for line in read if line.startswith('{"')][-1] == f"A-{contacts:06d}"
    array = sim.create("batch", contacts=contacts, fire=False, raw_lines=[[0, "1"], [contacts, "null"]])
    elements = http.get(array["download_uri"], timeout=5).json()
    assert (elements[0], elements[-1], len(elements)) == (1, None, contacts + 2)
    table = sim.create("batch", contacts=contacts, fire=False, format="csv", raw_lines=[[1, "a,b"]])
    assert http.get(table["download_uri"], timeout=5).text.splitlines()[2] == "a,b"


def test_what_the_encoding_cannot_write_is_escaped(sim: Simulator, http: requests.Session) -> None:
    rows = [{"contactId": "1", "name": "Łódź \ud800"}]
    created = sim.create("batch", rows=rows, fire=False, encoding="windows-1252")
    assert json.loads(http.get(created["download_uri"], timeout=5).content.decode("windows-1252"))[0]["name"] == (
        "Łódź \ud800"
    )


def test_many_contacts_need_little_memory(sim: Simulator, http: requests.Session) -> None:
    assert sim.process is not None
    process = psutil.Process(sim.process.pid)
    before = process.memory_info().rss
    created = sim.create("batch", contacts=200_000, fire=False, format="ndjson")
    lines = 0
    # Somebody who asks for the file and does not read it costs no more.
    stalled = http.get(created["download_uri"], stream=True, timeout=30)
    with http.get(created["download_uri"], stream=True, timeout=30) as answer:
        for block in answer.iter_content(1 << 20):
            lines += block.count(b"\n")
    assert lines == 200_000
    assert http.post(created["finish_uris"][0], timeout=5).status_code == 200
    report = sim.sendout(created["id"])
    assert (report["accepted"], report["released_due"]) == (200_000, 20_000)
    assert process.memory_info().rss - before < 15_000_000
    stalled.close()
