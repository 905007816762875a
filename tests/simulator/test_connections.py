"""The server on the wire: keep-alive, pipelining, bad requests, and how the process ends."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from simulator.client import Simulator

ROOT = Path(__file__).resolve().parents[2]
# Without uvloop the transports are asyncio's own.
PLAIN = "import runpy, sys; sys.modules['uvloop'] = None; runpy.run_module('simulator', run_name='__main__')"


def connect(sim: Simulator) -> socket.socket:
    parts = urlsplit(sim.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=10)


def read_until(connection: socket.socket, enough: int, mark: bytes) -> bytes:
    received = b""
    while received.count(mark) < enough:
        piece = connection.recv(65536)
        assert piece, f"the connection ended after {received!r}"
        received += piece
    return received


def test_pipelined_requests_are_answered_in_their_order(sim: Simulator, http: requests.Session) -> None:
    created = sim.create("batch", contacts=300, fire=False, due="none", faults={"latency": 0.001})
    uris = [row["cancelUri"] for row in http.get(created["download_uri"], timeout=5).json()]
    uris[7] = f"{sim.url}/cancel/nobody"
    requests_ = [f"POST {urlsplit(uri).path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" for uri in uris]
    with connect(sim) as connection:
        connection.sendall("".join(requests_).encode())
        received = read_until(connection, 300, b"}")
        connection.sendall(b"GET /control/health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b'"ok": true' in read_until(connection, 1, b"}")
    statuses = [line.split()[1] for line in received.replace(b"HTTP", b"\nHTTP").split(b"\n") if b"HTTP/1.1" in line]
    assert statuses == [b"200"] * 7 + [b"404"] + [b"200"] * 292
    assert sim.sendout(created["id"])["rejected"] == 299


def test_a_request_may_arrive_byte_by_byte_or_in_chunks(sim: Simulator) -> None:
    body = b'{"kind": "batch", "fire": false}'
    line = b"POST /control/sendouts HTTP/1.1\r\nHost: x\r\n"
    plain = b"%bContent-Length: %d\r\n\r\n%b" % (line, len(body), body)
    chunked = line + b"Transfer-Encoding: chunked\r\n\r\n10\r\n%b\r\n10\r\n%b\r\n0\r\n\r\n" % (body[:16], body[16:])
    with connect(sim) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for place in range(len(plain)):
            connection.sendall(plain[place : place + 1])
        connection.sendall(chunked)
        received = read_until(connection, 2, b"\r\n\r\n")
    assert received.count(b"HTTP/1.1 201 ") == 2


@pytest.mark.parametrize("request_", [b"GET / HTTP/1.1\r\nBad header\r\n\r\n", b"\x16\x03\x01\x02"])
def test_what_is_no_http_is_refused_and_harms_nobody(sim: Simulator, request_: bytes) -> None:
    with connect(sim) as connection:
        connection.sendall(request_ + b"\r\n" * 4)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")
    assert sim.health()["ok"] is True


def test_a_head_request_gets_no_body(sim: Simulator) -> None:
    with connect(sim) as connection:
        connection.sendall(b"HEAD /cancel/x HTTP/1.1\r\nHost: x\r\n\r\nGET /control/health HTTP/1.1\r\nHost: x\r\n\r\n")
        received = read_until(connection, 1, b'"ok"')
    assert received.split(b"\r\n\r\n")[1].startswith(b"HTTP/1.1 200 OK")


def ended(process: subprocess.Popen[str]) -> int:
    """The exit code; nothing is written after the first line."""
    assert process.stdout is not None and process.stdin is not None
    code = process.wait(10)
    assert process.stdout.read() == ""
    process.stdout.close()
    process.stdin.close()
    return code


def test_sigterm_ends_it_at_once_with_calls_and_downloads_in_flight() -> None:
    sim = Simulator.start()
    process = sim.process
    assert process is not None
    hanging = {"faults": [{"kind": "hang", "on": "finish"}, {"kind": "drip", "on": "download", "bytes": 1}]}
    created = sim.create("batch", contacts=1000, fire=False, faults=hanging)
    with connect(sim) as first, connect(sim) as second:
        first.sendall(f"POST {urlsplit(created['finish_uris'][0]).path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        second.sendall(f"GET {urlsplit(created['download_uri']).path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert second.recv(1) == b"H"
        sim.wait_for(created["id"], lambda report: report["calls"]["finish"] == 1)
        process.send_signal(signal.SIGTERM)
        assert ended(process) == 0


def test_it_runs_without_uvloop_and_ends_with_its_stdin(http: requests.Session) -> None:
    command = [sys.executable, "-c", PLAIN, "--port", "0", "--until-stdin-ends"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None and process.stdin is not None
    sim = Simulator(process.stdout.readline().split()[-1])
    faults = {"faults": [{"kind": "reset_after", "on": "finish", "times": 1}]}
    created = sim.create("batch", contacts=400, fire=False, faults=faults)
    assert len(http.get(created["download_uri"], timeout=5).json()) == 400
    with connect(sim) as connection:
        connection.sendall(f"POST {urlsplit(created['finish_uris'][0]).path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        with pytest.raises(ConnectionResetError):
            connection.recv(100)
    assert sim.sendout(created["id"])["finished"] == 1
    sim.stop()
    process.stdin.close()
    assert ended(process) == 0


def test_a_broken_start_is_told() -> None:
    command = [sys.executable, "-m", "simulator", "--target", "ftp://x"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 2 and "http or https" in said.stderr
