"""The control API refuses what it cannot read, with a sentence, and changes nothing then."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from simulator.client import Simulator, SimulatorError


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        ({"kind": "bulk"}, "kind"),
        ({"colour": 1}, "colour"),
        ({"contacts": -1}, "contacts"),
        ({"contacts": 10**9}, "More than"),
        ({"hooks": 2}, "hooks"),
        ({"format": "xml"}, "format"),
        ({"due": ["A-009999"]}, "due"),
        ({"rows": [{}], "contacts": 5}, "disagree"),
        ({"raw_lines": [[2000, "x"]]}, "raw_lines"),
        ({"target": "http://example.com:99999/", "fire": True}, "target"),
        ({"target": "http://example.com/", "header": "broken", "fire": True}, "NAME:VALUE"),
        ({"target": "http://example.com/", "header": "A: b\r\nC: d", "fire": True}, "ASCII"),
        ({"faults": []}, "dictionary"),
        ({"faults": {"faults": [{"kind": "slow", "second": 1}]}}, "second"),
        ({"faults": {"faults": [{"kind": "slow", "on": "cancel"}]}}, "batch_status, consent, contact, download"),
        ({"faults": {"faults": [{"kind": "differs", "on": "reject"}]}}, "download"),
        ({"faults": {"faults": [{"kind": "status", "retry_after": "soon"}]}}, "retry_after"),
    ],
)
def test_a_sendout_that_cannot_be_is_refused(sim: Simulator, wanted: dict, word: str) -> None:
    with pytest.raises(SimulatorError, match=word) as refused:
        sim.create(**{"kind": "batch", "fire": False, **wanted})
    assert ": 400 " in str(refused.value)
    assert sim.sendouts() == []


def test_bytes_that_are_no_json_are_refused(sim: Simulator, http: requests.Session) -> None:
    for body in (b"{", b"\xff", b"[" * 100_000, b"[]"):
        assert http.post(f"{sim.url}/control/sendouts", data=body, timeout=5).status_code == 400
    assert http.post(f"{sim.url}/control/hook", json={"body": "a", "base64": "b"}, timeout=5).status_code == 400
    assert http.post(f"{sim.url}/control/hook", json={"base64": "?"}, timeout=5).status_code == 400


def test_unknown_addresses_are_not_found(sim: Simulator, http: requests.Session) -> None:
    for path in ("/control/sendouts/s99", "/control/other", "/", "//cancel"):
        assert http.get(f"{sim.url}{path}", timeout=5).status_code == 404
    assert http.delete(f"{sim.url}/control/reset", timeout=5).status_code == 404
    assert sim.violations() == []


def test_a_reset_forgets_everything_and_old_uris_are_unknown(sim: Simulator, http: requests.Session) -> None:
    created = sim.create("batch", contacts=1, fire=False)
    sim.faults(latency=5)
    sim.reset()
    assert sim.sendouts() == []
    assert http.post(created["finish_uris"][0], timeout=5).status_code == 404
    newer = sim.create("batch", contacts=1, fire=False)
    assert newer["id"] != created["id"]
    assert [report["id"] for report in sim.sendouts()] == [newer["id"]]


def test_a_reset_while_hooks_are_fired_answers_who_waits(sim: Simulator, door) -> None:
    waiting = Simulator(sim.url)
    with ThreadPoolExecutor(1) as pool:
        creating = pool.submit(waiting.create, "single", hooks=1000, per_second=1, target=door.url)
        limit = time.monotonic() + 10
        while not (sim.sendouts() and sim.sendouts()[0]["acknowledged"]):
            assert time.monotonic() < limit
        sim.reset()
        with pytest.raises(SimulatorError, match=r"409 .*reset"):
            creating.result(10)
    waiting.stop()
    assert sim.sendouts() == []
