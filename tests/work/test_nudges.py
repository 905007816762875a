"""A nudge names a lane; what leaves is the Celery task of that lane, by name."""

from typing import Any

import pytest

from work import nudges


@pytest.mark.parametrize(("name", "task"), [("hooks", "sendouts.plan"), ("gateway.tidy", "gateway.tidy")])
def test_the_task_of_the_lane_leaves(name: str, task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []

    def send_task(task: str, args: list[Any], **_: Any) -> None:
        sent.append((task, args))

    monkeypatch.setattr("work.nudges.current_app.send_task", send_task)
    assert nudges.nudge(name, [7, 8], wait=10)
    assert sent == [(task, [[7, 8]])]
    assert nudges.nudge(name, []) and len(sent) == 1, "nobody is nudged for nothing"
