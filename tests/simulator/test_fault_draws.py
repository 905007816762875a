"""Whom a fault strikes: the share, the limits, the seed."""

from __future__ import annotations

from simulator.platform.faults import Faults


def struck(fault: dict, keys: list[str], calls: int = 1) -> list[list[bool]]:
    faults = Faults.read({"faults": [{"kind": "status", "on": "reject", **fault}]})
    return [[faults.strike("reject", key) is not None for _ in range(calls)] for key in keys]


KEYS = [f"s1/reject/{number}" for number in range(4000)]


def test_a_share_is_about_that_share_of_the_calls() -> None:
    assert 120 < sum(hit for (hit,) in struck({"share": 0.05}, KEYS)) < 280
    assert struck({"share": 0}, KEYS[:50]) == [[False]] * 50
    assert struck({}, KEYS[:50]) == [[True]] * 50


def test_times_strikes_the_same_contacts_that_often_and_then_lets_them_be() -> None:
    outcome = struck({"share": 0.05, "times": 2}, KEYS, calls=4)
    assert {tuple(each) for each in outcome} == {(True, True, False, False), (False,) * 4}
    assert 120 < sum(each[0] for each in outcome) < 280


def test_the_seed_decides_whom() -> None:
    first = struck({"share": 0.3, "times": 1, "seed": 1}, KEYS)
    assert first == struck({"share": 0.3, "times": 1, "seed": 1}, KEYS)
    assert first != struck({"share": 0.3, "times": 1, "seed": 2}, KEYS)
    assert struck({"share": 0.3, "seed": 1}, KEYS) == struck({"share": 0.3, "seed": 1}, KEYS)


def test_a_total_ends_the_fault_for_all() -> None:
    assert sum(hit for (hit,) in struck({"total": 7}, KEYS)) == 7


def test_a_fault_strikes_only_where_it_is_put() -> None:
    faults = Faults.read({"faults": [{"kind": "status", "on": ["finish"]}, {"kind": "cut"}, {"kind": "hang"}]})
    kinds = {}
    for endpoint in ("finish", "download", "reject", "hook"):
        fault = faults.strike(endpoint, "x")
        kinds[endpoint] = fault.kind if fault else None
    assert kinds == {"finish": "status", "download": "cut", "reject": "hang", "hook": None}
