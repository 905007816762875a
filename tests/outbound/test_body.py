"""What a body says under a status that says yes."""

import gzip
import json

import pytest

from outbound.body import BodyFault, find_fault

YES = [
    b"",
    b"  \r\n",
    b"OK",
    b"cancelled",
    b"Message 17 was cancelled without an error.",
    b"[done]",
    b"{}",
    b"[]",
    b"null",
    b"true",
    b"1",
    b'"ok"',
    b'{"ok": true}',
    b'{"success": true, "error": null}',
    b'{"success": "true", "errors": [], "errorCode": 0, "error_message": ""}',
    b'{"status": "ok"}',
    b'{"status": 200, "code": "0", "type": "cancel"}',
    b'{"status": "cancelled", "id": 404}',
    b'{"status": "rejected"}',
    b'{"result": {"state": "done", "retries": 0}}',
    b'\xef\xbb\xbf{"ok": true}\n{"ok": true}',
    b"<answer><status>cancelled</status></answer>",
    b'<?xml version="1.0"?><ok>true</ok>',
    gzip.compress(b'{"ok": true}', mtime=0),
]
NO = [
    b'{"status":"error","message":"message is already being sent"}',
    b'{"error": "no such message"}',
    b'{"error": {"code": 17}}',
    b'{"Errors": [{"title": "gone"}]}',
    b'{"success": false}',
    b'{"success": "false"}',
    b'{"success": 0}',
    b'{"is_success": false}',
    b'{"ok":false}',
    b'{"OK": "no"}',
    b'{"cancelled": false}',
    b'{"status": "FAILED"}',
    b'{"status": "fail", "data": {}}',
    b'{"state": "not_found"}',
    b'{"status": 500}',
    b'{"statusCode": "404", "message": "Not here"}',
    b'{"code": 403}',
    b'{"result": "error"}',
    b'{"type": "error"}',
    b'{"data": {"cancel": {"success": false}}}',
    b'[{"ok": true}, {"ok": false}]',
    b'{"success": true, "success": false}',
    b'{"ok": true}\n{"ok": false}',
    b'{"errorMessage": "rounded"}',
    b"false",
    b'"error"',
    b'"failed to cancel"',
    b'{"ok": tr',
    b"{not json}",
    b"ERROR: already sent",
    b"Failed to cancel",
    b"status=error&message=x",
    b"success: false",
    b"not found",
    b"<error><code>17</code></error>",
    b'<?xml version="1.0"?><soap:Envelope><soap:Body><soap:Fault>x</soap:Fault></soap:Body></soap:Envelope>',
    b"<answer><success>false</success></answer>",
    b"<answer><status>error</status></answer>",
    b"\xef\xbb\xbf" + b'{"ok": false}',
    '{"ok": false}'.encode("utf-16"),
    '{"ok": false}'.encode("utf-16-le"),
    gzip.compress(b'{"ok": false}', mtime=0),
    b"[" * 50_000,
    b'{"a":' * 50_000,
]
PAGES = [
    b"<!DOCTYPE html><html><body>Log in</body></html>",
    b"\n <HTML>",
    b"<!-- proxy --><html lang=en>",
    b"<h1>Maintenance</h1>",
    b"OK<br>",
    "<html>".encode("utf-16"),
    gzip.compress(b"<html></html>", mtime=0),
]


@pytest.mark.parametrize("body", YES, ids=repr)
def test_what_says_nothing_of_a_failure_leaves_the_word_to_the_status(body: bytes) -> None:
    assert find_fault(body) is BodyFault.NONE


@pytest.mark.parametrize("body", NO, ids=lambda body: repr(body[:40]))
def test_what_says_that_it_failed_confirms_nothing(body: bytes) -> None:
    assert find_fault(body) is BodyFault.ERROR


@pytest.mark.parametrize("body", PAGES, ids=repr)
def test_a_page_for_people_confirms_nothing(body: bytes) -> None:
    assert find_fault(body) is BodyFault.HTML


def test_of_a_body_without_its_end_nothing_is_known() -> None:
    for body in YES:
        assert find_fault(body, cut=True) is BodyFault.CUT
    assert find_fault(b'{"ok": false}', cut=True) is BodyFault.ERROR


def test_a_failure_is_found_at_every_depth_that_an_envelope_has_and_in_long_bodies() -> None:
    content: object = {"ok": False}
    for _ in range(5):
        content = {"answer": content, "padding": "x" * 5_000}
        assert find_fault(json.dumps(content).encode()) is BodyFault.ERROR
