"""Generated rows: the quick writing says the same as the plain one, and refusals are spread evenly."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

from simulator.platform.rows import Rows
from simulator.platform.sendouts import Sendout
from simulator.platform.spec import Spec, without_consent
from simulator.world import World


def rows(**wanted: object) -> Rows:
    world = World("http://127.0.0.1:1")
    spec = Spec.read({"kind": "batch", "fire": False, **wanted})
    sendout: Sendout = world.create(spec, 0.0)
    return Rows(world, sendout)


@pytest.mark.parametrize("keys", [{}, {"id_key": 'original"id', "uri_key": "é"}])
def test_quick_json_is_the_object_as_json(keys: dict) -> None:
    made = rows(contacts=200, no_consent=0.3, **keys)
    assert [json.loads(text) for text in made.as_json(range(200))] == [made.generated(index) for index in range(200)]


def test_quick_csv_is_the_object_as_csv() -> None:
    made = rows(contacts=50, format="csv", delimiter="\t")
    read = [line.rstrip("\r\n").split("\t") for line in made.as_csv(range(50))]
    for index, cells in enumerate(read):
        flat = made.generated(index)
        flat.update(flat.pop("properties"))
        wanted = {key: json.dumps(value) if not isinstance(value, str) else value for key, value in flat.items()}
        assert dict(zip(made.columns(), cells, strict=True)) == wanted


@pytest.mark.parametrize("share", [0, 0.1, 1 / 3, 0.999, 1])
@pytest.mark.parametrize("count", [0, 7, 1000])
def test_refusals_are_spread_evenly(share: float, count: int) -> None:
    marks = without_consent(Spec.read({"kind": "batch", "contacts": count, "no_consent": share}))
    exact = Fraction(share).limit_denominator(1_000_000)
    assert len(marks) == count
    for end in range(count + 1):
        assert marks[:end].count(1) == end * exact.numerator // exact.denominator
