"""The consent service of the simulator answers in every form that it offers, and breaks when it is told to."""

from typing import Any

import pytest
import requests

from simulator.client import Simulator, SimulatorError

PEOPLE = ["A-1", "A-10", "A-2"]


def ask(sim: Simulator, http: requests.Session, method: str, path: str, content: Any = None, **more: Any) -> Any:
    return http.request(method, f"{sim.url}/consent/{path}", json=content, timeout=5, **more)


def test_each_form_says_the_same_of_the_same_people(sim: Simulator, http: requests.Session) -> None:
    assert ask(sim, http, "POST", "check", {"contacts": PEOPLE}).json() == {
        "verdicts": {"A-1": True, "A-10": False, "A-2": True}
    }
    entries = ask(sim, http, "PUT", "people", {"people": [{"key": each} for each in PEOPLE]}).json()["data"]["items"]
    assert {each["key"]: each["state"] for each in entries} == {"A-1": "granted", "A-10": "withdrawn", "A-2": "granted"}
    assert ask(sim, http, "POST", "consenting", {"ids": PEOPLE}).json() == ["A-1", "A-2"]
    listed = ask(sim, http, "GET", "suppressed?emails=a1@example.com,A10@example.com").json()["suppressed"]
    assert [each["email"] for each in listed] == ["a10@example.com"]
    assert [ask(sim, http, "GET", f"people/{each}").json()["consent"]["mail"] for each in PEOPLE] == [True, False, True]
    assert [ask(sim, http, "GET", f"status/{each}").status_code for each in PEOPLE] == [200, 404, 200]
    assert sim.consent_asked() == {
        "asked": {"check": 1, "people": 4, "consenting": 1, "suppressed": 1, "status": 3},
        "most_in_one": 3,
    }


def test_who_refuses_and_who_is_unknown_can_be_told(sim: Simulator, http: requests.Session) -> None:
    sim.consent(refusing=["A-1"], unknown=["A-2"])
    assert ask(sim, http, "POST", "check", {"contacts": PEOPLE}).json() == {"verdicts": {"A-1": False, "A-10": True}}
    assert ask(sim, http, "GET", "people/A-2").status_code == 404
    sim.consent()
    assert ask(sim, http, "POST", "check", {"contacts": ["A-1"]}).json() == {"verdicts": {"A-1": True}}


def test_a_token_is_asked_of_everybody(sim: Simulator, http: requests.Session) -> None:
    sim.consent(token="right")
    wrong, right = ({"Authorization": f"Bearer {word}"} for word in ("wrong", "right"))
    assert ask(sim, http, "GET", "people/A-1", headers=wrong).status_code == 401
    assert ask(sim, http, "GET", "people/A-1").status_code == 401
    assert ask(sim, http, "GET", "people/A-1", headers=right).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "check", {"people": []}, 400),
        ("GET", "check", None, 404),
        ("PUT", "people", {"people": [{"id": "A-1"}]}, 400),
        ("POST", "nowhere", {}, 404),
    ],
)
def test_a_wrong_question_is_named(
    sim: Simulator, http: requests.Session, method: str, path: str, content: Any, status: int
) -> None:
    assert ask(sim, http, method, path, content).status_code == status


def test_faults_strike_it_only_where_they_name_it(sim: Simulator, http: requests.Session) -> None:
    sim.faults([{"kind": "status", "status": 500}])
    assert ask(sim, http, "GET", "people/A-1").status_code == 200
    sim.faults([{"kind": "status", "on": "consent", "status": 429, "retry_after": 7, "total": 1}])
    struck = ask(sim, http, "GET", "people/A-1")
    assert (struck.status_code, struck.headers["Retry-After"]) == (429, "7")
    assert ask(sim, http, "GET", "people/A-1").status_code == 200
    sim.faults([{"kind": "wrong_shape"}])
    assert ask(sim, http, "POST", "check", {"contacts": PEOPLE}).json() == {
        "message": "of another form than was agreed"
    }
    sim.faults([{"kind": "reset_before", "on": "consent"}])
    with pytest.raises(requests.ConnectionError):
        ask(sim, http, "GET", "people/A-1")


def test_a_set_up_that_cannot_be_is_refused(sim: Simulator) -> None:
    with pytest.raises(SimulatorError, match="400"):
        sim.consent(refusing="A-1")
