"""The example of a kind that writes, as the docs have it, books its points at a real service before the release."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.actions.helpers import service
from tests.gate import Gate
from tests.stages.acting import offered

DOCUMENT = Path(__file__).parents[2] / "docs" / "adding-an-action.md"
EXAMPLE = re.compile(r"## A kind that writes.*?```python\n(.*?)```", re.DOTALL)


def documented() -> dict[str, Any]:
    found: dict[str, Any] = {"__name__": "points"}
    exec(EXAMPLE.findall(DOCUMENT.read_text())[0], found)
    return found


@pytest.mark.parametrize("first", [200, 503])
def test_every_accepted_contact_gets_its_points_once(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, settings: Any, first: int
) -> None:
    offered(monkeypatch, documented()["Points"])
    with service(lambda number, body: (first if number == 1 else 200, {}, json.dumps({}).encode())) as books:
        settings.OUTBOUND_ALLOWED_HOSTS, settings.OUTBOUND_ALLOW_HTTP = ["127.0.0.1"], True
        project = gate.project()
        config = {"url": books.url, "field": "email"}
        gate.define(project, "points", kind="points", config=config, position=1)
        sent = gate.fire(contacts=600, actions=["consent-check", "points"])
        gate.work(rounds=2)
    assert gate.batch().status == "finished"
    asked = [entry["key"] for question in books.questions for entry in question["book"]]
    assert len(set(asked)) == 540, "an effect that comes again comes under the same key"
    assert (len(asked) == 540) == (first == 200)
    assert gate.platform.sendout(sent["id"])["violations"] == []


def test_a_useful_kind_that_writes_is_shorter_than_forty_lines() -> None:
    lines = [line for line in EXAMPLE.findall(DOCUMENT.read_text())[0].splitlines() if line.strip()]
    assert len(lines) < 40
