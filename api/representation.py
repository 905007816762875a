"""JSON for programs from rows that are loaded already: no function here queries the database."""

import json
import re
from collections.abc import Mapping
from typing import Any

from sendouts import rules
from sendouts.models import Batch, BulkChange, DecisionVerdict, Event, Hold, Status
from sendouts.outlook.forecast import Forecast
from sendouts.verbs.second_person import first_name
from sendouts.wording import batch_sentences
from sendouts.wording.sentences import show_text

_ADDRESS = re.compile(r"\w+://\S+")


def attention(batch: Batch) -> dict[str, str] | None:
    """Return the stage that could not complete, as a code and a sentence."""
    return {"code": batch.attention, "sentence": batch_sentences.attention(batch)} if batch.attention else None


def forecast(found: Forecast | None) -> dict[str, Any] | None:
    """Return when the rejections will be confirmed; None if none are being sent."""
    if found is None:
        return None
    spare = round(found.spare.total_seconds())
    return {"ends_at": found.ends_at, "in_time": found.in_time, "spare_seconds": spare, "silent": found.silent}


def first_acceptance(batch: Batch) -> dict[str, Any] | None:
    """Return who accepted first and when, while the batch waits for a second person; None otherwise."""
    if batch.status != Status.IN_REVIEW or not rules.is_first_accepted(batch):
        return None
    return {"user": first_name(batch), "at": batch.first_accepted_at, "undecided": batch.first_undecided}


def hold(found: Hold | None) -> dict[str, Any] | None:
    """Return who put the batch on hold; None if it is not on hold."""
    if found is None:
        return None
    return {"by": found.user.get_username(), "at": found.at, "note": found.note, "declared": found.declared}


def change(running: BulkChange | None, batch: Batch) -> dict[str, Any] | None:
    """Return the running change of many decisions; None if there is none."""
    if running is None:
        return None
    return {
        "by": running.user.get_username(),
        "at": running.begun_at,
        "note": running.note,
        "verdict": DecisionVerdict(running.verdict).name.lower(),
        "contacts": running.expected,
        "changed": running.changed,
        "share": round(min(1.0, running.next_row / batch.total), 3) if batch.total else 1.0,
    }


def held_for(batch: Batch) -> list[dict[str, str]]:
    """Return why the batch is held for review, as codes and sentences."""
    found = zip(batch.held_for, batch_sentences.holds(batch), strict=True)
    return [{"code": code, "sentence": sentence} for code, sentence in found]


def reasons(batch: Batch) -> list[dict[str, Any]]:
    """Return reasons of decisions with contact counts, most frequent first, without acceptances that have no reason."""
    return [
        {
            "verdict": DecisionVerdict(verdict).name.lower(),
            "code": code,
            "text": show_text(text),
            "action": action,
            "contacts": contacts,
        }
        for verdict, code, text, action, contacts in batch.reasons
    ]


def failures(batch: Batch) -> list[dict[str, Any]]:
    """Return the actions that could not judge some contacts, and the result for these contacts."""
    return [each | {"sentence": show_text(each["sentence"])} for each in batch.failures]


def event_data(event: Event) -> dict[str, Any]:
    """Return the data of an event; a text in it is a sentence."""
    data: dict[str, Any] = event.data or {}
    return data | {"text": show_text(data["text"])} if data.get("text") else data


def plan(batch: Batch) -> dict[str, Any]:
    """Return the frozen plan; configuration and details are objects parsed from their canonical text."""
    content: Mapping[str, Any] = batch.plan.content
    return {
        "actions": [
            each | {"config": _read(each["config"]), "details": _read(each["details"])} for each in content["actions"]
        ],
        "unknown": [each | {"details": _read(each["details"])} for each in content["unknown"]],
    }


def _read(text: str) -> Any:
    try:
        return harmless(json.loads(text))
    except RecursionError:
        return "(nested too deeply)"


def harmless(value: Any) -> Any:
    """Return a JSON value without its URLs: a reader could call them, or find a key in them."""
    if isinstance(value, str):
        return _ADDRESS.sub("…", value)
    if isinstance(value, list):
        return [harmless(each) for each in value]
    if isinstance(value, dict):
        return {_ADDRESS.sub("…", key): harmless(each) for key, each in value.items()}
    return value
