"""Hooks are fired once each, with a second for the acknowledgement."""

from __future__ import annotations

import base64
import json

import pytest

from simulator.client import Simulator, SimulatorError


def test_a_batch_hook_carries_the_names_of_the_contract(sim: Simulator, door) -> None:
    created = sim.create(
        "batch",
        contacts=3,
        target=door.url,
        basic_auth="gate:s3cret:x",
        project="P",
        journey="J",
        sendout="S",
        actions=["consent-check", {"identifier": "vip", "level": 2}],
        extra={"newField": 1},
    )
    (headers, body) = door.received[0]
    hook = json.loads(body)
    assert hook == {
        "finishUri": created["finish_uris"][0],
        "actions": ["consent-check", {"identifier": "vip", "level": 2}],
        "projectName": "P",
        "journeyName": "J",
        "sendoutName": "S",
        "itemDownloadUri": created["download_uri"],
        "newField": 1,
    }
    assert headers["authorization"] == "Basic " + base64.b64encode(b"gate:s3cret:x").decode()
    assert headers["content-type"].startswith("application/json")
    (fired,) = created["hooks"]
    assert (fired["status"], fired["body"], fired["error"]) == (202, '{"id": "9d3c"}', None)
    assert fired["ms"] > 0
    report = sim.sendout(created["id"])
    assert report["hooks"] == [fired]
    assert report["first_hook_at"] > 0


def test_a_single_hook_carries_items_with_or_without_fields(sim: Simulator, door) -> None:
    sim.create("single", target=door.url, header="X-Token: abc")
    sim.create("single", target=door.url, item_fields=False, id_key="originalId", omit=["actions"])
    (headers, full), (_, bare) = door.received
    assert headers["x-token"] == "abc"
    assert "authorization" not in headers
    assert set(json.loads(full)["items"][0]) == {"contactId", "email", "properties", "rejectUri"}
    assert set(json.loads(bare)["items"][0]) == {"originalId", "rejectUri"}
    assert "itemDownloadUri" not in json.loads(full)
    assert "actions" not in json.loads(bare)


def test_many_singles_are_summed_up(sim: Simulator, door) -> None:
    created = sim.create("single", hooks=60, target=door.url)
    assert (created["acknowledged"], created["refused"]) == (60, 0)
    assert set(created["ms"]) == {"p50", "p99", "p99_9", "max"}
    assert "hooks" not in created
    assert created["expected"] == {"accepted": 54, "rejected": 6}
    assert len({json.loads(body)["finishUri"] for _, body in door.received}) == 60
    assert len(sim.sendout(created["id"])["hooks"]) == 20


def test_a_door_that_refuses_or_is_silent_is_reported_and_not_asked_again(sim: Simulator, door) -> None:
    door.status = 503
    created = sim.create("batch", contacts=1, target=door.url)
    assert [(fired["status"], fired["error"]) for fired in created["hooks"]] == [(503, None)]
    door.silent = True
    created = sim.create("batch", contacts=1, target=door.url)
    (fired,) = created["hooks"]
    assert (fired["status"], fired["error"], len(door.received)) == (0, "timeout", 2), "it has a second"
    assert sim.sendout(created["id"])["refused"] == 1


def test_a_burst_at_a_pace_answers_at_once_where_asked(sim: Simulator, door) -> None:
    created = sim.create("single", hooks=11, per_second=50, target=door.url, wait=False)
    assert created["hooks"] == []
    sim.wait_for(created["id"], lambda report: report["acknowledged"] == 11, within=10)
    assert len(door.received) == 11


def test_own_credentials_replace_those_of_the_start_and_uris_have_the_given_base(door) -> None:
    base = "http://simulator.example.com:8765"
    with Simulator.start(target=door.url, basic_auth="a:b", base_url=f"{base}/") as simulator:
        created = simulator.create("batch", contacts=1)
        simulator.create("batch", contacts=1, header="X-Token: t")
    first, second = (headers for headers, _ in door.received)
    assert first["authorization"] == "Basic YTpi"
    assert ("authorization" in second, second["x-token"]) == (False, "t")
    assert created["download_uri"].startswith(f"{base}/files/")


def test_the_time_runs_from_the_first_firing(sim: Simulator, door) -> None:
    with pytest.raises(SimulatorError, match="target"):
        sim.create("batch", contacts=1)
    assert sim.sendouts() == []
    created = sim.create("batch", contacts=1, target=door.url, fire=False)
    assert sim.sendout(created["id"])["first_hook_at"] is None and door.received == []
    sim.fire(created["id"])
    first = sim.sendout(created["id"])["first_hook_at"]
    sim.fire(created["id"])
    assert sim.sendout(created["id"])["first_hook_at"] == first


def test_a_closed_door_is_an_outcome(sim: Simulator, door) -> None:
    port = door.url.split(":")[2].split("/")[0]
    (fired,) = sim.create("batch", contacts=1, target=f"https://127.0.0.1:{port}/")["hooks"]
    assert (fired["status"], fired["error"] is not None) == (0, True)
    (fired,) = sim.create("batch", contacts=1, target="http://127.0.0.1:1/")["hooks"]
    assert (fired["status"], fired["error"]) == (0, "refused")


def test_a_hook_can_come_twice_at_once_or_later(sim: Simulator, door) -> None:
    twice = {"faults": [{"kind": "duplicate_hook"}]}
    created = sim.create("batch", contacts=1, target=door.url, faults=twice)
    assert len(created["hooks"]) == 2
    assert len({body for _, body in door.received}) == 1
    again = sim.create("batch", contacts=1, target=door.url)
    sim.fire(again["id"])
    assert door.received[2][1] == door.received[3][1]


@pytest.mark.parametrize("payload", [b"{not json", b"\xff\x00", b""])
def test_any_bytes_can_be_thrown_at_the_door(sim: Simulator, door, payload: bytes) -> None:
    door.status = 400
    outcome = sim.hook(base64=base64.b64encode(payload).decode(), target=door.url)
    assert (outcome["status"], outcome["error"], door.received[0][1]) == (400, None, payload)
    assert sim.hook("text", target=door.url)["status"] == 400
    assert door.received[1][1] == b"text"
