"""Contacts leave on one of three ways: accepted, rejected, timed out."""

from __future__ import annotations

import json

import requests

from simulator.client import Simulator


def contacts(http: requests.Session, created: dict) -> list[dict]:
    return http.get(created["download_uri"], timeout=5).json()


def test_rejected_contacts_stay_and_finish_releases_the_others(sim: Simulator, http: requests.Session) -> None:
    created = sim.create("batch", contacts=50, fire=False)
    assert created["expected"] == {"accepted": 45, "rejected": 5}
    rows = contacts(http, created)
    refused = [row for row in rows if not row["properties"]["consent"]]
    assert [row["contactId"] for row in refused] == ["A-000010", "A-000020", "A-000030", "A-000040", "A-000050"]
    for row in refused:
        assert http.post(row["cancelUri"], timeout=5).status_code == 200
    before = sim.sendout(created["id"])
    assert (before["waiting"], before["rejected"], before["finished"], before["finished_at"]) == (45, 5, 0, None)
    assert http.post(created["finish_uris"][0], timeout=5).status_code == 200
    report = sim.sendout(created["id"])
    assert (report["accepted"], report["rejected"], report["timed_out"], report["waiting"]) == (45, 5, 0, 0)
    assert report["calls"] == {"download": 1, "reject": 5, "reject_repeat": 0, "finish": 1, "finish_repeat": 0}
    assert (report["finished"], report["released_due"], report["wrongly_rejected"]) == (1, 0, 0)
    assert report["violations"] == []
    assert report["finished_at"] > 0


def test_contacts_that_nobody_answers_for_time_out(sim: Simulator, http: requests.Session) -> None:
    created = sim.create("batch", contacts=7, fire=False, timeout=0.3)
    row = contacts(http, created)[0]
    http.post(row["cancelUri"], timeout=5)
    report = sim.wait_for(created["id"], lambda report: report["timed_out"] > 0, within=5)
    assert (report["timed_out"], report["rejected"], report["waiting"], report["accepted"]) == (6, 1, 0, 0)


def test_each_single_is_finished_on_its_own(sim: Simulator, http: requests.Session, door) -> None:
    created = sim.create("single", contacts=2, hooks=3, target=door.url, due=["A-000004"])
    hooks = sorted((json.loads(body) for _, body in door.received), key=lambda hook: hook["items"][0]["contactId"])
    assert [[item["contactId"] for item in hook["items"]] for hook in hooks] == [
        ["A-000001", "A-000002"],
        ["A-000003", "A-000004"],
        ["A-000005", "A-000006"],
    ]
    assert len({hook["finishUri"] for hook in hooks}) == 3
    http.post(hooks[1]["items"][1]["rejectUri"], timeout=5)
    http.post(hooks[1]["finishUri"], timeout=5)
    http.post(hooks[0]["finishUri"], timeout=5)
    report = sim.sendout(created["id"])
    assert (report["finished"], report["deliveries"], report["finished_at"]) == (2, 3, None)
    assert (report["accepted"], report["rejected"], report["waiting"]) == (3, 1, 2)
    assert report["violations"] == []
    http.post(hooks[2]["finishUri"], timeout=5)
    last = sim.wait_finished(created["id"])
    assert last["finished_at"] is not None
    assert last["max_finish_ms_after_hook"] > 0
    shares = last["finish_ms_after_hook"]
    assert 0 < shares["p50"] <= shares["p95"] <= shares["max"] == last["max_finish_ms_after_hook"]


def test_rejecting_others_is_legal_and_counted(sim: Simulator, http: requests.Session) -> None:
    created = sim.create("batch", contacts=10, fire=False)
    for row in contacts(http, created)[:3]:
        http.post(row["cancelUri"], timeout=5)
    report = sim.sendout(created["id"])
    assert (report["wrongly_rejected"], report["violations"]) == (3, [])


def test_whom_to_reject_can_be_nobody_everybody_or_named(sim: Simulator) -> None:
    assert sim.create("batch", contacts=30, fire=False, due="none")["expected"] == {"accepted": 30, "rejected": 0}
    assert sim.create("batch", contacts=30, fire=False, due="all")["expected"] == {"accepted": 0, "rejected": 30}
    named = sim.create("batch", contacts=30, fire=False, due=["A-000007", "A-000030"])
    assert named["expected"] == {"accepted": 28, "rejected": 2}
    third = sim.create("batch", contacts=30, fire=False, no_consent=1 / 3)
    assert third["expected"] == {"accepted": 20, "rejected": 10}
    rows = [{"contactId": "x", "properties": {"consent": False}}, {"contactId": "x", "consent": "false"}, {"a": 1}]
    given = sim.create("batch", rows=rows, fire=False)
    assert given["expected"] == {"accepted": 1, "rejected": 2}


def test_a_file_without_contacts_can_be_finished(sim: Simulator, http: requests.Session) -> None:
    created = sim.create("batch", contacts=0, fire=False)
    assert contacts(http, created) == []
    assert http.post(created["finish_uris"][0], timeout=5).status_code == 200
    assert sim.sendout(created["id"])["finished"] == 1
