"""The probe of the containers: it asks as a visitor would, and believes only the status that it was told."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

PROBE = Path(__file__).resolve().parent.parent.parent / "docker/healthcheck.py"


class OneHost(BaseHTTPRequestHandler):
    """Answers like Django does: 400 under any other name than its own."""

    def do_GET(self) -> None:
        known = self.headers["Host"] == "gateway.example.com"
        self.send_response(200 if known and self.path == "/health/live" else 400 if not known else 503)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), OneHost)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def probe(port: int, path: str, status: str, hosts: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PORT": str(port), "ALLOWED_HOSTS": hosts}
    command = [sys.executable, str(PROBE), path, status]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.parametrize("hosts", ["gateway.example.com,other.example.com", ".gateway.example.com"])
def test_it_asks_under_a_name_that_is_allowed(port: int, hosts: str) -> None:
    assert probe(port, "/health/live", "200", hosts).returncode == 0


def test_only_the_wanted_status_is_healthy(port: int) -> None:
    said = probe(port, "/health/ready", "200", "gateway.example.com")
    assert said.returncode == 1 and "503" in said.stderr
    assert probe(port, "/webhooks/symplify/", "503", "gateway.example.com").returncode == 0


def test_nobody_listening_is_unhealthy() -> None:
    said = probe(1, "/health/live", "200", "")
    assert said.returncode == 1 and "Traceback" not in said.stderr
