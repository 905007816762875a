"""The parts of a batch's page: is it normal, where it stands, how long is left, what is done and what was confirmed."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from actions.catalog.shared.http import ServiceFailure
from desk.batch.parts.clock import saving_clock
from desk.batch.parts.figures import percent
from sendouts.lifecycle import record
from sendouts.models import Batch, Chunk, EffectRun, EventWord, Status, Tempo
from sendouts.outlook import progress
from tests.desk.batch.page_cases import read, said
from tests.factories import CONSENT, batch, plan, user_in

pytestmark = pytest.mark.django_db


def past(count: int = 8, rejected: int = 40) -> None:
    for ago in range(1, count + 1):
        now = timezone.now() - timedelta(days=ago)
        batch(
            Status.FINISHED,
            accepted=1000 - rejected - ago,
            rejected=rejected + ago,
            decisions=False,
            now=now,
            outcome="released",
            finish_sent_at=now,
            ended_at=now,
            confirmed=rejected + ago,
        )


def test_more_rejections_than_usual_are_told_with_the_reason_that_makes_the_difference(viewer: Client) -> None:
    past()
    made = batch(accepted=1800, rejected=200, decisions=False)
    page, compared = read(viewer, made), said(viewer, made, "compare")
    assert "More rejections than usual: 10%, against 4.1% to 4.8% in the last 8 batches." in compared
    assert "The difference is “No consent”: 200 now, about 89 usually." in compared
    rejected = page.figures[2]
    assert (rejected.hint, rejected.unusual, len(rejected.bars)) == ("10%, usually 4.5%", True, 9)
    assert max(rejected.bars) == rejected.bars[-1]
    (line,) = page.reasons.lines
    assert (line.usually, line.share, page.reasons.batches) == ("89", "10%", 8)
    assert line.tick is not None and 0 < line.tick < line.width


@pytest.mark.parametrize(
    ("before", "accepted", "rejected", "words"),
    [
        (8, 955, 45, "insights As usual: 4.5% do not get it, 4.1% to 4.8% in the last 8 batches."),
        (8, 999, 1, "trending_down Fewer rejections than usual: 0.1%, against 4.1% to 4.8% in the last 8 batches."),
        (8, 1910, 90, "groups Far more contacts than usual: 2,000, usually 1,000."),
        (8, 382, 18, "groups Far fewer contacts than usual: 400, usually 1,000."),
        (2, 955, 45, "insights No comparison yet: this sendout has had fewer than 3 batches before."),
    ],
)
def test_a_batch_is_compared_with_the_ones_before(
    viewer: Client, before: int, accepted: int, rejected: int, words: str
) -> None:
    past(before)
    assert words in said(viewer, batch(accepted=accepted, rejected=rejected, decisions=False), "compare")


def test_two_batches_before_give_no_number(viewer: Client) -> None:
    past(2)
    page = read(viewer, batch(accepted=955, rejected=45, decisions=False))
    assert [figure.hint for figure in page.figures] == ["", "95.5%", "4.5%"]
    assert page.figures[2].bars == () and page.reasons.batches == 0 and not page.figures[2].unusual
    assert [(line.tick, line.usually) for line in page.reasons.lines] == [(None, "")]


def test_reasons_with_one_code_and_action_stand_together(viewer: Client) -> None:
    rows = [
        [2, "person", "Asked", "", 2],
        [2, "person", "VIP", "", 3],
        [2, "failed", ServiceFailure.ANSWERED(host="a.example.com", code=503), "live", 8],
        [2, "failed", ServiceFailure.ANSWERED(host="a.example.com", code=500), "live", 4],
        [1, "person", "Ours", "", 1],
    ]
    page = read(viewer, batch(accepted=1, rejected=17, decisions=False, reasons=rows))
    assert [(line.text, line.count, line.verdict) for line in page.reasons.lines] == [
        ("a.example.com answered 503, and similar", 12, ""),
        ("Decided by a person", 5, ""),
        ("Ours", 1, "get it"),
    ]


@pytest.mark.parametrize(
    ("share", "places", "shown"),
    [
        (6.83, 1, "6.8%"),
        (50.0, 1, "50%"),
        (0.004, 2, "<0.01%"),
        (0.0, 1, "0%"),
        (99.99, 1, "99.9%"),
        (99.9, 0, "99%"),
        (0.3, 0, "<1%"),
        (100.0, 0, "100%"),
        (60.4, 0, "60%"),
    ],
)
def test_a_share_is_never_nobody_and_never_everybody_unless_it_is(share: float, places: int, shown: str) -> None:
    assert percent(share, places) == shown


def test_the_headline_names_the_reason_that_stands_for_nearly_all(viewer: Client) -> None:
    reasons = [[2, "rule", "No consent", "consent-check", 480], [2, "rule", "Pressure", "cap", 20]]
    made = batch(accepted=500, rejected=500, decisions=False, reasons=reasons)
    assert said(viewer, made, "head").endswith("500 do not get it, nearly all for one reason: “No consent”.")
    made = batch(accepted=500, rejected=480, decisions=False, reasons=reasons[:1])
    assert said(viewer, made, "head").endswith("480 do not get it, all for one reason: “No consent”.")
    reasons[1][4] = 220
    made = batch(accepted=500, rejected=700, decisions=False, reasons=reasons)
    assert said(viewer, made, "head").endswith("700 do not get it.")


# --- how long is left


def test_the_clock_counts_to_the_last_moment_to_decide(viewer: Client) -> None:
    Tempo.objects.create(pk=1, rate=10, measured_at=timezone.now())
    made = batch(accepted=1000, rejected=3000, decisions=False)
    clock = read(viewer, made).clock
    # Three thousand at ten a second are five minutes, and two more are kept.
    assert re.fullmatch(r"Left to decide, until .*\d\d:\d\d \w+", clock.caption)
    until = timezone.datetime.fromisoformat(clock.until)
    assert timedelta(minutes=7) <= made.deadline - until < timedelta(minutes=8)
    assert clock.late == pytest.approx(100 * (made.deadline - until) / timedelta(hours=1), abs=0.2)
    last = read(viewer, batch(accepted=10, left=timedelta(minutes=6), decisions=False)).clock
    assert (last.tone, last.spare) == ("late", "last minutes")
    # Whoever can decide no more sees the deadline itself.
    past_it = read(viewer, batch(accepted=10, left=timedelta(minutes=1), decisions=False)).clock
    assert past_it.caption.startswith("Left, until") and past_it.tone == "late"


def test_the_clock_of_a_failed_file_leaves_time_for_its_checks_and_for_a_decision(viewer: Client) -> None:
    now = timezone.now()
    made = batch(accepted=3_000, decisions=False, attention="no_proven_end", file_complete=False, now=now)
    counts = {"accepted": 750, "rejected": 0, "undecided": 0, "unread": 0}
    for number in range(4):
        stored_at = now - timedelta(minutes=9) + number * timedelta(minutes=1)
        Chunk.objects.create(batch=made, number=number, rows=750, digest=b"", stored_at=stored_at, **counts)
    # A thousand contacts took 80 s, so 6,000 take eight minutes. Ten are kept to decide, and two to answer.
    checking = progress.checking_time(made, 6_000)
    assert checking == timedelta(minutes=8)
    shown = saving_clock(made, now, progress.save_before(made, checking, now))
    left = made.deadline - timezone.datetime.fromisoformat(shown.until)
    assert timedelta(minutes=20) <= left < timedelta(minutes=21) and shown.caption.startswith("Left to save it")
    late = saving_clock(made, now, progress.save_before(made, timedelta(hours=1), now))
    assert late.until == made.deadline.isoformat() and late.spare == "hardly time to check and to decide"


# --- where it stands


def moved(made: Batch, *moves: tuple[str, str, int], user: Any = None) -> None:
    """Replace the events by these moves: (old, new, seconds after the hook)."""
    for old, new, seconds in moves:
        at = made.received_at + timedelta(seconds=seconds)
        record([made.pk], EventWord.MOVED, now=at, old=old, new=new, user=user if new == "accepted" else None)


def stages_of(client: Client, made: Batch) -> list[tuple[str, str]]:
    return [(stage.name, stage.state) for stage in read(client, made).stages]


@pytest.mark.parametrize("stopped", [False, True])
def test_a_batch_that_is_held_or_stopped_is_at_the_review_stage(viewer: Client, stopped: bool) -> None:
    made = batch(accepted=10, rejected=2, confirmed=int(stopped), final=int(stopped), decisions=False)
    moved(made, ("planned", "screened", 60), ("screened", "in_review", 61))
    if stopped:
        moved(made, ("in_review", "accepted", 100), ("accepted", "in_review", 110))
    assert stages_of(viewer, made) == [
        ("Received", "done"),
        ("Screened", "done"),
        ("Waiting for review", "now"),
        ("Rejections confirmed", "todo"),
        ("Released", "todo"),
    ]


def test_the_stages_of_a_released_batch_say_when_who_and_how_long(viewer: Client) -> None:
    now = timezone.now()
    made = batch(
        Status.FINISHED,
        accepted=10,
        rejected=2,
        confirmed=2,
        outcome="released",
        finish_sent_at=now,
        decisions=False,
        ended_at=now,
        decided_at=now,
    )
    moved(
        made,
        ("planned", "screened", 60),
        ("screened", "in_review", 61),
        ("in_review", "accepted", 361),
        ("accepted", "delivered", 401),
        user=user_in("Reviewer"),
    )
    page = read(viewer, made)
    assert [stage.state for stage in page.stages] == ["done"] * 5
    _received, screened, accepted, sent, _released = page.stages
    assert "took 60 s" in screened.when
    assert ("after 5 min" in accepted.when, accepted.who) == (True, "reviewer.lyon")
    assert "took 40 s" in sent.when
    assert ("Waiting for people", "5 min 00 s") in page.lengths.lines
    assert page.lengths.sentence == "17% of the time was waiting for a decision."


def test_what_is_written_and_told_has_stages_of_its_own(viewer: Client) -> None:
    now = timezone.now()
    made = batch(
        Status.ACCEPTED,
        accepted=10,
        rejected=2,
        confirmed=2,
        decided_at=now,
        due_at=now,
        decisions=False,
        plan=plan(CONSENT, CONSENT, CONSENT),
    )
    runs = {"kind": "promo_code", "on_failure": "hold", "batch": made}
    EffectRun.objects.create(step=1, identifier="codes", phase="enrich", total=10, done=4, **runs)
    EffectRun.objects.create(step=2, identifier="crm", phase="transfer", total=2, **runs)
    moved(made, ("planned", "screened", 60), ("screened", "accepted", 61))
    page = read(viewer, made)
    assert [(stage.name, stage.state) for stage in page.stages][3:] == [
        ("Rejections confirmed", "done"),
        ("Written to contacts", "work"),
        ("Released", "todo"),
        ("Told to 1 system", "todo"),
    ]
    assert [(each.value, each.text) for each in page.progress] == [
        ("2", "of 2 rejections confirmed by Symplify"),
        ("4", "of 10 contacts written by codes"),
    ]


@pytest.mark.parametrize(
    ("status", "columns", "last"),
    [
        (Status.EXPIRED, {}, "Deadline passed"),
        (Status.ABANDONED, {}, "Given up"),
        (
            Status.FINISHED,
            {"outcome": "refused", "accepted": 0, "rejected": 12, "confirmed": 12},
            "Closed, nobody gets it",
        ),
        (Status.FINISHED, {"outcome": "empty", "accepted": 0, "rejected": 12, "confirmed": 12}, "Closed, nobody left"),
    ],
)
def test_other_ends_are_named(viewer: Client, status: Status, columns: dict[str, Any], last: str) -> None:
    now = timezone.now()
    more = {"finish_sent_at": now, "finish_status": 200} if status == Status.FINISHED else {}
    made = batch(status, **{"accepted": 10, "rejected": 2, "decisions": False, "ended_at": now, **columns, **more})
    assert read(viewer, made).stages[-1].name == last


# --- what is done


def screening(share: float = 0.5, seconds: int = 20) -> Batch:
    made = batch(Status.PLANNED, decisions=False, left=timedelta(minutes=30))
    now = timezone.now()
    Batch.objects.filter(pk=made.pk).update(total=20_000, read_share=share)
    counts = {"rows": 1_000, "accepted": 1_000, "rejected": 0, "undecided": 0, "unread": 0, "digest": b""}
    for number in range(20):
        at = now - timedelta(seconds=seconds * (19 - number) / 19)
        Chunk.objects.create(batch=made, number=number, stored_at=at, **counts)
    return made


def test_a_file_that_is_screened_says_how_far_how_fast_and_until_when(viewer: Client) -> None:
    made = screening()
    page = read(viewer, made)
    (progress,) = page.progress
    assert (progress.value, progress.text, progress.percent) == ("20,000", "of about 40,000 contacts checked", "50%")
    facts = dict(progress.facts)
    # 19 chunks of a thousand in twenty seconds.
    assert facts["Pace"] == "950 a second"
    assert re.search(r"\d\d:\d\d:\d\d", facts["Ready"]) and facts["To spare"] == "29 min"
    head = said(viewer, made, "head")
    assert re.search(r"is being checked: 20,000 of about 40,000, ready .*, 29 min to spare\.", head)
    assert page.clock.caption == "Forecast"
    # Where it stands still, or its length is unknown, there is no forecast.
    Chunk.objects.update(stored_at=timezone.now() - timedelta(minutes=2))
    assert dict(read(viewer, made).progress[0].facts)["Ready"] == "no forecast yet"
    page = read(viewer, screening(share=0.0))
    (progress,) = page.progress
    assert (progress.share, progress.text) == (None, "contacts checked so far")
    assert page.clock.caption.startswith("Left, until")


def test_rejections_that_are_being_sent_say_how_many_are_left_and_what_is_repeated(viewer: Client) -> None:
    now = timezone.now()
    Tempo.objects.create(pk=1, rate=10, measured_at=now)
    made = batch(
        Status.ACCEPTED,
        accepted=10,
        rejected=200,
        confirmed=50,
        repeated=3,
        attempts=1,
        decided_at=now,
        decisions=False,
        due_at=now + timedelta(seconds=20),
    )
    (progress,) = read(viewer, made).progress
    facts = dict(progress.facts)
    assert (progress.value, progress.percent) == ("50", "25%")
    assert (facts["Pace"], facts["Still to send"], facts["Tried again"]) == ("10 a second", "150", "3")
    assert progress.trouble.startswith("What was not confirmed is sent again at")


def test_what_was_decided_stands_beside_what_was_confirmed(viewer: Client) -> None:
    now = timezone.now()
    same = {"outcome": "released", "finish_sent_at": now, "ended_at": now, "finish_status": 200, "decisions": False}
    whole = read(viewer, batch(Status.FINISHED, accepted=90, rejected=10, confirmed=10, **same)).reconciled
    assert [(line.name, line.decided, line.done, line.difference) for line in whole.lines] == [
        ("Sent", "90", "not reported", "–"),
        ("Rejected", "10", "10", "0"),
        ("Timed out", "0", "0", "0"),
        ("Held", "100", "", ""),
    ]
    assert (whole.sentence, whole.agrees) == ("Every rejection and the release are confirmed", True)
    taken = batch(Status.FINISHED, accepted=90, rejected=10, confirmed=7, taken_on=3, **same)
    gap = read(viewer, taken).reconciled
    assert (gap.lines[1].difference, gap.sentence, gap.agrees) == ("3", "3 rejections without confirmation", False)
    late = read(viewer, batch(Status.EXPIRED, accepted=90, rejected=10, confirmed=4, ended_at=now, decisions=False))
    lines = {line.name: (line.decided, line.done) for line in late.reconciled.lines}
    assert (lines["Timed out"], lines["Sent"]) == (("96", "not reported"), ("0", "0"))
