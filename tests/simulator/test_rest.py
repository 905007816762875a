"""The platform's REST API in the simulator: contacts are written one by one or by an import, and either can go wrong."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from simulator.client import Simulator, SimulatorError

ADD = {"delimiter": "124", "encoding": "UTF8", "type": "ADD", "identityColumn": "originalId"}


@pytest.fixture
def api(sim: Simulator, http: requests.Session) -> Any:
    """Call the API as a customer does: api(method, path, **more)."""
    http.headers["X-Carma-Authentication-Token"] = "token"

    def call(method: str, path: str, **more: Any) -> requests.Response:
        return http.request(method, f"{sim.url}/rest/7/{path}", timeout=5, **more)

    return call


def put(api: Any, contact: str, query: str = "?force=true", **properties: str) -> int:
    answer = api("PUT", f"lists/3/contacts/{contact}/update{query}", json={"properties": properties})
    return int(answer.status_code)


def test_a_contact_is_written_and_read(sim: Simulator, api: Any) -> None:
    assert put(api, "A%2F1%20b", points="1", city="Lyon") == 200 and put(api, "A%2F1%20b", points="2") == 200
    assert api("GET", "lists/3/contacts/A%2F1%20b").json()["properties"] == {"points": "2", "city": "Lyon"}
    assert sim.rest()["contacts"] == {"A/1 b": {"points": "2", "city": "Lyon"}}
    assert put(api, "A-1", "", points="1") == 400


def test_unknown_contacts_and_callers_without_the_token_are_refused(sim: Simulator, api: Any) -> None:
    sim.rest(unknown=["A-1"])
    assert (put(api, "A-1", points="1"), put(api, "A-2", points="1")) == (404, 200)
    sim.reset()
    sim.rest(token="another")
    assert put(api, "A-1", points="1") == 401
    assert sim.rest()["count"] == 0 and sim.rest()["calls"] == {"refused": 1}


def send(api: Any, text: str, **other: str) -> Any:
    number = api("POST", "lists/3/imports", json=ADD | other).json()["id"]
    answer = api("POST", f"lists/3/recipients/{number}", data=text.encode(), headers={"Content-Type": "text/csv"})
    return answer.json().get("batchId")


def test_an_import_adds_and_leaves_the_others(sim: Simulator, api: Any) -> None:
    put(api, "A-1", city="Lyon")
    put(api, "A-9", city="Nantes")
    batch = send(api, "originalId|points\nA-1|5\nA-2|6\n")
    assert api("GET", f"batches/{batch}").json()["status"] == "FINISHED"
    wanted = {"A-1": {"city": "Lyon", "points": "5"}, "A-9": {"city": "Nantes"}, "A-2": {"points": "6"}}
    assert sim.rest()["contacts"] == wanted and sim.violations() == []


def test_an_import_of_the_other_type_empties_the_list_and_is_told_of(sim: Simulator, api: Any) -> None:
    put(api, "A-9", city="Nantes")
    batch = send(api, "originalId|points\nA-1|5\n", type="REPLACE")
    assert api("GET", f"batches/{batch}").json()["status"] == "FINISHED"
    assert list(sim.rest()["contacts"]) == ["A-1"]
    assert [each["kind"] for each in sim.violations()] == ["list_replaced"]


def test_an_import_takes_its_time_and_may_fail(sim: Simulator, api: Any) -> None:
    sim.rest(import_seconds=3600)
    batch = send(api, "originalId|points\nA-1|5\n")
    assert api("GET", f"batches/{batch}").json()["status"] == "RUNNING" and sim.rest()["count"] == 0
    sim.rest(import_seconds=0, import_ends="ERROR")
    other = send(api, "originalId|points\nA-1|5\n")
    assert api("GET", f"batches/{other}").json()["status"] == "ERROR" and sim.rest()["count"] == 0


def test_imports_that_come_too_soon_are_put_off(sim: Simulator, api: Any) -> None:
    sim.rest(import_distance=3600)
    assert api("POST", "lists/3/imports", json=ADD).status_code == 200
    answer = api("POST", "lists/3/imports", json=ADD)
    assert answer.status_code == 429 and 3590 <= int(answer.headers["Retry-After"]) <= 3600


@pytest.mark.parametrize("text", ["points\n5\n", "originalId|points\nA-1|5|6\n", ""])
def test_rows_that_do_not_fit_the_header_are_refused(sim: Simulator, api: Any, text: str) -> None:
    assert send(api, text) is None


@pytest.mark.parametrize(
    ("fault", "status", "written"),
    [
        ({"kind": "status", "status": 503, "retry_after": 2}, 503, 0),
        ({"kind": "status", "status": 500, "effect": True}, 500, 1),
        ({"kind": "slow", "seconds": 0.01}, 200, 1),
        ({"kind": "reset_before"}, 0, 0),
        ({"kind": "reset_after"}, 0, 1),
    ],
)
def test_a_call_can_go_wrong(sim: Simulator, api: Any, fault: dict[str, Any], status: int, written: int) -> None:
    # The first names no place, and so strikes none of these calls.
    sim.faults([{"kind": "status", "status": 500}, {**fault, "on": "contact", "total": 1}])
    try:
        found = put(api, "A-1", points="1")
    except requests.ConnectionError:
        found = 0
    assert (found, sim.rest()["count"]) == (status, written)
    assert put(api, "A-1", points="1") == 200


def test_settings_that_make_no_sense_are_refused_and_change_nothing(sim: Simulator, api: Any) -> None:
    with pytest.raises(SimulatorError, match="400"):
        sim.rest(unknown=["A-1"], import_ends="LATER")
    assert put(api, "A-1", points="1") == 200
