"""Changing many decisions from the page of a batch: ticked rows, all with a reason, all undecided, and cancelling it."""

from typing import Any

import pytest
from django.test import Client

from desk.verbs import views
from sendouts.models import BulkChange, Decision, DecisionVerdict
from sendouts.verbs import change_many
from tests.desk.verbs.verb_cases import give, offered, with_effect
from tests.factories import batch, client_of, page_url, text_of, verb_url
from tests.lanes import work_on

pytestmark = pytest.mark.django_db
CONSENT = "verdict=rejected&reason=rule%3Aconsent-check"


def held(**values: Any) -> Any:
    return batch(**({"accepted": 3, "rejected": 4, "undecided": 2, "held_for": ["undecided"]} | values))


def many(made: Any, to: str, query: str) -> str:
    return f"{verb_url(made, 'many', to)}?{query}"


def post(client: Client, made: Any, to: str, query: str, **given: Any) -> Any:
    made.refresh_from_db()
    return client.post(many(made, to, query), {"revision": made.revision, "note": "They agreed.", **given})


def test_the_page_offers_ticks_and_what_all_of_a_tab_or_reason_can_become(reviewer: Client) -> None:
    made = held()
    page = reviewer.get(page_url(made, "?tab=rejected")).context["page"]
    assert ([each.none for each in page.ticked], page.alike) == (["Put back the ticked ones…"], [])
    page = reviewer.get(page_url(made, "?tab=rejected&reason=rule:consent-check")).context["page"]
    assert [verb.button for verb in page.alike] == ["Put back all 4 “No consent”…"]
    response = reviewer.get(page_url(made, "?tab=undecided"))
    page = response.context["page"]
    assert [each.none for each in page.ticked] == ["Put back the ticked ones…", "Reject the ticked ones…"]
    assert [verb.button for verb in page.alike] == ["Put back all undecided…", "Reject all undecided…"]
    assert text_of(response).count('name="row"') == 2
    for client, where in ((client_of("Viewer"), made), (reviewer, held(status="accepted", undecided=0))):
        page = client.get(page_url(where, "?tab=rejected&reason=rule:consent-check")).context["page"]
        assert (page.ticked, page.alike) == ([], [])


def test_ticked_rows_are_counted_on_the_page_that_confirms_and_changed(reviewer: Client) -> None:
    made = held()
    text = text_of(reviewer.get(many(made, "accept", "row=0&row=2&row=7")))
    assert "Put 2 contacts back?" in text, "row 7 gets it already"
    assert "<dt>5</dt><dd>get it if the batch is accepted, 2 more than now</dd>" in text
    assert "<dt>2</dt><dd>do not get it</dd>" in text
    response = post(reviewer, made, "accept", "row=0&row=2&row=7")
    assert response.status_code == 302
    assert "2 contacts are put back." in text_of(reviewer.get(response["Location"]))
    accepted = Decision.objects.filter(pk__gte=made.first_decision, verdict=DecisionVerdict.ACCEPTED)
    assert {each.row for each in accepted} == {0, 2, 6, 7, 8}


def test_without_a_tick_there_is_nothing_to_confirm(reviewer: Client) -> None:
    made = held()
    for query in ("", "row=", "row=x", "row=99999999999999999999"):
        text = text_of(reviewer.get(many(made, "accept", query)))
        assert "Tick at least one contact first." in text and "textarea" not in text


@pytest.mark.parametrize(
    ("to", "query", "question", "numbers"),
    [
        ("accept", CONSENT, "Put back all 4 with the reason “No consent”?", (7, 0, 2)),
        ("reject", "verdict=undecided", "Reject 2 undecided contacts?", (3, 6, 0)),
        ("accept", "verdict=undecided", "Put 2 undecided contacts back?", (5, 4, 0)),
        ("reject", "verdict=undecided&reason=missing%3Aconsent-check", "Reject all 2 with the reason", (3, 6, 0)),
    ],
)
def test_all_that_are_alike_are_changed(
    reviewer: Client, to: str, query: str, question: str, numbers: tuple[int, int, int]
) -> None:
    made = held()
    text = text_of(reviewer.get(many(made, to, query)))
    assert question in text and "It takes a moment." not in text
    if query == CONSENT:
        assert "<dt>7</dt><dd>get it if the batch is accepted, 4 more than now</dd>" in text
    assert post(reviewer, made, to, query).status_code == 302
    made.refresh_from_db()
    assert (made.accepted, made.rejected, made.undecided) == numbers


@pytest.mark.parametrize("query", ["verdict=maybe", "verdict=accepted"])
def test_what_there_is_not_cannot_be_changed(reviewer: Client, query: str) -> None:
    made = held()
    assert reviewer.get(many(made, "accept", query)).status_code == 404
    assert post(reviewer, made, "accept", query).status_code == 404
    assert reviewer.get(f"{page_url(made).replace('/change/', '/many/maybe/')}?row=1").status_code == 404


def test_a_reason_that_is_gone_is_answered_with_a_sentence(reviewer: Client) -> None:
    made = held()
    response = post(reviewer, made, "accept", "verdict=rejected&reason=rule%3Aother")
    assert response.status_code == 409
    assert "no contact is like that any more" in text_of(response)


def test_what_was_never_prepared_is_said_of_those_put_back(reviewer: Client) -> None:
    made = with_effect(held(), "enrich")
    said = "“crm” prepared nothing for contacts that the checks rejected"
    for to, query, there in (("accept", CONSENT, True), ("accept", "row=0", True), ("reject", "row=8", False)):
        assert (said in text_of(reviewer.get(many(made, to, query)))) is there


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[int]]]:
    """Nothing is few; what is nudged."""
    nudged: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(change_many, "AT_ONCE", 0)
    monkeypatch.setattr(change_many, "PIECE", 2)
    monkeypatch.setattr(views, "nudge", lambda task, ids: nudged.append((task, ids)))
    return nudged


def test_many_take_their_time_which_the_page_shows_and_the_verbs_wait(
    reviewer: Client, slow: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    made = held()
    assert "It takes a moment." in text_of(reviewer.get(many(made, "accept", CONSENT)))
    with django_capture_on_commit_callbacks(execute=True):
        response = post(reviewer, made, "accept", CONSENT)
    bulk = BulkChange.objects.get()
    assert slow == [("changes", [bulk.pk])]
    text = text_of(reviewer.get(response["Location"]))
    assert "It has begun. The page shows how far it is" in text
    assert "of 4 contacts put back" in text and "Began to put 4 contacts back" in text
    assert offered(reviewer, made) == {"cancel-change", "hold"}
    page = reviewer.get(page_url(made)).context["page"]
    assert (page.every, page.ticked, page.alike) == (2, [], [])
    assert all(row.to == () for row in page.contacts.rows)
    response = give(reviewer, made, "accept", note="Go.")
    assert "reviewer.lyon is changing 4 decisions of this batch at the moment." in text_of(response)
    work_on("changes", [bulk.pk])
    assert "accept" in offered(reviewer, made)
    assert "4 contacts put back" in text_of(reviewer.get(page_url(made)))


def test_a_change_is_cancelled_with_what_is_done_in_numbers(reviewer: Client, slow: list[Any]) -> None:
    made = held()
    post(reviewer, made, "accept", CONSENT)
    BulkChange.objects.update(changed=2, next_row=2)
    text = text_of(reviewer.get(verb_url(made, "cancel-change")))
    assert "<dt>2</dt><dd>decisions are changed and stay so</dd>" in text
    assert "<dt>2</dt><dd>decisions stay as they are</dd>" in text
    response = give(reviewer, made, "cancel-change")
    assert response.status_code == 302
    assert BulkChange.objects.get().state == "cancelled"
    assert "Change stopped" in text_of(reviewer.get(page_url(made)))
    assert give(reviewer, made, "cancel-change").status_code == 409
