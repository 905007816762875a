"""Content of the gateway's tables, read independently, as an auditor would."""

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.acceptance.deployment import Deployment

_COLUMNS = (
    "id",
    "source",
    "status",
    "outcome",
    "attention",
    "held_for",
    "total",
    "accepted",
    "rejected",
    "undecided",
    "unread",
    "confirmed",
    "taken_on",
    "finish_attempts",
    "due_at",
)
_BATCHES = f"""
SELECT s.name, {", ".join(f"b.{name}" for name in _COLUMNS)}
FROM sendouts_batch b JOIN actions_sendout s ON s.id = b.sendout_id ORDER BY b.id
"""
_DECISIONS = "SELECT id >> 32, verdict, unread, answer, count(*) FROM sendouts_decision GROUP BY 1, 2, 3, 4"


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A batch row, with the name of its sendout, which the orders made unique."""

    sendout: str
    id: int
    source: str
    status: str
    outcome: str
    attention: str
    held_for: tuple[str, ...]
    total: int
    accepted: int
    rejected: int
    undecided: int
    unread: int
    confirmed: int
    taken_on: int
    finish_attempts: int
    due_at: object


def batches(gateway: Deployment) -> list[StoredBatch]:
    found = []
    for row in gateway.rows(_BATCHES):
        values = list(row)
        held = values[6]
        values[6] = tuple(json.loads(held) if isinstance(held, str) else held)
        found.append(StoredBatch(*values))
    return found


def hooks(gateway: Deployment) -> dict[UUID, tuple[str, int | None]]:
    """The outcome and the batch of every hook, by the id that its acknowledgement carried."""
    rows = gateway.rows("SELECT uuid, outcome, batch_id FROM sendouts_webhook")
    return {key if isinstance(key, UUID) else UUID(key): (outcome, batch) for key, outcome, batch in rows}


def decisions(gateway: Deployment) -> dict[int, dict[str, int]]:
    """For each batch the decisions by verdict, and the confirmed among them."""
    found: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for batch, verdict, unread, answer, count in gateway.rows(_DECISIONS):
        name = "unread" if unread else ("undecided", "accepted", "rejected")[verdict]
        found[batch][name] += count
        if answer == 1:
            found[batch]["confirmed"] += count
    return found


def histories(gateway: Deployment) -> dict[int, list[tuple[str, str, str]]]:
    """For each batch its events as (word, old, new), oldest first."""
    found: dict[int, list[tuple[str, str, str]]] = defaultdict(list)
    for batch, *event in gateway.rows("SELECT batch_id, word, old, new FROM sendouts_event ORDER BY id"):
        found[batch].append((event[0], event[1], event[2]))
    return found


def totals(found: list[StoredBatch]) -> dict[str, dict[str, Any]]:
    """For each sendout what its batches add up to."""
    sums: dict[str, dict[str, Any]] = defaultdict(lambda: {"confirmed": 0, "finished": 0, "attempts": 0, "batches": 0})
    for batch in found:
        one = sums[batch.sendout]
        one["confirmed"] += batch.confirmed
        one["finished"] += batch.status == "finished"
        one["attempts"] += batch.finish_attempts
        one["batches"] += 1
    return sums
