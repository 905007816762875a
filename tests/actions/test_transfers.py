"""What a transfer may be configured to be, and what it writes: every fault at its field, every value as it came."""

import csv
import gzip
import io
import json
from typing import Any

import pytest

from actions.catalog.transfer.content import ContentForm
from actions.catalog.transfer.files import file_name
from actions.catalog.transfer.http_post import TransferHttp
from actions.catalog.transfer.s3 import TransferS3
from actions.catalog.transfer.sftp import TransferSftp
from actions.contract import Contact, Kind, Phase, Word
from actions.effect import Pending
from desk.setup.forms import PREFIX, action_form, config_initial
from tests.actions.helpers import make_context, refused_at

HTTP = {"url": "https://crm.example.com/outcomes"}
S3 = {"endpoint": "https://s3.example.com", "bucket": "outcomes", "credential": "storage"}
SFTP = {"host": "sftp.example.com", "host_key": "SHA256:" + "a" * 43, "credential": "partner"}

WRONG_HTTP: dict[str, list[Any]] = {
    "url": ["ftp://example.com", "https://user:pass@example.com/"],
    "method": ["GET"],
    "format": ["xml"],
    "whom": ["undecided"],
    "fields": [["email", "email"], ["verdict"], [""]],
    "headers": [
        *({"Authorization": "Bearer x"}, {"idempotency-key": "x"}, {"X Tenant": "eu"}),
        *({"X-Tenant": "eu\r\nX-Other: 1"}, {"X-Tenant": "é"}),
    ],
    "page_size": [0, 5001],
    "parallel": [17],
    "timeout": [61],
}
WRONG_S3: dict[str, list[Any]] = {
    "endpoint": ["s3.example.com"],
    "bucket": ["Outcomes/2026"],
    "region": ["EU West"],
    "credential": [""],
    "name": ["outcomes", "{batch}/{contact}", "{batch.__class__}", "/{batch}", "../{batch}", "a//{batch}", "{batch}?x"],
    "format": ["json"],
}
WRONG_SFTP: dict[str, list[Any]] = {
    "host": ["sftp://sftp.example.com", ""],
    "port": [0],
    "host_key": ["", "MD5:00:11"],
    "credential": [""],
    "name": ["outcomes"],
}


@pytest.mark.parametrize(
    ("kind", "base", "wrong"),
    [(TransferHttp, HTTP, WRONG_HTTP), (TransferS3, S3, WRONG_S3), (TransferSftp, SFTP, WRONG_SFTP)],
)
def test_a_wrong_transfer_is_refused_at_its_field(
    kind: type[Kind], base: dict[str, Any], wrong: dict[str, list[Any]]
) -> None:
    for field, values in wrong.items():
        for value in values:
            assert {path[0] for path in refused_at(kind, base | {field: value})} == {field}, value


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "config"),
    [
        (TransferHttp, HTTP | {"fields": ["email", "properties.city"], "headers": {"X-Tenant": "eu"}}),
        (TransferS3, S3 | {"gzip": True, "fields": ["email"]}),
        (TransferSftp, SFTP),
    ],
)
def test_the_form_takes_what_it_shows(kind: type[Kind], config: dict[str, Any]) -> None:
    stored = kind.normal_config(config)
    shown = config_initial(kind.Config, stored)
    form = action_form(kind)({"identifier": "tell", **shown})
    form.full_clean()
    assert not [name for name in form.errors if name.startswith(PREFIX)]
    assert form.instance.config == stored


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Soldes d'été / 2026", "Soldes-d-été-2026"),
        ("../../etc", "etc"),
        ("日本", "日本"),
        ("///", "-"),
        ("x" * 99, "x" * 60),
    ],
)
def test_a_name_from_outside_leads_nowhere_else(name: str, shown: str) -> None:
    context = make_context()
    object.__setattr__(context, "project", name)
    assert file_name("out/{project}-{batch}", context, "12-1", ".csv") == f"out/{shown}-12-1.csv"


def pending(row: int, **payload: Any) -> Pending:
    return Pending(f"{row}-1", row, f"A-{row}", Word.REJECT, payload, 7, "rule", "No consent")


VALUES: dict[str, Any] = {"note": 'a;"b"\n, c', "yes": True, "number": 12.5, "list": ["é", 1], "null": None}
VALUES |= {"half": "\ud83d"}


@pytest.mark.parametrize("packed", [False, True])
def test_csv_holds_every_value_as_it_came(packed: bool) -> None:
    writing = ContentForm("csv", packed, (*VALUES, "missing"))
    content = writing.begin() + writing.write([pending(1, **VALUES), pending(2)], make_context())
    text = (gzip.decompress(content) if packed else content).decode()
    first, second = csv.DictReader(io.StringIO(text, newline=""))
    assert (first["note"], first["yes"], first["number"]) == ('a;"b"\n, c', "true", "12.5")
    assert (json.loads(first["list"]), first["null"], first["half"], first["missing"]) == (["é", 1], "", "?", "")
    told = second["contact_id"], second["verdict"], second["batch"], second["text"]
    assert told == ("A-2", "rejected", "7", "No consent")


def test_a_line_of_json_is_an_object_of_its_own() -> None:
    content = ContentForm("ndjson", False, ()).write([pending(1, **VALUES), pending(2)], make_context())
    first, second = (json.loads(line) for line in content.splitlines())
    assert first["fields"] == VALUES | {"half": "?"}
    of_sendout = {"batch": 7, "project": "Newsletter", "journey": "Welcome", "sendout": "Day 1"}
    of_contact = {"key": "2-1", "contact_id": "A-2", "verdict": "rejected", "reason": "rule", "text": "No consent"}
    assert second == {**of_sendout, **of_contact, "fields": {}}


def test_a_reviewer_reads_which_fields_will_be_told() -> None:
    kind = TransferHttp(TransferHttp.read_config(HTTP | {"fields": ["email", "properties.age", "nothing"]}))
    (rendered,) = kind.render([Contact("A-1", {"email": "a@example.com", "age": 41, "city": "Lyon"})], make_context())
    assert kind.describe(rendered.payload) == "email = a@example.com, properties.age = 41"
    assert TransferHttp(TransferHttp.read_config(HTTP)).describe({}) == "–"
    assert kind.phase == Phase.TRANSFER
