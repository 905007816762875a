"""What is done against the protocol is refused where the platform would, and always written down."""

from __future__ import annotations

import pytest
import requests

from simulator.client import Simulator


class Played:
    """A small batch whose due contact is the last of two."""

    def __init__(self, sim: Simulator, http: requests.Session, **wanted: object) -> None:
        self.sim, self.http = sim, http
        self.created = sim.create("batch", contacts=2, fire=False, **{"due": ["A-000002"], **wanted})
        self.uris = [row["cancelUri"] for row in http.get(self.created["download_uri"], timeout=5).json()]
        self.finish_uri = self.created["finish_uris"][0]

    def post(self, uri: str) -> int:
        return self.http.post(uri, timeout=5).status_code

    def kinds(self) -> list[str]:
        return [violation["kind"] for violation in self.sim.violations()]

    def report(self) -> dict:
        return self.sim.sendout(self.created["id"])


def test_finish_before_a_due_rejection_releases_and_tells(sim: Simulator, http: requests.Session) -> None:
    played = Played(sim, http)
    assert played.post(played.finish_uri) == 200
    assert played.kinds() == ["released_due"]
    assert played.report()["released_due"] == 1
    assert played.report()["violations"][0]["delivery"] == f"{played.created['id']}/1"


def test_each_single_answers_for_its_own_due_contacts(sim: Simulator, http: requests.Session) -> None:
    created = sim.create("single", hooks=3, due="all", fire=False)
    for uri in created["finish_uris"][:2]:
        http.post(uri, timeout=5)
    assert sim.sendout(created["id"])["released_due"] == 2
    assert [violation["delivery"] for violation in sim.violations()] == [f"{created['id']}/{n}" for n in (1, 2)]


def test_finishing_twice_without_a_lost_answer(sim: Simulator, http: requests.Session) -> None:
    played = Played(sim, http, due="none")
    assert [played.post(played.finish_uri) for _ in range(2)] == [200, 409]
    assert played.kinds() == ["finished_twice"]
    assert played.report()["calls"]["finish_repeat"] == 1


def test_finish_and_rejection_after_the_timeout(sim: Simulator, http: requests.Session) -> None:
    played = Played(sim, http, timeout=0)
    assert played.post(played.finish_uri) == 410
    assert played.post(played.uris[1]) == 410
    assert played.kinds() == ["finish_after_timeout", "reject_after_timeout"]
    assert (played.report()["timed_out"], played.report()["accepted"]) == (2, 0)


def test_rejection_after_finish(sim: Simulator, http: requests.Session) -> None:
    played = Played(sim, http)
    played.post(played.uris[1])
    played.post(played.finish_uri)
    assert played.post(played.uris[0]) == 410
    assert played.kinds() == ["reject_after_finish"]
    assert sim.violations()[0]["contact"] == 1
    assert played.report()["accepted"] == 1


@pytest.mark.parametrize("status", [200, 410])
def test_rejecting_twice_is_answered_as_configured(sim: Simulator, http: requests.Session, status: int) -> None:
    played = Played(sim, http, faults={"repeat_status": status})
    assert [played.post(played.uris[1]) for _ in range(2)] == [200, status]
    assert played.kinds() == ["rejected_twice"]
    assert played.report()["calls"]["reject_repeat"] == 1
    assert played.report()["rejected"] == 1


def test_rejecting_somebody_not_due_can_be_made_a_violation(sim: Simulator, http: requests.Session) -> None:
    played = Played(sim, http, may_reject="due")
    assert [played.post(uri) for uri in played.uris] == [200, 200]
    assert played.kinds() == ["rejected_not_due"]


def test_unknown_uris_are_not_found(sim: Simulator, http: requests.Session) -> None:
    played = Played(sim, http)
    token = played.uris[0].rpartition("/")[2]
    prefix = token[:20]
    strangers = [
        f"{sim.url}/cancel/{prefix}2",  # one contact too far
        f"{sim.url}/cancel/{prefix}00",  # the first contact, written otherwise
        f"{sim.url}/cancel/{prefix}",
        f"{sim.url}/cancel/{prefix}+1",
        f"{sim.url}/cancel/nobody",
        f"{sim.url}/cancel/{prefix}{'1' * 5000}",
        f"{sim.url}/reject/{token}",  # a batch has no rejectUri
        f"{sim.url}/cancel/{played.finish_uri.rpartition('/')[2]}",
        f"{sim.url}/finish/{token}",
    ]
    assert [played.post(uri) for uri in strangers] == [404] * len(strangers)
    assert http.get(f"{sim.url}/files/{token}", timeout=5).status_code == 404
    assert played.kinds() == ["unknown_contact"] * 8 + ["unknown_finish", "unknown_file"]
    assert played.report()["rejected"] == 0


def test_wrong_methods_have_no_effect(sim: Simulator, http: requests.Session) -> None:
    played = Played(sim, http)
    answers = [
        http.get(played.uris[1], timeout=5),
        http.put(played.finish_uri, timeout=5),
        http.head(played.uris[1], timeout=5),
        http.post(played.created["download_uri"], timeout=5),
    ]
    assert [answer.status_code for answer in answers] == [405] * 4
    assert [answer.headers["Allow"] for answer in answers] == ["POST", "POST", "POST", "GET"]
    assert played.kinds() == ["wrong_method"] * 4
    assert played.report()["violation_count"] == 4
    assert (played.report()["rejected"], played.report()["finished"]) == (0, 0)


def test_after_an_excuse_repeats_are_no_violation(sim: Simulator, http: requests.Session) -> None:
    played = Played(sim, http)
    played.post(played.uris[1])
    played.post(played.finish_uri)
    sim.excuse(played.created["id"])
    assert played.post(played.uris[1]) == 200
    assert played.post(played.finish_uri) == 200
    assert played.kinds() == []
    assert played.report()["calls"]["reject_repeat"] == 1
    assert played.post(played.uris[0]) == 410
    assert played.kinds() == ["reject_after_finish"]


def test_violations_go_on_being_counted_when_they_are_no_longer_kept(sim: Simulator, http: requests.Session) -> None:
    for _ in range(1002):
        http.post(f"{sim.url}/cancel/nobody", timeout=5)
    assert len(sim.violations()) == 1000
    assert sim.health()["violations"] == 1002
