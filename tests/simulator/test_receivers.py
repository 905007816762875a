"""A receiver takes a thing once, from whom it knows, and its faults lose answers or calls."""

import base64
import hashlib
import hmac
import time
from typing import Any

import pytest
import requests

from simulator.client import Simulator, SimulatorError


def sign(secret: bytes, key: str, body: bytes, at: float) -> dict[str, str]:
    digest = hmac.new(secret, f"{key}.{int(at)}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    return {"webhook-id": key, "webhook-timestamp": str(int(at)), "webhook-signature": signature}


def send(http: requests.Session, url: str, key: str = "k", body: bytes = b"{}", **headers: str) -> int:
    return http.post(url, data=body, headers={"Idempotency-Key": key, **headers}, timeout=5).status_code


def test_what_comes_twice_under_one_key_is_taken_once(sim: Simulator, http: requests.Session) -> None:
    url = sim.receiver("crm")
    assert [send(http, url), send(http, url), send(http, url, "other", b"[]")] == [200, 200, 200]
    report = sim.received("crm")
    assert (report["requests"], report["taken"], report["repeats"], report["violations"]) == (3, 2, 1, [])
    assert [entry["body"] for entry in report["kept"]] == ["{}", "[]"]


def test_a_key_with_another_body_and_no_key_are_refused(sim: Simulator, http: requests.Session) -> None:
    url = sim.receiver("crm")
    assert [send(http, url), send(http, url, body=b"[1]"), send(http, url, "")] == [200, 422, 400]
    assert [violation["kind"] for violation in sim.received("crm")["violations"]] == ["key_reused", "no_key"]


def test_who_does_not_send_the_headers_is_refused(sim: Simulator, http: requests.Session) -> None:
    url = sim.receiver("crm", headers={"Authorization": "Bearer token"})
    assert [send(http, url), send(http, url, Authorization="Bearer token")] == [401, 200]


@pytest.mark.parametrize("secret", ["plain text", "whsec_" + base64.b64encode(b"secret bytes").decode()])
def test_only_a_right_and_fresh_signature_is_taken(sim: Simulator, http: requests.Session, secret: str) -> None:
    url, key = sim.receiver("crm", secret=secret), b"secret bytes" if "_" in secret else secret.encode()
    now = time.time()
    wrong = {"webhook-id": "k", "webhook-timestamp": str(int(now)), "webhook-signature": "v1,é"}
    tries: list[dict[str, str]] = [
        {},
        wrong,
        sign(b"another", "k", b"{}", now),
        sign(key, "k", b"{ }", now),
        sign(key, "k", b"{}", now - 3600),
    ]
    assert [send(http, url, **headers) for headers in tries] == [401] * 5
    assert send(http, url, **sign(key, "k", b"{}", now)) == 200


@pytest.mark.parametrize(
    ("fault", "taken"),
    [
        ({"kind": "reset_before"}, 0),
        ({"kind": "reset_after"}, 1),
        ({"kind": "status", "status": 503}, 0),
        ({"kind": "status", "status": 503, "effect": True}, 1),
    ],
)
def test_a_fault_loses_the_call_or_only_its_answer(
    sim: Simulator, http: requests.Session, fault: dict[str, Any], taken: int
) -> None:
    url = sim.receiver("crm", faults=[{**fault, "times": 1}])
    try:
        assert send(http, url) == 503
    except requests.ConnectionError:
        assert fault["kind"].startswith("reset")
    assert sim.received("crm")["taken"] == taken
    assert send(http, url) == 200
    report = sim.received("crm")
    assert (report["taken"], report["repeats"], report["lost"]) == (1, taken, taken)


def test_what_a_receiver_cannot_be_is_refused_with_a_sentence(sim: Simulator) -> None:
    for name, more in (("CRM", {}), ("crm", {"other": 1})):
        with pytest.raises(SimulatorError, match="400"):
            sim.receiver(name, **more)
    with pytest.raises(SimulatorError, match="404"):
        sim.received("nobody")
