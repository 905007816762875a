"""Names that lead to addresses which may not be dialled, for both clients."""

import socket
from typing import Any

import pycurl
import pytest
from urllib3.util import connection

from outbound import fanout as fanout_module
from outbound import session as session_module
from outbound import transfer
from outbound.guard import Refused, Target, address_allowed
from outbound.session import Unreachable
from tests.outbound.net import Net

NAME = "gate.example.com"


def resolve_for_curl(monkeypatch: pytest.MonkeyPatch, port: int, *addresses: str) -> None:
    class Resolving(transfer.Transfer):
        def __init__(self, *settings: Any) -> None:
            super().__init__(*settings)
            self.handle.setopt(pycurl.RESOLVE, [f"{NAME}:{port}:{','.join(addresses)}"])

    monkeypatch.setattr(fanout_module, "Transfer", Resolving)


def resolve_for_python(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Each look-up of the name gets the next answer; the names looked up are returned."""
    real, left, asked = socket.getaddrinfo, list(answers), []

    def look_up(host: str, port: int, *rest: Any, **options: Any) -> Any:
        if host != NAME:
            return real(host, port, *rest, **options)
        asked.append(host)
        return [found for address in left.pop(0) for found in real(address, port, type=socket.SOCK_STREAM)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def test_a_name_listed_with_its_port_may_lead_inside(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    home = net.site()
    resolve_for_curl(monkeypatch, home.port, "127.0.0.1")
    resolve_for_python(monkeypatch, ["127.0.0.1"])
    entry = f"{NAME}:{home.port}"
    assert net.send(net.fanout(entry), home.uri(host=NAME))[0].status == 200
    assert net.session(entry).get(home.uri(host=NAME)).status_code == 200
    assert [request.headers["Host"] for request in home.requests] == [entry, entry]


def only_127_0_0_2(ip: str, target: Target) -> bool:
    return ip == "127.0.0.2"


def test_of_several_addresses_only_the_allowed_one_is_dialled(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    home = net.site(host="0.0.0.0")
    monkeypatch.setattr(transfer, "address_allowed", only_127_0_0_2)
    monkeypatch.setattr(session_module, "address_allowed", only_127_0_0_2)
    resolve_for_curl(monkeypatch, home.port, "127.0.0.1", "127.0.0.2")
    resolve_for_python(monkeypatch, ["127.0.0.1", "127.0.0.2"])
    assert net.send(net.fanout(NAME), home.uri(host=NAME))[0].status == 200
    assert net.session(NAME).get(home.uri(host=NAME)).status_code == 200
    assert [request.local_ip for request in home.requests] == ["127.0.0.2", "127.0.0.2"]


def test_a_name_that_turns_inside_between_two_connections_is_refused(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    home = net.site()
    resolve_for_python(monkeypatch, ["127.0.0.1"])
    with pytest.raises(Refused) as caught:
        net.session(NAME).get(home.uri("/secret", host=NAME))
    assert (caught.value.code, caught.value.host) == ("private_address", NAME)
    assert home.connections == 0


def test_the_session_dials_the_address_that_it_checked(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    dialled = []

    def dial(address: tuple[str, int], *rest: Any, **options: Any) -> socket.socket:
        dialled.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(connection, "create_connection", dial)
    asked = resolve_for_python(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
    with pytest.raises(Unreachable) as caught:
        net.session(NAME).get(f"http://{NAME}/")
    assert (dialled, asked) == (["8.8.8.8"], [NAME])
    assert not caught.value.sent
    assert address_allowed("8.8.8.8", Target("http", NAME, 80, may_be_private=False))
