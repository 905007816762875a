"""Held singles of a sendout are accepted or rejected together: each by itself, as it was seen, and not more than so many."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone

from actions.access_models import Reach
from actions.models import Project
from sendouts.models import Batch, Event, Status
from sendouts.outlook import forecast
from sendouts.verbs import Accept, single_sets
from sendouts.verbs.base import Act
from tests.factories import batch, client_of, plain_english, sendout, text_of, user_in

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    plain_english(settings)


@pytest.fixture
def reviewer() -> Client:
    return client_of("Reviewer")


def single(**more: Any) -> Batch:
    return batch(**({"accepted": 1, "source": "single"} | more))


def url(verb: str = "") -> str:
    return f"/admin/desk/singles/{sendout().pk}/" + (f"{verb}/" if verb else "")


def asked(client: Client, verb: str) -> dict[str, Any]:
    """What the confirm page would send, as its form has it."""
    form = client.get(url(verb)).context["form"]
    return {"seen": form["seen"].value(), "note": ""}


def statuses(*batches: Batch) -> list[str]:
    return [Batch.objects.get(pk=each.pk).status for each in batches]


def said(client: Client) -> str:
    return text_of(client.get("/admin/"))


def test_the_page_says_in_numbers_what_follows(reviewer: Client) -> None:
    for place in range(3):
        single(left=(20 + place) * MINUTE)
    single(accepted=0, rejected=1)
    accept, refuse = text_of(reviewer.get(url("accept"))), text_of(reviewer.get(url("refuse")))
    for piece in (
        "Accept 4 singles of “Day 1”?",
        "3 contacts get the message.",
        "1 does not get it",
        "Send to 3",
        "must be answered before",
    ):
        assert piece in accept, piece
    for piece in ("Reject 4 singles of “Day 1”?", "4 contacts are rejected at Symplify", "Reject 4"):
        assert piece in refuse, piece


def test_a_set_is_to_be_answered_before_the_moment_that_home_counts_to(reviewer: Client) -> None:
    one = single(rejected=1, accepted=0, left=30 * MINUTE)
    before = forecast.answer_before(one, timezone.now())
    assert before < one.deadline
    said_time = timezone.localtime(before).strftime("%H:%M")
    assert f"must be answered before {said_time}" in text_of(reviewer.get(url("accept")))


def test_looking_decides_nothing(reviewer: Client) -> None:
    one = single()
    reviewer.get(url("accept"))
    reviewer.get(url("refuse"))
    assert statuses(one) == [Status.IN_REVIEW]


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


def test_what_changed_meanwhile_is_left_and_told(reviewer: Client) -> None:
    changed, gone, same = single(), single(), single()
    form = asked(reviewer, "accept")
    Batch.objects.filter(pk=changed.pk).update(revision=F("revision") + 1)
    Batch.objects.filter(pk=gone.pk).update(status=Status.REFUSED)
    answer = reviewer.post(url("accept"), form)
    assert statuses(changed, gone, same) == [Status.IN_REVIEW, Status.REFUSED, Status.ACCEPTED]
    assert answer["Location"] == url(), "who has something left sees what"
    text = said(reviewer)
    assert "1 single accepted." in text
    assert "2 were left as they are." in text
    assert "The numbers changed while you read" in text


def test_what_came_meanwhile_is_not_decided_with_them(reviewer: Client) -> None:
    seen = single()
    form = asked(reviewer, "refuse")
    later = single()
    reviewer.post(url("refuse"), form | {"note": "Wrong picture"})
    assert statuses(seen, later) == [Status.REFUSED, Status.IN_REVIEW]


def test_rejecting_a_set_needs_a_note_as_rejecting_one_of_them_does(reviewer: Client) -> None:
    made = single()
    answer = reviewer.post(url("refuse"), asked(reviewer, "refuse") | {"note": " "})
    assert "Say why in a note: it stays with each of these batches." in text_of(answer)
    assert statuses(made) == [Status.IN_REVIEW]


def test_at_most_so_many_are_decided_and_the_page_says_how_many_are_left(
    reviewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("sendouts.verbs.single_sets.AT_ONCE", "desk.singles.AT_ONCE"):
        monkeypatch.setattr(module, 2)
    late, soon, middle = single(left=50 * MINUTE), single(left=10 * MINUTE), single(left=20 * MINUTE)
    assert "At most 2 are decided at once: 1 more waits after these." in text_of(reviewer.get(url("accept")))
    reviewer.post(url("accept"), asked(reviewer, "accept"))
    assert statuses(late, soon, middle) == [Status.IN_REVIEW, Status.ACCEPTED, Status.ACCEPTED]


def test_a_form_that_was_forged_decides_no_more_at_once_either(
    reviewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sendouts.verbs.single_sets.AT_ONCE", 2)
    made = [single(left=(10 + place) * MINUTE) for place in range(3)]
    reviewer.post(url("refuse"), {"seen": ",".join(f"{each.pk}:{each.revision}" for each in made), "note": "Old"})
    assert statuses(*made) == [Status.REFUSED, Status.REFUSED, Status.IN_REVIEW]


def test_the_undecided_need_a_choice_which_is_the_persons_own(reviewer: Client) -> None:
    held = single(accepted=0, undecided=1, held_for=["undecided"])
    assert "What becomes of the undecided?" in text_of(reviewer.get(url("accept")))
    assert "What becomes of the undecided?" not in text_of(reviewer.get(url("refuse")))
    reviewer.post(url("accept"), asked(reviewer, "accept") | {"undecided": "accept"})
    found = Batch.objects.get(pk=held.pk)
    assert (found.status, found.accepted, found.rejected) == (Status.ACCEPTED, 1, 0)


def test_without_a_choice_the_undecided_are_rejected(reviewer: Client) -> None:
    held = single(accepted=0, undecided=1)
    reviewer.post(url("accept"), asked(reviewer, "accept"))
    found = Batch.objects.get(pk=held.pk)
    assert (found.accepted, found.rejected) == (0, 1)


def test_what_needs_a_look_of_its_own_is_not_among_them(reviewer: Client) -> None:
    troubled, unread, file = single(attention="hook_unclear"), single(accepted=0, unread=1), batch(accepted=1)
    assert reviewer.get(url("accept")).context["form"] is None
    forged = {"seen": ",".join(f"{each.pk}:{each.revision}" for each in (troubled, unread, file)), "note": ""}
    reviewer.post(url("accept"), forged)
    # The stage itself decides what may be accepted; what is no single is not touched at all.
    assert statuses(file) == [Status.IN_REVIEW]
    assert Event.objects.filter(batch=file, new=Status.ACCEPTED).count() == 0


def test_singles_of_another_sendout_are_not_touched_however_the_form_was_forged(reviewer: Client) -> None:
    single()
    other = single(sendout=sendout(name="Other"))
    reviewer.post(url("accept"), {"seen": f"{other.pk}:{other.revision}", "note": ""})
    assert statuses(other) == [Status.IN_REVIEW]


@pytest.mark.parametrize("seen", ["", "1", "1:1;2:2", "x:1", "1:1," * 5])
def test_an_incomplete_form_decides_nothing(reviewer: Client, seen: str) -> None:
    one = single()
    answer = reviewer.post(url("accept"), {"seen": seen, "note": "kept"})
    assert answer.status_code == 200
    assert "The page was incomplete." in text_of(answer)
    assert "kept" in text_of(answer)
    assert statuses(one) == [Status.IN_REVIEW]


def test_who_may_only_look_has_the_list_and_no_verb() -> None:
    one = single()
    viewer = client_of("Viewer")
    text = text_of(viewer.get(url()))
    assert f"batch {one.pk}" in text
    assert "Accept all" not in text
    assert viewer.get(url("accept")).status_code == 403
    assert viewer.post(url("accept"), {"seen": f"{one.pk}:{one.revision}"}).status_code == 403
    assert statuses(one) == [Status.IN_REVIEW]


def test_the_list_goes_on_behind_its_first_page(reviewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desk.home.figures.single_sets.PAGE", 2)
    made = [single(left=(10 + place) * MINUTE) for place in range(5)]
    seen: list[int] = []
    after = ""
    for _ in range(4):
        context = reviewer.get(url(), {"after": after} if after else {}).context
        seen += [line.number for line in context["lines"]]
        after = context["after"]
        if not after:
            break
    assert seen == [each.pk for each in made]
    assert len(reviewer.get(url(), {"after": "nonsense"}).context["lines"]) == 2


def test_the_page_says_that_nothing_goes_out_before_a_second_person_accepts(reviewer: Client) -> None:
    for _ in range(3):
        single()
    Project.objects.update(second_person_from=3)
    first = "Nothing goes out yet: when a second person has accepted, this holds:"
    assert first in text_of(reviewer.get(url("accept")))
    reviewer.post(url("accept"), asked(reviewer, "accept"))
    single()
    again = text_of(reviewer.get(url("accept")))
    assert first in again
    assert "You accepted 3 of them as first person already: they are left as they are." in again
    assert first not in text_of(client_of("Manager").get(url("refuse")))


@pytest.mark.parametrize(
    "after",
    ["2026-11-28,1", "2026-11-28T10:00:00,1", "0001-01-01T00:00:00+14:00,1", f"2026-11-28T10:00:00+00:00,{10**30}"],
)
def test_a_key_of_the_list_that_was_forged_is_no_error(reviewer: Client, after: str) -> None:
    single()
    assert reviewer.get(url(), {"after": after}).status_code == 200


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


def test_a_set_that_needs_two_people_goes_out_when_the_second_one_accepts(reviewer: Client) -> None:
    made = [single() for _ in range(3)]
    Project.objects.update(second_person_from=3)
    reviewer.post(url("accept"), asked(reviewer, "accept"))
    assert statuses(*made) == [Status.IN_REVIEW] * 3
    assert "You accepted 3 singles as first person" in said(reviewer)
    second = client_of("Manager")
    second.post(url("accept"), asked(second, "accept"))
    assert statuses(*made) == [Status.ACCEPTED] * 3
