"""Contact files and hooks in the platform's forms, and their damage by accident or attack."""

import csv
import gzip
import io
import json
from dataclasses import dataclass
from random import Random
from typing import Any

FORMATS = ("json", "json_object", "ndjson", "csv")
ID_KEYS = ("contactId", "originalId", "contact_id", "id", "CONTACTID")
URI_KEYS = ("cancelUri", "rejectUri", "cancel_uri", "CancelURI")
NAMES = (
    "Zoé",
    "Łukasz",
    "O'Neil",
    'a "b" c',
    "x,y;z\tw",
    "line\nfeed",
    "",
    "日本",
    "back\\slash",
    "{not json}",
    "[1,2]",
    "}, {",
)
# What readers trip over, put in at a random place.
TOKENS = (
    b'"',
    b"'",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\\",
    b"\n",
    b"\r\n",
    b"\r",
    b"\t",
    b";",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xef\xbb\xbf",
    b"},{",
    b"}\n{",
    b"},\n{",
    b'":"',
    b'","',
    b"\\u0000",
    b"\\ud800",
    b"\\udc00\\ud800",
    b"\\u0041",
    b"null",
    b"true",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"9" * 400,
    b"[" * 200,
    b'{"a":' * 150,
    b'""',
    b'"""',
    b"//",
    b"<html>",
    b"\x1f\x8b",
    b" " * 50,
    b'"contactId":"evil"',
    b'"cancelUri":"https://evil.example/1"',
    b'{"contactId":"E","cancelUri":"https://evil.example/2"}',
    b"E,https://evil.example/3",
    b"\x85",
    b"\xe9",
    b"\xe2\x80\xa8",
)


@dataclass(frozen=True)
class Made:
    """One input: its bytes, the same before gzip, and how it is sent; the contacts in it, if nothing is damaged."""

    format: str
    plain: bytes
    sent: bytes
    encoding: str
    layers: int
    contacts: list[dict[str, Any]] | None = None


def rows(random: Random) -> list[dict[str, Any]]:
    """A few contacts, mostly alike, as those of a real file are."""
    id_key, uri_key = random.choice(ID_KEYS), random.choice(URI_KEYS)
    made = []
    for place in range(random.choice((0, 1, 1, 2, 3, 5, 9, 30))):
        identity: Any = random.choice((f"A-{place:06d}", place + 1, f"é{place}", f" {place}"))
        row: dict[str, Any] = {id_key: identity, "name": random.choice(NAMES)}
        if random.random() < 0.5:
            row["properties"] = {"consent": random.random() < 0.5, "tags": [random.randrange(9)] * random.randrange(3)}
        row[uri_key] = f"https://x.example/c/{random.getrandbits(40):010x}"
        if random.random() < 0.1:
            row.pop(random.choice((id_key, uri_key)))
        made.append(row)
    return made


def written(random: Random, form: str, contacts: list[dict[str, Any]]) -> bytes:
    """The contacts in one of the formats."""
    ascii_only = random.random() < 0.5
    separators = random.choice(((",", ":"), (", ", ": "), (" , ", " : ")))
    if form == "csv":
        return _csv(random, contacts)
    if form == "ndjson":
        lines = [json.dumps(row, ensure_ascii=ascii_only, separators=separators) for row in contacts]
        return (random.choice(("\n", "\r\n")).join(lines) + random.choice(("", "\n", "\n\n"))).encode()
    value: Any = contacts
    if form == "json_object":
        value = {
            "version": 1,
            "note": random.choice(NAMES),
            random.choice(("contacts", "items", "data")): contacts,
            "n": len(contacts),
        }
    indent = random.choice((None, None, 1))
    return json.dumps(value, ensure_ascii=ascii_only, separators=separators, indent=indent).encode()


def _csv(random: Random, contacts: list[dict[str, Any]]) -> bytes:
    out = io.StringIO()
    columns = list(dict.fromkeys(key for row in contacts for key in row if key != "properties")) or [
        "contactId",
        "cancelUri",
    ]
    quoting = random.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    end = random.choice(("\n", "\r\n"))
    writer = csv.DictWriter(
        out, columns, extrasaction="ignore", delimiter=random.choice(",;\t"), quoting=quoting, lineterminator=end
    )
    writer.writeheader()
    writer.writerows(contacts)
    encoding = random.choice(("utf-8", "utf-8-sig", "cp1252"))
    return out.getvalue().encode(encoding, errors="xmlcharrefreplace")


def mutated(random: Random, data: bytes, times: int) -> bytes:
    """The bytes after some changes that an enemy or a bad line might make."""
    for _ in range(times):
        at, to = sorted((random.randrange(len(data) + 1), random.randrange(len(data) + 1)))
        short = min(to, at + 40)
        match random.randrange(8):
            case 0:
                data = data[:at] + random.choice(TOKENS) + data[at:]
            case 1:
                data = data[:at] + data[short:]
            case 2:
                data = data[:short] + data[at:]
            case 3:
                data = data[:to]
            case 4 if data:
                at = min(at, len(data) - 1)
                data = data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]
            case 5:
                data = data[:at] + random.choice(TOKENS) + data[short:]
            case 6:
                other = random.randrange(len(data) + 1)
                data = data[:other] + data[at:short] + data[other:]
            case 7:
                token = random.choice((b'"', b",", b"\n", b"{", b"}", b"\\", b":"))
                if (found := data.find(token, at)) >= 0:
                    data = data[:found] + data[found + 1 :]
    return data


def contact_file(random: Random) -> Made:
    """A contact file, whole or damaged, packed or not."""
    form = random.choice(FORMATS)
    contacts = rows(random)
    plain = written(random, form, contacts)
    sound = random.random() < 0.2
    if not sound:
        plain = mutated(random, plain, random.choice((1, 1, 2, 3, 8)))
    if not sound and random.random() < 0.05:
        plain += written(random, random.choice(FORMATS), rows(random))
    layers = random.choice((0, 0, 0, 1, 1, 2))
    sent = plain
    for _ in range(layers):
        sent = gzip.compress(sent, 1)
    if layers and not sound and random.random() < 0.3:
        sent = mutated(random, sent, 1)
    encoding = "gzip" if layers and random.random() < 0.5 else ""
    return Made(form, plain, sent, encoding, layers, contacts if sound else None)


def hook(random: Random) -> bytes:
    """The body of a hook, whole or damaged."""
    strange = [
        None,
        True,
        1.5,
        "",
        " ",
        "a\0",
        "\ud800",
        [],
        ["a"],
        {},
        {"\udfff": ["\0"]},
        {"name": {}},
        {"id": 10**300},
    ]
    value: dict[str, Any] = {
        "finishUri": "https://x.example/f/1",
        "actions": random.choice((["a"], "a", {"a": {"b": 1}}, [{"id": "a", "n": 1}], [], None, [1, None, {"x": []}])),
        "projectName": random.choice((*NAMES, 17, None)),
        "journeyName": random.choice(NAMES),
        "sendoutName": "Day 1",
    }
    if random.random() < 0.6:
        value["items"] = rows(random)
    if random.random() < 0.5:
        value["itemDownloadUri"] = "https://x.example/d/1"
    if random.random() < 0.2:
        value.pop(random.choice(list(value)))
    if random.random() < 0.3:
        name = random.choice(("actions", "items", "projectName", "itemDownloadUri", "ITEMS", "other"))
        value[name] = random.choice((strange, random.choice(strange)))
    body = json.dumps(value, ensure_ascii=random.random() < 0.5).encode(errors="surrogatepass")
    return mutated(random, body, random.choice((0, 1, 1, 2, 3, 8)))
