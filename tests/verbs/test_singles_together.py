"""Held singles of a sendout are accepted or rejected together: each by itself, as it was seen, and not more than so many."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone

from actions.access import Reach
from actions.models import Project
from sendouts.models import Batch, Event, Status
from sendouts.outlook import forecast
from sendouts.verbs import Accept, single_sets
from sendouts.verbs.base import Act
from tests.factories import batch, client_of, sendout, text_of, user_in

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def reviewer() -> Client:
    return client_of("Reviewer")


def single(**more: Any) -> Batch:
    return batch(**({"accepted": 1, "source": "single"} | more))


def url(verb: str = "") -> str:
    return f"/admin/desk/singles/{sendout().pk}/" + (f"{verb}/" if verb else "")


def seen(*made: Batch) -> dict[str, str]:
    """What a form sends, as it is or forged."""
    return {"seen": ",".join(f"{each.pk}:{each.revision}" for each in made), "note": "Why."}


def asked(client: Client, verb: str) -> dict[str, Any]:
    """What the confirm page would send, as its form has it."""
    form = client.get(url(verb)).context["form"]
    return {"seen": form["seen"].value(), "note": "Why."}


def statuses(*batches: Batch) -> list[str]:
    return [Batch.objects.get(pk=each.pk).status for each in batches]


def said(client: Client) -> str:
    return text_of(client.get("/admin/"))


def test_the_page_says_in_numbers_what_follows_and_decides_nothing(reviewer: Client) -> None:
    made = [single(left=(30 + place) * MINUTE) for place in range(3)]
    made.append(single(accepted=0, rejected=1))
    accept, refuse = text_of(reviewer.get(url("accept"))), text_of(reviewer.get(url("refuse")))
    # The moment to which the home page counts down, too.
    before = forecast.answer_before(made[-1], timezone.now())
    assert before < made[-1].deadline
    for piece in (
        "Accept 4 singles of “Day 1”?",
        "3 contacts get the message.",
        "1 does not get it",
        "Send to 3",
        f"must be answered before {timezone.localtime(before).strftime('%H:%M')}",
    ):
        assert piece in accept, piece
    for piece in ("Reject 4 singles of “Day 1”?", "4 contacts are rejected at Symplify", "Reject 4"):
        assert piece in refuse, piece
    assert statuses(*made) == [Status.IN_REVIEW] * 4


@pytest.mark.parametrize(
    ("verb", "status", "word"), [("accept", Status.ACCEPTED, "accepted"), ("refuse", Status.REFUSED, "rejected")]
)
def test_all_of_them_are_decided_with_the_note_in_the_history_of_each(
    reviewer: Client, verb: str, status: Status, word: str
) -> None:
    made = [single(), single(), single(accepted=0, rejected=1)]
    other = single(sendout=sendout(name="Other"))
    answer = reviewer.post(url(verb), asked(reviewer, verb) | {"note": "Checked the shop"})
    assert answer["Location"] == "/admin/"
    assert statuses(*made, other) == [status] * 3 + [Status.IN_REVIEW]
    events = Event.objects.filter(new=status, note="Checked the shop", user__username="reviewer.lyon")
    assert sorted(events.values_list("batch", flat=True)) == [each.pk for each in made]
    assert f"3 singles {word}." in said(reviewer)


def test_what_changed_meanwhile_is_left_and_told_and_what_came_is_not_decided(reviewer: Client) -> None:
    changed, gone, same = single(), single(), single()
    form = asked(reviewer, "accept")
    Batch.objects.filter(pk=changed.pk).update(revision=F("revision") + 1)
    Batch.objects.filter(pk=gone.pk).update(status=Status.REFUSED)
    came = single()
    answer = reviewer.post(url("accept"), form)
    waiting = Status.IN_REVIEW
    assert statuses(changed, gone, same, came) == [waiting, Status.REFUSED, Status.ACCEPTED, waiting]
    assert answer["Location"] == url(), "who has something left sees what"
    text = said(reviewer)
    for piece in ("1 single accepted.", "2 were left as they are.", "The numbers changed while you read"):
        assert piece in text


def test_rejecting_a_set_needs_a_note_as_rejecting_one_of_them_does(reviewer: Client) -> None:
    made = single()
    answer = reviewer.post(url("refuse"), asked(reviewer, "refuse") | {"note": " "})
    assert "Say why in a note: it stays with each of these batches." in text_of(answer)
    assert statuses(made) == [Status.IN_REVIEW]


def test_at_most_so_many_are_decided_most_urgent_first_whatever_the_form_says(
    reviewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("sendouts.verbs.single_sets.AT_ONCE", "desk.singles.AT_ONCE"):
        monkeypatch.setattr(module, 2)
    late, soon, middle = single(left=50 * MINUTE), single(left=10 * MINUTE), single(left=20 * MINUTE)
    assert "At most 2 are decided at once: 1 more waits after these." in text_of(reviewer.get(url("accept")))
    reviewer.post(url("accept"), asked(reviewer, "accept"))
    assert statuses(late, soon, middle) == [Status.IN_REVIEW, Status.ACCEPTED, Status.ACCEPTED]
    monkeypatch.setattr("desk.singles.AT_ONCE", 200)
    forged = [late, single(), single()]
    reviewer.post(url("refuse"), seen(*forged))
    assert statuses(*forged) == [Status.IN_REVIEW, Status.REFUSED, Status.REFUSED]


@pytest.mark.parametrize(("choice", "numbers"), [({}, (0, 1)), ({"undecided": "accept"}, (1, 0))])
def test_the_undecided_need_a_choice_which_is_the_persons_own(
    reviewer: Client, choice: dict[str, str], numbers: tuple[int, int]
) -> None:
    held = single(accepted=0, undecided=1, held_for=["undecided"])
    assert "What becomes of the undecided?" in text_of(reviewer.get(url("accept")))
    assert "What becomes of the undecided?" not in text_of(reviewer.get(url("refuse")))
    reviewer.post(url("accept"), asked(reviewer, "accept") | choice)
    found = Batch.objects.get(pk=held.pk)
    assert (found.status, found.accepted, found.rejected) == (Status.ACCEPTED, *numbers)


def test_what_is_not_among_them_is_not_touched_however_the_form_was_forged(reviewer: Client) -> None:
    # The stage itself decides what may be accepted; what is no single of this sendout is not touched at all.
    single(attention="hook_unclear")
    single(accepted=0, unread=1)
    file, other = batch(accepted=1), single(sendout=sendout(name="Other"))
    assert reviewer.get(url("accept")).context["form"] is None
    reviewer.post(url("accept"), seen(*Batch.objects.all()))
    assert statuses(file, other) == [Status.IN_REVIEW] * 2
    assert not Event.objects.filter(batch__in=[file, other], new=Status.ACCEPTED).exists()


def test_an_incomplete_form_decides_nothing_and_a_forged_page_is_no_error(reviewer: Client) -> None:
    one = single()
    for wrong in ("", "1", "1:1;2:2", "x:1", "1:1," * 5):
        text = text_of(reviewer.post(url("accept"), {"seen": wrong, "note": "kept"}))
        assert "The page was incomplete." in text and "kept" in text, wrong
    assert statuses(one) == [Status.IN_REVIEW]
    for after in (
        "nonsense",
        "2026-11-28,1",
        "2026-11-28T10:00:00,1",
        "0001-01-01T00:00:00+14:00,1",
        f"2026-11-28T10:00:00+00:00,{10**30}",
    ):
        assert len(reviewer.get(url(), {"after": after}).context["lines"]) == 1, after


def test_who_may_only_look_has_the_list_and_no_verb() -> None:
    one = single()
    viewer = client_of("Viewer")
    text = text_of(viewer.get(url()))
    assert f"batch {one.pk}" in text and "Accept all" not in text
    assert viewer.get(url("accept")).status_code == viewer.post(url("accept"), seen(one)).status_code == 403
    assert statuses(one) == [Status.IN_REVIEW]


def test_the_list_goes_on_behind_its_first_page(reviewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desk.home.figures.single_sets.PAGE", 2)
    made = [single(left=(10 + place) * MINUTE) for place in range(5)]
    listed: list[int] = []
    after = ""
    for _ in range(4):
        context = reviewer.get(url(), {"after": after} if after else {}).context
        listed += [line.batch.pk for line in context["lines"]]
        after = context["after"]
        if not after:
            break
    assert listed == [each.pk for each in made]


def test_a_set_that_needs_two_people_goes_out_when_the_second_one_accepts(reviewer: Client) -> None:
    made = [single() for _ in range(3)]
    Project.objects.update(second_person_from=3)
    first = "Nothing goes out yet: when a second person has accepted, this holds:"
    assert first in text_of(reviewer.get(url("accept")))
    reviewer.post(url("accept"), asked(reviewer, "accept"))
    assert statuses(*made) == [Status.IN_REVIEW] * 3
    assert "You accepted 3 singles as first person" in said(reviewer)
    single()
    again = text_of(reviewer.get(url("accept")))
    assert first in again
    assert "You accepted 3 of them as first person already: they are left as they are." in again
    second = client_of("Manager")
    assert first not in text_of(second.get(url("refuse")))
    second.post(url("accept"), asked(second, "accept"))
    assert statuses(*made) == [Status.ACCEPTED] * 3


def test_who_loses_the_project_between_two_of_a_set_is_told_so_and_changes_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, person = [single() for _ in range(3)], user_in("Reviewer")

    def take_away(verb: Accept, pk: int, act: Act) -> Batch:
        decided = run(verb, pk, act)
        Reach.objects.create(user=person)
        return decided

    run = Accept.run
    monkeypatch.setattr(Accept, "run", take_away)
    act = Act(person, None, "", timezone.now())
    result = single_sets.decide(Accept(), {each.pk: 1 for each in made}, act)
    assert (len(result.done), len(result.left)) == (1, 2)
    assert set(result.left.values()) == {"You do not see this batch any more. Nothing was changed."}
    assert statuses(*made) == [Status.ACCEPTED, Status.IN_REVIEW, Status.IN_REVIEW]
