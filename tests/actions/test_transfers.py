"""What a transfer may be configured to be, and what it writes: every fault at its field, every value as it came."""

import csv
import gzip
import io
import json
from typing import Any

import pytest
from pydantic import ValidationError

from actions.catalog.transfer.content import ContentForm
from actions.catalog.transfer.files import file_name
from actions.catalog.transfer.http_post import TransferHttp
from actions.catalog.transfer.s3 import TransferS3
from actions.catalog.transfer.sftp import TransferSftp
from actions.contract import Contact, Kind, Phase, Word
from actions.effect import Pending
from desk.setup.forms import PREFIX, action_form, config_initial
from tests.actions.helpers import make_context

HTTP = {"url": "https://crm.example.com/outcomes"}
S3 = {"endpoint": "https://s3.example.com", "bucket": "outcomes", "credential": "storage"}
SFTP = {"host": "sftp.example.com", "host_key": "SHA256:" + "a" * 43, "credential": "partner"}

WRONG_HTTP: list[tuple[dict[str, Any], str]] = [
    ({"url": "ftp://example.com"}, "url"),
    ({"url": "https://user:pass@example.com/"}, "url"),
    ({"method": "GET"}, "method"),
    ({"format": "xml"}, "format"),
    ({"whom": "undecided"}, "whom"),
    ({"fields": ["email", "email"]}, "fields"),
    ({"fields": ["verdict"]}, "fields"),
    ({"fields": [""]}, "fields"),
    ({"headers": {"Authorization": "Bearer x"}}, "headers"),
    ({"headers": {"idempotency-key": "x"}}, "headers"),
    ({"headers": {"X Tenant": "eu"}}, "headers"),
    ({"headers": {"X-Tenant": "eu\r\nX-Other: 1"}}, "headers"),
    ({"headers": {"X-Tenant": "é"}}, "headers"),
    ({"page_size": 0}, "page_size"),
    ({"page_size": 5001}, "page_size"),
    ({"parallel": 17}, "parallel"),
    ({"timeout": 61}, "timeout"),
]
WRONG_S3: list[tuple[dict[str, Any], str]] = [
    ({"endpoint": "s3.example.com"}, "endpoint"),
    ({"bucket": "Outcomes/2026"}, "bucket"),
    ({"region": "EU West"}, "region"),
    ({"credential": ""}, "credential"),
    ({"name": "outcomes"}, "name"),
    ({"name": "{batch}/{contact}"}, "name"),
    ({"name": "{batch.__class__}"}, "name"),
    ({"name": "/{batch}"}, "name"),
    ({"name": "../{batch}"}, "name"),
    ({"name": "a//{batch}"}, "name"),
    ({"name": "{batch}?x"}, "name"),
    ({"format": "json"}, "format"),
]


WRONG_SFTP: list[tuple[dict[str, Any], str]] = [
    ({"host": "sftp://sftp.example.com"}, "host"),
    ({"host": ""}, "host"),
    ({"port": 0}, "port"),
    ({"host_key": ""}, "host_key"),
    ({"host_key": "MD5:00:11"}, "host_key"),
    ({"credential": ""}, "credential"),
    ({"name": "outcomes"}, "name"),
]


WRONG: list[tuple[type[Kind], dict[str, Any], str]] = [
    *((TransferHttp, HTTP | config, field) for config, field in WRONG_HTTP),
    *((TransferS3, S3 | config, field) for config, field in WRONG_S3),
    *((TransferSftp, SFTP | config, field) for config, field in WRONG_SFTP),
]


@pytest.mark.parametrize(("kind", "config", "field"), WRONG)
def test_a_wrong_transfer_is_refused_at_its_field(kind: type[Kind], config: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        kind.read_config(config)
    assert {error["loc"][0] for error in caught.value.errors()} == {field}


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
