"""A file or a hook that is mostly unreadable is given up early, and leaves a bounded number of rows."""

import gzip
import json
import time
from collections.abc import Iterator

import pytest

from sendouts.privacy.masking import masked_lines
from sendouts.symplify.items import MAX_UNREAD
from sendouts.symplify.payload import MAX_UNREAD as MAX_ITEMS
from sendouts.symplify.payload import Hook, NotUnderstood, is_readable, parse
from tests.symplify.reading import bounded, good_ids, read

GOOD = b'{"contactId": "A", "cancelUri": "https://example.com/c"}\n'
BOMBS = {
    "lines": gzip.compress(b'{"contactId": 1}\n' + b"x\n" * 2_000_010),
    "csv": gzip.compress(b"contactId;cancelUri\n" + b"1;2;3\n" * 2_000_010),
    "array": gzip.compress(b'[{"contactId": 1},' + b"1," * 2_000_010 + b"1]"),
    "empty objects": gzip.compress(b"[" + b"{}," * 2_000_010 + b"{}]"),
}


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS)
def test_a_bomb_of_rows_is_given_up_early(body: bytes) -> None:
    started = time.process_time()
    with bounded(120_000_000):
        rows, reader = read(body)
    assert (reader.complete, reader.broken) == (False, "mostly_unread")
    assert len(rows) <= 3 * MAX_UNREAD
    assert time.process_time() - started < 20
    assert read(body)[0] == rows, "the same rows each time"


@pytest.mark.parametrize(
    ("lines", "unread"),
    [
        ([b"x\n"] * MAX_UNREAD, MAX_UNREAD),
        ([GOOD, b"x\n"] * (MAX_UNREAD + 10), MAX_UNREAD + 10),
        ([GOOD] * (MAX_UNREAD + 11) + [b"x\n"] * (MAX_UNREAD + 10), MAX_UNREAD + 10),
    ],
    ids=["not so many", "half of them", "later on"],
)
def test_what_is_not_mostly_unreadable_is_read_to_its_end(lines: list[bytes], unread: int) -> None:
    rows, reader = read(b"".join([GOOD, *lines]))
    assert (reader.complete, reader.unread, len(rows)) == (True, unread, len(lines) + 1)
    assert len(good_ids(rows)) == len(rows) - unread


def test_reading_stops_where_the_file_is_given_up() -> None:
    taken = 0

    def blocks() -> Iterator[bytes]:
        nonlocal taken
        while taken < 50:
            taken += 1
            yield b"contactId;cancelUri\n" + b"1;2;3\n" * 10_000

    _, reader = read(blocks())
    assert reader.broken == "mostly_unread" and taken < 20


@pytest.mark.parametrize("item", [1, {}, {"contactId": "A"}, None], ids=repr)
def test_a_hook_whose_items_are_mostly_no_contacts_is_unreadable(item: object) -> None:
    good = {"contactId": "A", "rejectUri": "https://example.com/r"}

    def hook(*items: object) -> bytes:
        return json.dumps({"finishUri": "https://example.com/f", "items": items}).encode()

    body = hook(*[item] * (MAX_ITEMS + 1), *[good] * MAX_ITEMS)
    with pytest.raises(NotUnderstood, match=f"{MAX_ITEMS + 1} cannot be read"):
        parse(body)
    is_readable(body)
    for few in (hook(*[item] * MAX_ITEMS), hook(*[item] * (MAX_ITEMS + 1), *[good] * (MAX_ITEMS + 1))):
        assert isinstance(parse(few), Hook)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"", ""),
        (b"id;mail\nA-17;jean@example.com\n\n18;x\nlast", "xx;xxxx \u23ce x-99;xxxx@xxxxxxx.xxx \u23ce 99;x"),
        ("\u00c9l\u00e9onore\t\u0663\0\u202e\xff".encode() + b"\xff", "xxxxxxxx9x\ufffd"),
        (b"a" * 500, "x" * 60),
    ],
)
def test_an_example_shows_the_form_of_lines_and_nothing_of_anybody(raw: bytes, shown: str) -> None:
    assert masked_lines(raw) == shown
