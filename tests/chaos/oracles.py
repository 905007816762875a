"""Invariants at the end of a run, whatever was killed or taken away."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sendouts.intake.journal import depth
from simulator.client import Report, Simulator
from tests.acceptance.deployment import Deployment
from tests.chaos import effects, stored
from tests.chaos.losses import Losses
from tests.chaos.people import ask
from tests.chaos.schedule import EFFECTS, Order
from tests.chaos.stored import StoredBatch

# What a sendout's batches may have become, by its project and what the person was to say.
FINISHED, WAITING, EXPIRED = "finished", "waiting", "expired"
ENDS: Mapping[tuple[str, str], frozenset[str]] = {
    ("Newsletter", ""): frozenset({FINISHED}),
    (EFFECTS, ""): frozenset({FINISHED}),
    ("Held", "accept"): frozenset({FINISHED}),
    ("Held", "reject"): frozenset({FINISHED}),
    ("Held", ""): frozenset({WAITING}),
    ("Silent", ""): frozenset({EXPIRED}),
    # Rejected whole shortly before the deadline: what a kill keeps from being done in that time is left to it, as declared.
    ("Closing", ""): frozenset({FINISHED, EXPIRED}),
}
# The moves that may happen in a run, written down a second time: the auditor does not ask the audited what is legal.
MOVES = frozenset(
    f"{old} {new}"
    for old, following in {
        "": "planned expired",
        "planned": "screened expired",
        "screened": "in_review accepted expired",
        "in_review": "accepted refused expired",
        "accepted": "delivered expired",
        "refused": "delivered expired",
        "delivered": "finished expired",
        "expired": "finished",
    }.items()
    for new in following.split()
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a run. slowest: milliseconds of the slowest acknowledgement."""

    acknowledged: int
    refused: int
    slowest: float
    batches: int
    ends: Mapping[str, int]
    repeats: int
    violations: int
    wrong: tuple[str, ...]


def end_of(batch: StoredBatch) -> str:
    """How a batch stands: at one of its ends, waiting for a person, or under way (nothing)."""
    if batch.status in (FINISHED, EXPIRED, "abandoned"):
        return batch.status
    held = batch.status == "in_review" and (batch.held_for or batch.attention)
    return WAITING if held or (batch.attention and batch.due_at is None) else ""


def expected_ends(order: Order) -> frozenset[str]:
    if order.spec.get("raw_lines"):
        return frozenset({WAITING})
    return ENDS[order.spec["project"], order.answer]


def killed_too_often(batch: StoredBatch) -> bool:
    """Worker after worker died on it, as a run of kills may have it: it waits for a person instead of looping."""
    return batch.attention == "worker_died" and end_of(batch) == WAITING


def under_way(gateway: Deployment, orders: Mapping[str, Order]) -> list[str]:
    """What has not come to its end yet, in words."""
    by_name = {order.spec["sendout"]: order for order in orders.values()}
    found = [f"hook {key} is not planned" for key, (outcome, _) in stored.hooks(gateway).items() if not outcome]
    if waiting := depth(Path(gateway.environment["DATA_DIR"]) / "journal").hooks:
        found.append(f"{waiting} hooks wait in the journal")
    for batch in stored.batches(gateway):
        if end_of(batch) not in expected_ends(by_name[batch.sendout]) and not killed_too_often(batch):
            found.append(
                f"batch {batch.id} ({batch.sendout}) is {batch.status}, attention “{batch.attention}”, "
                f"{batch.confirmed} of {batch.rejected} rejections confirmed"
            )
    return found + effects.open_work(gateway)


def judge(gateway: Deployment, platform: Simulator, orders: Mapping[str, Order], losses: Losses) -> Verdict:
    """Look at everything from both sides: the platform's and the tables'."""
    found = stored.batches(gateway)
    reports = platform.sendouts()
    wrong = [
        *under_way(gateway, orders),
        *_lost_hooks(gateway, reports),
        *_sums(gateway, found),
        *_histories(gateway, found),
        *_sentences(gateway, found),
        *_ways(reports, found, orders),
        *_repeats(reports, found, losses),
        *effects.judge(gateway, platform, orders),
        *(f"violation {each['kind']} on {each['delivery']}: {each['detail']}" for each in platform.violations()[:5]),
    ]
    answered = [hook for report in reports for hook in report["hooks"]]
    return Verdict(
        acknowledged=sum(report["acknowledged"] for report in reports),
        refused=sum(report["refused"] for report in reports),
        slowest=max((hook["ms"] for hook in answered if hook["status"] == 202), default=0.0),
        batches=len(found),
        ends=Counter(end_of(batch) or "under way" for batch in found),
        repeats=sum(report["calls"]["reject_repeat"] + report["calls"]["finish_repeat"] for report in reports),
        violations=sum(report["violation_count"] for report in reports),
        wrong=tuple(wrong),
    )


def _lost_hooks(gateway: Deployment, reports: list[Report]) -> Iterator[str]:
    """Promise 1: whatever was acknowledged is in the table, and led to a batch."""
    known = stored.hooks(gateway)
    for report in reports:
        for hook in report["hooks"]:
            if hook["status"] != 202:
                continue
            key = UUID(json.loads(hook["body"])["id"])
            outcome, batch = known.get(key, ("", None))
            if outcome not in ("planned", "duplicate") or batch is None:
                yield f"hook {key} of {report['sendout']} was acknowledged and is {outcome or 'lost'}"


def _sums(gateway: Deployment, found: list[StoredBatch]) -> Iterator[str]:
    """Counts on the batch are those of its decisions."""
    decided = stored.decisions(gateway)
    for batch in found:
        if batch.status in ("planned", EXPIRED):
            continue
        counts = {name: getattr(batch, name) for name in ("undecided", "accepted", "rejected", "unread", "confirmed")}
        here = {name: decided[batch.id].get(name, 0) for name in counts}
        if counts != here or sum(counts.values()) - batch.confirmed != batch.total:
            yield f"batch {batch.id} counts {counts} of {batch.total}, its decisions say {here}"


def _histories(gateway: Deployment, found: list[StoredBatch]) -> Iterator[str]:
    """Promise 7: the moves are one unbroken, legal chain; each call of finishUri has its event."""
    told = stored.histories(gateway)
    for batch in found:
        moves = [(old, new) for word, old, new in told[batch.id] if word == "moved"]
        at = ""
        for old, new in moves:
            if old != at or f"{old} {new}" not in MOVES:
                yield f"batch {batch.id} moved from {old} to {new} while it was {at or 'new'}"
            at = new
        if at != batch.status:
            yield f"batch {batch.id} is {batch.status}, its events end with {at}"
        calls = sum(word in ("finish_sent", "finish_repeated") for word, _, _ in told[batch.id])
        if calls != batch.finish_attempts:
            yield f"batch {batch.id} intended {batch.finish_attempts} calls of finishUri, {calls} are told"


def _sentences(gateway: Deployment, found: list[StoredBatch]) -> Iterator[str]:
    """Who waits for a person waits with a sentence."""
    for batch in found:
        if end_of(batch) != WAITING:
            continue
        seen = ask(gateway, "GET", f"/api/batches/{batch.id}/").json()
        said = [seen["attention"]] if seen["attention"] else seen["held_for"]
        if not said or not all(each["sentence"].strip() for each in said):
            yield f"batch {batch.id} waits for a person without a sentence"


def _ways(reports: list[Report], found: list[StoredBatch], orders: Mapping[str, Order]) -> Iterator[str]:
    """Promises 2 and 3, seen from the platform: who left on which way, and nobody on a wrong one."""
    by_sendout: dict[str, list[StoredBatch]] = defaultdict(list)
    for batch in found:
        by_sendout[batch.sendout].append(batch)
    for report in reports:
        order = orders[report["id"]]
        mine = by_sendout[report["sendout"]]
        whole = order.answer == "reject" or order.spec["project"] == "Closing"
        if report["released_due"]:
            yield f"{report['sendout']}: {report['released_due']} contacts released whose rejection was due"
        if report["wrongly_rejected"] and not whole:
            yield f"{report['sendout']}: {report['wrongly_rejected']} contacts rejected who were not due"
        if len(mine) > report["deliveries"]:
            yield f"{report['sendout']}: {len(mine)} batches of {report['deliveries']} deliveries"
        if all(batch.status == FINISHED for batch in mine):
            sums = (sum(b.accepted for b in mine if b.outcome != "refused"), sum(b.confirmed for b in mine))
            if sums != (report["accepted"], report["rejected"]):
                yield f"{report['sendout']}: {sums} accepted and rejected here, {report['accepted']} and {report['rejected']} there"
        if len(mine) == report["deliveries"] and all(batch.outcome in ("released", "empty") for batch in mine):
            seen = {name: report[name] for name in ("accepted", "rejected")}
            if seen != report["expected"]:
                yield f"{report['sendout']}: {seen}, expected {report['expected']}"
        elif mine and all(batch.outcome == "refused" for batch in mine) and report["rejected"] != report["contacts"]:
            yield f"{report['sendout']}: rejected whole, {report['rejected']} of {report['contacts']} contacts are"


def _repeats(reports: list[Report], found: list[StoredBatch], losses: Losses) -> Iterator[str]:
    """Promise 4: no call is repeated but where its answer was lost, and each call of finishUri was intended."""
    intended = stored.totals(found)
    for report in reports:
        name, calls, lost = report["sendout"], report["calls"], report["lost"]
        told: list[tuple[str, Callable[[], int]]] = [
            ("reject", lambda: losses.rejections[name]),  # noqa: B023
            ("finish", lambda: losses.finishes[name]),  # noqa: B023
        ]
        for verb, excused in told:
            repeats, may = calls[f"{verb}_repeat"], lost[verb] + excused()
            if repeats > may:
                yield f"{name}: {repeats} repeats of {verb}, but only {may} answers were lost"
        if calls["finish"] > intended[name]["attempts"]:
            yield f"{name}: finishUri called {calls['finish']} times, intended {intended[name]['attempts']} times"
