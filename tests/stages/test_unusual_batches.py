"""A batch that is unlike those before it waits for a person, with the comparison in a sentence."""

from typing import Any

import pytest
from django.utils import timezone, translation

from actions.models import Sendout
from sendouts.lifecycle import record
from sendouts.models import Batch, EventWord, Status
from sendouts.outlook import anomalies, history
from sendouts.stages import review
from sendouts.verbs import RunAgain
from sendouts.wording import batch_sentences
from tests.factories import batch, sendout
from tests.gate import Gate, carry_out, reviewer
from tests.stages.rows import now_of, take

pytestmark = pytest.mark.django_db
SHARES = (0.041, 0.05, 0.055, 0.06, 0.045, 0.05, 0.052, 0.048)


def before(where: Sendout, *, total: int = 1_000, shares: tuple[float, ...] = SHARES, **columns: Any) -> list[Batch]:
    """Batches that ended, the oldest first."""
    made = []
    for share in shares:
        rejected = round(total * share)
        values: dict[str, Any] = {"status": Status.EXPIRED, "decisions": False, "ended_at": timezone.now(), **columns}
        made.append(batch(sendout=where, accepted=total - rejected, rejected=rejected, **values))
    return made


def settled(made: Batch) -> Batch:
    """What review makes of a screened batch."""
    claim, made = take(made)
    review.settle(claim, [made], timezone.now())
    claim.release()
    return now_of(made)


def fresh(where: Sendout, rejected: int, total: int = 1_000, **columns: Any) -> Batch:
    values: dict[str, Any] = {"review": "unusual", "decisions": False, "sendout": where, **columns}
    return batch(Status.SCREENED, accepted=total - rejected, rejected=rejected, **values)


def test_a_share_far_from_the_projects_own_is_held_with_the_comparison() -> None:
    before(sendout(name="Day 1"), shares=SHARES[:4])
    before(sendout(name="Day 2"), shares=SHARES[4:])
    found = settled(fresh(sendout(name="Day 3"), rejected=214))
    assert (found.status, found.held_for) == (Status.IN_REVIEW, ["unusual_share"])
    with translation.override("en"):
        assert batch_sentences.holds(found) == [
            "21.4% do not get it; the last 8 batches of this project had 4.1% to 6%."
        ]
    with translation.override("fr"):
        (sentence,) = batch_sentences.holds(found)
        assert "21,4\u202f%" in sentence and "4,1\u202f% à 6\u202f%" in sentence


@pytest.mark.parametrize(
    "columns",
    [
        {"rejected": 58},
        {"rejected": 214, "review": "never"},
        {"rejected": 900, "source": "single"},
        {"rejected": 214, "project": "Shop"},
    ],
)
def test_what_is_usual_not_compared_or_not_reviewed_goes_on(columns: dict[str, Any]) -> None:
    before(sendout())
    where = sendout(project=columns.pop("project", "Newsletter"))
    assert settled(fresh(where, **columns)).status == Status.ACCEPTED


def test_singles_are_never_compared(django_assert_num_queries: Any) -> None:
    before(sendout())
    found = fresh(sendout(), rejected=900, source="single")
    with django_assert_num_queries(0):
        assert history.earlier([found]) == {}


def test_a_set_of_batches_asks_once(django_assert_num_queries: Any) -> None:
    made = []
    for name in ("Newsletter", "Shop", "Club"):
        where = sendout(project=name)
        before(where)
        made.append(fresh(where, rejected=50))
    with django_assert_num_queries(1):
        found = history.earlier(made)
    assert [len(each.project) for each in found.values()] == [8, 8, 8]


def test_a_size_far_from_the_sendouts_usual_is_held() -> None:
    before(sendout(name="Large"), total=100_000)
    before(sendout(name="Small"), total=1_000)
    assert settled(fresh(sendout(name="Large"), rejected=5_000, total=100_000)).status == Status.ACCEPTED
    found = settled(fresh(sendout(name="Small"), rejected=5_000, total=100_000))
    assert found.held_for == ["unusual_size"]
    with translation.override("en"):
        assert batch_sentences.holds(found) == [
            "It has 100,000 contacts; the last 8 batches of this sendout had 1,000."
        ]


def test_a_check_that_suddenly_rejects_nobody_is_held() -> None:
    before(sendout())
    found = settled(fresh(sendout(), rejected=0))
    assert found.held_for == ["check_nobody"]
    with translation.override("en"):
        (sentence,) = batch_sentences.holds(found)
    assert sentence == "The check “consent-check” rejected nobody; in the last 8 batches it rejected 4.1% to 6%."


@pytest.mark.parametrize(
    "columns",
    [
        {"status": Status.ABANDONED},
        {"status": Status.EXPIRED, "outcome": "refused"},
        {"status": Status.EXPIRED, "file_complete": False},
        {"status": Status.EXPIRED, "source": "single"},
        {"status": Status.IN_REVIEW, "ended_at": None},
        {"status": Status.EXPIRED, "held_for": ["unusual_share"]},
    ],
)
def test_what_did_not_go_its_way_is_no_history(columns: dict[str, Any]) -> None:
    before(sendout(), **columns)
    made = fresh(sendout(), rejected=214)
    assert history.earlier([made])[made.pk] == history.Earlier([], [])


def test_an_unusual_batch_that_a_person_accepted_is_history() -> None:
    made = before(sendout(), held_for=["unusual_share"])
    one = fresh(sendout(), rejected=214)
    record([made[0].pk], EventWord.MOVED, now=timezone.now(), new=Status.ACCEPTED)
    assert len(history.earlier([one])[one.pk].project) == 0
    record([made[1].pk], EventWord.MOVED, now=timezone.now(), new=Status.ACCEPTED, user=reviewer())
    assert len(history.earlier([one])[one.pk].project) == 1


def test_what_people_decided_is_no_work_of_a_check() -> None:
    reasons = [
        [2, "rule", "No consent", "consent-check", 7],
        [2, "person", "too many", "", 30],
        [0, "x", "", "adults", 3],
    ]
    plan = {"actions": [{"identifier": name, "phase": "check"} for name in ("consent-check", "adults")]}
    assert history.screened(100, plan, reasons) == anomalies.ScreenedCounts(100, {"consent-check": 7, "adults": 0})


def test_the_history_is_bounded_however_many_batches_there_are() -> None:
    before(sendout(), shares=SHARES * 8)
    made = fresh(sendout(), rejected=50)
    assert len(history.earlier([made])[made.pk].project) == history.LOOKED_AT


def test_run_again_judges_anew(gate: Gate) -> None:
    project = gate.project(review="unusual")
    gate.fire(contacts=600, no_consent=0.5)
    gate.plan()
    where = Sendout.objects.get(project=project)
    old = before(where, total=600)
    gate.work()
    held = Batch.objects.get(source="batch", status=Status.IN_REVIEW)
    assert held.held_for == ["unusual_share"] and held.anomalies[0]["batches"] == 8
    carry_out(RunAgain(), held, reviewer(), note="")
    assert Batch.objects.get(pk=held.pk).anomalies == []
    Batch.objects.filter(pk__in=[each.pk for each in old]).update(status=Status.ABANDONED)
    gate.work()
    assert Batch.objects.get(pk=held.pk).status == Status.FINISHED
