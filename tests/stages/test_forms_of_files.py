"""Contact files in unusual forms go through the gate, or wait with a sentence that names the place."""

import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.utils import translation

from sendouts.models import Batch, DecisionVerdict, Event
from sendouts.wording import batch_sentences
from sendouts.wording.events import event_sentence
from tests.gate import Gate
from tests.symplify.test_items_broken import workbook

pytestmark = pytest.mark.django_db


class Files(ThreadingHTTPServer):
    """A platform that serves these bodies by path, and takes every call; `called` are the paths of the calls."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answerer)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.files: dict[str, tuple[bytes, Mapping[str, str]]] = {}
        self.called: list[str] = []


class _Answerer(BaseHTTPRequestHandler):
    server: Files

    def do_GET(self) -> None:
        self._answer(*self.server.files[self.path])

    def do_POST(self) -> None:
        self.server.called.append(self.path)
        self._answer(b"", {})

    def _answer(self, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(200)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def files(gate: Gate) -> Iterator[Files]:
    with Files() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def hook(files: Files, **more: Any) -> bytes:
    value = {"finishUri": f"{files.url}/finish", "actions": ["consent-check"], "projectName": "Newsletter"}
    return json.dumps(value | more).encode()


def brought(gate: Gate, files: Files, body: str | bytes, headers: Mapping[str, str] | None = None) -> Batch:
    """The batch of this file, as far as it goes by itself; `URL` in the file stands for the platform."""
    raw = body if isinstance(body, bytes) else body.encode()
    files.files["/1"] = raw.replace(b"URL", files.url.encode()), headers or {}
    gate.project()
    gate.store(hook(files, itemDownloadUri=f"{files.url}/1"))
    gate.work()
    return gate.batch()


def decided(gate: Gate) -> dict[str, str]:
    return {each.contact_id: each.reason or DecisionVerdict(each.verdict).name for each in gate.decisions()}


LINES = "contactId;consent;cancelUri\nA-1;true;URL/1/reject\nA-2;false;URL/2/reject\n"
ARRAY = json.dumps([{"contactId": f"A-{n}", "consent": n == 1, "cancelUri": f"URL/{n}/reject"} for n in (1, 2)])
READ = {
    "sep=": ("sep=;\r\n" + LINES, {}),
    "UTF-16": (LINES.replace("URL", "{}").encode("utf-16"), {}),
    "one delimiter too many": (LINES.replace("reject", "reject;"), {}),
    "invisible characters": (LINES.replace("contactId", "\u200bcontactId").replace("A-2", "A-2\u200b"), {}),
    "a column twice that agrees": (
        LINES.replace("consent", "consent;Consent").replace("true", "true;true").replace("false", "false;false"),
        {},
    ),
    "a list inside of objects": (f'{{"data":{{"items":{ARRAY}}}}}', {}),
    "lone carriage returns": (LINES.replace("\n", "\r"), {}),
    "bars": (LINES.replace(";", "|"), {}),
}


@pytest.mark.parametrize(("body", "headers"), READ.values(), ids=READ)
def test_a_file_in_an_unusual_form_is_read_and_released(gate: Gate, files: Files, body: Any, headers: Any) -> None:
    if isinstance(body, bytes):
        body = body.decode("utf-16").replace("{}", files.url).encode("utf-16")
    made = brought(gate, files, body, headers)
    assert (made.status, made.outcome, made.attention) == ("finished", "released", "")
    assert decided(gate) == {"A-1": "ACCEPTED", "A-2": "rule"}
    assert files.called == ["/2/reject", "/finish"]


def test_a_declared_charset_is_read(gate: Gate, files: Files) -> None:
    body = LINES.replace("A-2", "Š-2").encode("iso8859-15")
    made = brought(gate, files, body, {"Content-Type": "text/csv; charset=ISO-8859-15"})
    assert (made.status, decided(gate)) == ("finished", {"A-1": "ACCEPTED", "Š-2": "rule"})


def test_the_pages_of_a_file_are_read_under_the_same_guard(gate: Gate, files: Files) -> None:
    first, second = json.loads(ARRAY)
    files.files["/2"] = json.dumps([second]).replace("URL", files.url).encode(), {}
    made = brought(gate, files, json.dumps({"rows": [first], "nextPage": "URL/2", "total": 2}))
    assert (made.status, made.total, decided(gate)) == ("finished", 2, {"A-1": "ACCEPTED", "A-2": "rule"})


def test_a_next_page_on_a_host_that_is_not_listed_is_not_called(gate: Gate, files: Files) -> None:
    made = brought(gate, files, json.dumps({"rows": json.loads(ARRAY), "next": "http://elsewhere.example/2"}))
    assert (made.status, made.attention, made.attention_data["host"]) == (
        "planned",
        "host_not_listed",
        "elsewhere.example",
    )
    assert files.called == []


def test_a_number_that_is_none_leaves_only_its_contact_undecided(gate: Gate, files: Files) -> None:
    made = brought(gate, files, ARRAY.replace("false", "NaN"))
    assert (made.status, made.held_for, decided(gate)) == (
        "in_review",
        ["undecided"],
        {"A-1": "ACCEPTED", "A-2": "not_comparable"},
    )


HELD = {
    "a column twice": (
        LINES.replace("consent", "consent;consent").replace("true", "true;true").replace("false", "false;true"),
        "1 row cannot be read, at line 3: it has the field “consent” twice, with different values.",
        "1 ligne est illisible, à la ligne 3 : le champ « consent » y figure deux fois, avec des valeurs différentes.",
    ),
    "a key twice": (
        ARRAY.replace('"consent": false', '"consent": false, "Consent": true'),
        "1 row cannot be read, at position 2: it has the field “Consent” twice, with different values.",
        None,
    ),
    "a rounded id": (
        LINES.replace("A-2", "1,23457E+16"),
        "1 row cannot be read, at line 3: its contact id: a spreadsheet has rounded this number; format the column as "
        "text, then export it again.",
        None,
    ),
    "a word for an id": (
        LINES.replace("A-2", "NULL"),
        "1 row cannot be read, at line 3: the contact id is missing.",
        None,
    ),
    "rows that are missing": (
        f'{{"total":20000,"rows":{ARRAY}}}',
        "The contact file says that it has 20,000 contacts, and 2 came.",
        "Le fichier de contacts annonce 20\u202f000 contacts, et 2 sont arrivés.",
    ),
    "pages without a place": (
        f'{{"hasMore":true,"rows":{ARRAY}}}',
        "The contact file has more pages after 2 rows, and does not say where they are.",
        None,
    ),
    "a spreadsheet": (
        workbook(),
        "What was downloaded is a spreadsheet (XLSX or ODS); ask for CSV or JSON.",
        None,
    ),
}


@pytest.mark.parametrize("room", [1.0, 0.0], ids=["kept", "streamed"])
@pytest.mark.parametrize("encoding", ["br", "zstd"])
def test_a_compression_that_is_not_read_waits_with_what_to_ask_for(
    gate: Gate, files: Files, settings: Any, encoding: str, room: float
) -> None:
    settings.SPOOL_GB = room
    brought(gate, files, LINES, {"Content-Encoding": encoding})
    gate.work(rounds=3)
    made = gate.batch()
    assert (made.status, made.attention, files.called) == ("in_review", "no_proven_end", [])
    with translation.override("en"):
        said = batch_sentences.attention(made)
    assert said == f"The contact file is compressed as {encoding}; ask for gzip or no compression."
    with translation.override("fr"):
        said = batch_sentences.attention(made)
    assert f"compressé en {encoding}" in said and "demandez" in said


@pytest.mark.parametrize(("body", "sentence", "french"), HELD.values(), ids=HELD)
def test_what_is_in_doubt_waits_with_a_sentence_that_names_the_place(
    gate: Gate, files: Files, body: Any, sentence: str, french: str | None
) -> None:
    made = brought(gate, files, body)
    gate.work(rounds=3)
    made = gate.batch()
    assert (made.status, files.called) == ("in_review", [])
    with translation.override("en"):
        assert batch_sentences.attention(made) == sentence
    if french:
        with translation.override("fr"):
            assert batch_sentences.attention(made).replace("\xa0", " ") == french


def test_an_item_of_a_hook_is_read_by_the_same_rules(gate: Gate, files: Files) -> None:
    gate.project()
    uri = f"{files.url}/1/reject"
    bodies = [
        hook(files, items=[{"contactId": "\u200bA-1", "consent": False, "rejectUri": uri}]),
        hook(files, items=[{"contactId": "A-2", "consent": 1, "rejectUri": uri + "2"}]).replace(
            b"1,", b'0,"consent":1,'
        ),
        hook(files, items=[{"contactId": "A-3", "consent": "?", "rejectUri": uri + "3"}]).replace(b'"?"', b"NaN"),
        hook(files, items=[{"contactId": 1.5e16, "consent": True, "rejectUri": uri + "4"}]),
    ]
    gate.store(*bodies)
    gate.work()
    found = list(Batch.objects.order_by("pk"))
    assert [(each.status, each.attention) for each in found] == [
        ("finished", ""),
        ("in_review", "unread_rows"),
        ("in_review", ""),
        ("in_review", "unread_rows"),
    ]
    assert files.called == ["/1/reject", "/finish"]
    (event,) = Event.objects.filter(batch=found[0], new="screened")
    with translation.override("en"):
        assert "“consent” twice" in batch_sentences.attention(found[1])
        assert "a spreadsheet has rounded" in batch_sentences.attention(found[3])
        told = event_sentence(event, found[0])
    assert told == "Contacts checked, invisible characters were dropped in 1 id, address or name of a field"
