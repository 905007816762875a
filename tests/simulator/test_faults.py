"""Faults: what the client sees, and whether the call took effect."""

from __future__ import annotations

import gzip
import select
import socket
import time
import zlib
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import pytest
import requests

from simulator.client import Simulator


def posted(uri: str, timeout: float = 5.0, method: str = "POST") -> bytes:
    """Make one call on a connection of its own and give the bytes until its end; raises what the socket raises."""
    parts = urlsplit(uri)
    with socket.create_connection((parts.hostname, parts.port), timeout=timeout) as connection:
        connection.sendall(f"{method} {parts.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        pieces = []
        while piece := connection.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


def batch(sim: Simulator, http: requests.Session, fault: dict, contacts: int = 1, **wanted: object) -> tuple[str, list]:
    """Make a batch with one fault and give its id and its URIs, contacts first, finish last."""
    faults = {"faults": [fault], **wanted.pop("faults", {})}
    created = sim.create("batch", contacts=contacts, fire=False, due="none", faults=faults, **wanted)
    rows = http.get(created["download_uri"], timeout=5).json()
    return created["id"], [row["cancelUri"] for row in rows] + created["finish_uris"]


def seen(uri: str) -> str:
    """What a client sees that waits for 0.2 s: the status, a body that is not as long as declared, or no answer."""
    try:
        head, _, body = posted(uri, timeout=0.2).partition(b"\r\n\r\n")
    except (ConnectionResetError, TimeoutError) as error:
        return type(error).__name__
    whole = f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")
    return head.split()[1].decode() if whole else "another length"


@pytest.mark.parametrize(
    ("fault", "first", "effect"),
    [
        ({"kind": "status", "status": 503}, "503", False),
        ({"kind": "status", "effect": True}, "500", True),
        ({"kind": "redirect"}, "302", False),
        ({"kind": "reset_before"}, "ConnectionResetError", False),
        ({"kind": "reset_after"}, "ConnectionResetError", True),
        ({"kind": "hang"}, "TimeoutError", True),
        ({"kind": "hang", "effect": False}, "TimeoutError", False),
        ({"kind": "slow", "seconds": 30}, "TimeoutError", True),
        ({"kind": "cut"}, "another length", True),
        ({"kind": "wrong_length"}, "another length", True),
    ],
)
@pytest.mark.parametrize("call", ["reject", "finish"])
def test_a_call_takes_effect_or_not_and_where_its_answer_was_lost_it_may_be_repeated(
    sim: Simulator, http: requests.Session, fault: dict, first: str, effect: bool, call: str
) -> None:
    faults = {"repeat_status": 409}
    number, uris = batch(sim, http, {**fault, "on": call, "times": 1}, faults=faults)
    uri = uris[0] if call == "reject" else uris[-1]
    assert seen(uri) == first
    report = sim.sendout(number)
    assert (report["rejected"] if call == "reject" else report["finished"]) == effect
    assert http.post(uri, timeout=5).status_code == (409 if effect else 200)
    report = sim.sendout(number)
    assert (report["calls"][f"{call}_repeat"], report["violations"]) == (effect, [])
    assert (report["lost"][call], report["faults"]) == (effect, {fault["kind"]: 1})


def test_retry_after_comes_in_seconds_or_as_a_date(sim: Simulator, http: requests.Session) -> None:
    _, uris = batch(sim, http, {"kind": "status", "on": "reject", "status": 429, "retry_after": 2})
    assert http.post(uris[0], timeout=5).headers["Retry-After"] == "2"
    _, uris = batch(sim, http, {"kind": "status", "on": "reject", "status": 429, "retry_after": "date", "seconds": 30})
    named = parsedate_to_datetime(http.post(uris[0], timeout=5).headers["Retry-After"]).timestamp()
    assert 20 < named - time.time() < 40


def test_latency_delays_answers_and_excuses_nobody_who_waits(sim: Simulator, http: requests.Session) -> None:
    created = sim.create("batch", contacts=2, fire=False, due="all")
    waits, leaves = (row["cancelUri"] for row in http.get(created["download_uri"], timeout=5).json())
    sim.faults(latency=30)
    with pytest.raises(TimeoutError):
        posted(leaves, timeout=0.1)
    sim.faults(latency=0.01)
    assert [http.post(uri, timeout=5).status_code for uri in (leaves, waits, waits)] == [200, 200, 200]
    assert [(violation["kind"], violation["contact"]) for violation in sim.violations()] == [("rejected_twice", 1)]


def file_with(sim: Simulator, fault: dict, **wanted: object) -> tuple[bytes, bytes]:
    """Give head and body of a download that the fault struck."""
    created = sim.create("batch", contacts=600, fire=False, **wanted, faults={"faults": [fault]})
    head, _, body = posted(created["download_uri"], method="GET").partition(b"\r\n\r\n")
    return head, body


def length(head: bytes) -> int:
    return int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])


def test_a_cut_file_is_short_of_its_length_or_has_no_last_chunk(sim: Simulator) -> None:
    head, body = file_with(sim, {"kind": "cut"}, transfer="length")
    assert len(body) == length(head) // 2
    whole = file_with(sim, {"kind": "slow", "seconds": 0})[1]
    assert whole.endswith(b"\r\n0\r\n\r\n")
    half = file_with(sim, {"kind": "cut"})[1]
    assert 0.4 < len(half) / len(whole) < 0.6
    assert not half.endswith(b"0\r\n\r\n")
    everything = file_with(sim, {"kind": "cut", "at": 1})[1]
    assert len(everything) == len(whole) - len(b"0\r\n\r\n")
    assert file_with(sim, {"kind": "cut", "at": 0})[1] == b""


@pytest.mark.parametrize("transfer", ["length", "chunked"])
def test_a_cleanly_cut_file_is_proven_by_its_transport(sim: Simulator, http: requests.Session, transfer: str) -> None:
    faults = {"faults": [{"kind": "cut", "clean": True}]}
    created = sim.create("batch", contacts=600, fire=False, transfer=transfer, faults=faults)
    body = http.get(created["download_uri"], timeout=5).content
    assert body.startswith(b"[")
    assert not body.endswith(b"]")


def test_corrupt_gzip_does_not_unpack(sim: Simulator, http: requests.Session) -> None:
    for place in (0.5, 1.0):
        faults = {"faults": [{"kind": "corrupt_gzip", "at": place, "times": 1}]}
        created = sim.create("batch", contacts=600, fire=False, gzip="body", faults=faults)
        spoiled, sound = (http.get(created["download_uri"], timeout=5).content for _ in range(2))
        assert len(spoiled) == len(sound)
        with pytest.raises((zlib.error, gzip.BadGzipFile, EOFError)):
            gzip.decompress(spoiled)
        assert gzip.decompress(sound).endswith(b"]")


def test_a_wrong_length_is_declared_beside_the_whole_file(sim: Simulator) -> None:
    for by in (10, -10):
        head, body = file_with(sim, {"kind": "wrong_length", "by": by})
        assert length(head) == len(body) + by
        assert body.endswith(b"]")


@pytest.mark.parametrize("row", [0, 400])
def test_the_second_download_differs(sim: Simulator, http: requests.Session, row: int) -> None:
    created = sim.create("batch", contacts=600, fire=False, faults={"faults": [{"kind": "differs", "row": row}]})
    first, second = (http.get(created["download_uri"], timeout=5).json() for _ in range(2))
    assert first[:row] == second[:row]
    assert second[row:] == [*first[row + 1 :], first[row]]


def test_an_answer_may_be_another_or_come_slowly(sim: Simulator, http: requests.Session) -> None:
    _, uris = batch(sim, http, {"kind": "redirect", "on": "reject", "location": "http://example.com/"})
    answer = http.post(uris[0], timeout=5, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://example.com/")
    _, uris = batch(sim, http, {"kind": "drip", "on": "reject", "bytes": 50, "interval": 0.001})
    assert http.post(uris[0], timeout=5).json() == {"status": "done"}
    created = sim.create("batch", contacts=3, fire=False, faults={"faults": [{"kind": "wrong_type"}]})
    answer = http.get(created["download_uri"], timeout=5)
    assert (answer.headers["Content-Type"], len(answer.json())) == ("text/html", 3)


def test_a_download_can_fail_before_its_first_byte(sim: Simulator, http: requests.Session) -> None:
    for fault, expected in (({"kind": "status", "status": 503}, 503), ({"kind": "redirect", "status": 307}, 307)):
        created = sim.create("batch", contacts=3, fire=False, faults={"faults": [{**fault, "on": "download"}]})
        assert http.get(created["download_uri"], timeout=5, allow_redirects=False).status_code == expected
    for kind in ("reset_before", "reset_after"):
        created = sim.create("batch", contacts=3, fire=False, faults={"faults": [{"kind": kind, "on": "download"}]})
        with pytest.raises(ConnectionResetError):
            posted(created["download_uri"], method="GET")


def test_global_faults_strike_every_sendout_until_they_are_cleared(sim: Simulator, http: requests.Session) -> None:
    created = sim.create("batch", contacts=1, fire=False)
    sim.faults([{"kind": "status", "on": "download", "status": 500}])
    assert http.get(created["download_uri"], timeout=5).status_code == 500
    own = {"faults": [{"kind": "status", "on": "download", "status": 503}]}
    other = sim.create("batch", contacts=1, fire=False, faults=own)
    assert http.get(other["download_uri"], timeout=5).status_code == 503
    sim.faults()
    assert http.get(created["download_uri"], timeout=5).status_code == 200


def test_a_link_expires_after_its_hook(sim: Simulator, http: requests.Session) -> None:
    fault = {"kind": "expire", "seconds": 0}
    nobody = "http://127.0.0.1:1/"
    created = sim.create("batch", contacts=3, fire=False, target=nobody, faults={"faults": [fault]})
    assert http.get(created["download_uri"], timeout=5).status_code == 200
    sim.fire(created["id"])
    answer = http.get(created["download_uri"], timeout=5)
    assert answer.status_code == 403 and "expired" in answer.text


def test_a_download_that_nobody_reads_is_reset(sim: Simulator) -> None:
    fault = {"kind": "close_slow", "seconds": 0.1}
    created = sim.create("batch", contacts=200_000, fire=False, faults={"faults": [fault]})
    place = urlsplit(created["download_uri"])
    with socket.create_connection((place.hostname, place.port), timeout=10) as reader:
        reader.sendall(f"GET {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode())
        waiting = select.poll()
        waiting.register(reader, select.POLLERR)
        assert waiting.poll(10_000)
        with pytest.raises(ConnectionResetError):
            while reader.recv(1 << 20):
                pass
