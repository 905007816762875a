"""Long hooks are planned and screened one by one, in flat memory, and short ones do not wait for them."""

import json
from typing import Any

import pytest

from sendouts.models import Batch, Webhook
from sendouts.models.webhook import SET_BYTES, in_sets
from sendouts.stages import planning
from tests.factories import webhook
from tests.gate import Gate
from tests.symplify.reading import bounded

pytestmark = pytest.mark.django_db(transaction=True)
LONG = 3_900_000


def hook(number: int, length: int = 0, **more: Any) -> bytes:
    items = [{"contactId": "A", "rejectUri": f"http://127.0.0.1:9/reject/{number}"}]
    whole = {"finishUri": f"http://127.0.0.1:9/finish/{number}", "projectName": "Newsletter", "items": items}
    return json.dumps(whole | {"pad": "x" * length} | more).encode()


def outcomes() -> list[str]:
    return list(Webhook.objects.order_by("pk").values_list("outcome", flat=True))


def test_long_hooks_are_planned_after_the_others_and_in_flat_memory(gate: Gate) -> None:
    gate.project()
    gate.store(*(hook(number, LONG) for number in range(12)), hook(12), hook(13))
    gate.plan()
    assert outcomes() == [""] * 12 + ["planned"] * 2
    assert not Webhook.objects.filter(claim_id__isnull=False).exists(), "any worker may take them"
    with bounded(8 * LONG):
        while "" in outcomes():
            gate.plan()
    assert Batch.objects.count() == 14
    with bounded(8 * LONG):
        gate.work()
    assert not Batch.objects.filter(status="planned").exists()


def test_one_thread_at_a_time_plans_a_long_hook_and_others_leave_it_due(gate: Gate) -> None:
    gate.project()
    gate.store(hook(1, LONG))
    with planning._one_long:
        gate.plan()
        assert outcomes() == [""]
    gate.plan()
    assert outcomes() == ["planned"]


def test_a_set_that_failed_is_planned_again_without_what_is_planned(gate: Gate, monkeypatch: Any) -> None:
    gate.project()
    gate.store(*(hook(number, SET_BYTES // 2) for number in range(4)))
    plan_set, calls = planning._plan_set, []

    def fail_once(claim: Any, ids: list[int]) -> list[int]:
        calls.append(list(ids))
        if len(calls) == 2:
            raise ValueError("this set fails")
        return plan_set(claim, ids)

    monkeypatch.setattr(planning, "_plan_set", fail_once)
    gate.plan()
    assert outcomes() == ["planned"] * 4 and Batch.objects.count() == 4
    assert sorted(pk for ids in calls[:1] + calls[2:] for pk in ids) == sorted({pk for ids in calls for pk in ids})


@pytest.mark.parametrize(
    ("sizes", "sets", "long"),
    [
        ([], [], []),
        ([0, 0], [[0, 1]], []),
        ([1, 2, 3], [[0, 1, 2]], []),
        ([SET_BYTES], [[0]], []),
        ([SET_BYTES + 1], [], [0]),
        ([SET_BYTES, 1, SET_BYTES + 1, 2], [[0], [1, 3]], [2]),
    ],
    ids=str,
)
def test_sets_fit_into_memory(sizes: list[int], sets: list[list[int]], long: list[int]) -> None:
    keys = [webhook("", body=b"x" * size).pk for size in sizes]
    found = in_sets(Webhook.objects.all())
    assert found == ([[keys[place] for place in ids] for ids in sets], [keys[place] for place in long])
