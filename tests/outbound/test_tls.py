"""Certificates are checked by both clients, and by that of the broker."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import certifi
import kombu
import pytest

from gateway.environment import broker
from outbound.session import Unreachable
from tests.outbound.net import Net
from tests.outbound.site import Site, reply

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(certificate, key) of a server that is called 127.0.0.1 and nothing else."""
    folder = tmp_path_factory.mktemp("tls")
    made = folder / "certificate.pem", folder / "key.pem"
    order = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    order += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(made[0]), "-keyout", str(made[1])]
    subprocess.run(order, check=True, capture_output=True)
    return made


@pytest.fixture
def tls_site(net: Net, certificate: tuple[Path, Path]) -> Callable[..., Site]:
    """Makes sites that speak TLS with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return lambda **options: net.site(
        lambda request: reply(200, b"[]"), wrap=lambda wire: context.wrap_socket(wire, server_side=True), **options
    )


def test_a_certificate_that_nobody_vouches_for_is_not_talked_to(tls_site: Callable[..., Site], net: Net) -> None:
    home = tls_site()
    answer = net.ask(home, home.uri("/secret", scheme="https"))
    assert (answer.status, answer.error) == (0, "unsent")
    with pytest.raises(Unreachable) as caught:
        net.session(f"127.0.0.1:{home.port}").get(home.uri("/secret", scheme="https"))
    assert (caught.value.word, caught.value.sent) == ("tls", False)
    assert home.requests == []


def test_a_certificate_for_another_name_is_not_talked_to(
    tls_site: Callable[..., Site], certificate: tuple[Path, Path], net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certifi, "where", lambda: str(certificate[0]))
    home = tls_site()
    entry, uri = f"localhost:{home.port}", home.uri("/secret", host="localhost", scheme="https")
    assert net.send(net.fanout(entry), uri)[0].error == "unsent"
    with pytest.raises(Unreachable):
        net.session(entry).get(uri, verify=str(certificate[0]))
    assert home.requests == []


def test_a_trusted_certificate_is_talked_to_and_the_connection_kept(
    tls_site: Callable[..., Site], certificate: tuple[Path, Path], net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certifi, "where", lambda: str(certificate[0]))
    home = tls_site()
    entry, uri = f"127.0.0.1:{home.port}", home.uri("/a", scheme="https")
    out, calls = net.fanout(entry, max_at_once=1), net.session(entry)
    assert [net.send(out, uri, uri)[place].status for place in (0, 1)] == [200, 200]
    assert [calls.get(uri, verify=str(certificate[0])).json() for _ in range(2)] == [[], []]
    assert home.connections == 2


@pytest.mark.parametrize(
    ("query", "trusted"),
    [("", False), ("?ssl_ca_certs={}", True), ("?ssl_cert_reqs=none&ssl_check_hostname=false", True)],
)
def test_the_broker_is_talked_to_only_if_somebody_vouches_for_its_certificate(
    certificate: tuple[Path, Path], query: str, trusted: bool
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    heard: list[bytes] = []
    begun = threading.Event()

    def serve(listening: socket.socket) -> None:
        plain, _ = listening.accept()
        assert plain.recv(1, socket.MSG_PEEK) == b"\x16", "a handshake of TLS"
        begun.set()
        with suppress(OSError), context.wrap_socket(plain, server_side=True) as wire:
            heard.append(wire.recv(100))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        url = f"rediss://127.0.0.1:{listening.getsockname()[1]}/0" + query.format(certificate[0])
        once = {"max_retries": 1, "interval_start": 0, "socket_timeout": 1, "socket_connect_timeout": 1}
        with (
            kombu.Connection(broker(url), transport_options=once) as client,
            pytest.raises(kombu.exceptions.OperationalError),
        ):
            # What the other side does not answer ends with an error too.
            client.default_channel  # noqa: B018
        thread.join()
    assert begun.is_set() and bool(heard and heard[0]) == trusted
