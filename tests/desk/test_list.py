"""The list of batches shows what waits for a person, most urgent first, without looking at decisions."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from desk.batch.filters import COUNTED
from gateway import __version__
from sendouts.models import Status
from tests.factories import SECRET, batch, sendout, text_of

pytestmark = pytest.mark.django_db
LIST = reverse("admin:sendouts_batch_changelist")


def named(name: str, **values: Any) -> Any:
    return batch(sendout=sendout(name=name), **values)


def shown(client: Client, query: str = "") -> list[str]:
    """The names of the sendouts in the list, in its order."""
    response = client.get(LIST + query)
    assert response.status_code == 200
    return [row.sendout.name for row in response.context["cl"].result_list]


def test_the_list_starts_with_what_waits_most_urgent_first(viewer: Client) -> None:
    named("later", accepted=3, left=timedelta(minutes=50))
    named("in work", status=Status.ACCEPTED, accepted=3)
    named("stuck", status=Status.DELIVERED, accepted=3, attention="finish_unconfirmed", left=timedelta(minutes=20))
    named("first", accepted=3, left=timedelta(minutes=5))
    named("over", status=Status.EXPIRED, accepted=3, attention="unread_rows")
    assert shown(viewer) == ["first", "stuck", "later"]


def test_the_other_parts_are_a_click_away(viewer: Client) -> None:
    named("waits", accepted=3)
    named("in work", status=Status.ACCEPTED, accepted=3)
    named("over", status=Status.EXPIRED, accepted=3)
    assert shown(viewer, "?show=work") == ["in work"]
    assert shown(viewer, "?show=over") == ["over"]
    assert shown(viewer, "?show=all") == ["over", "in work", "waits"]
    assert shown(viewer, "?show=accepted") == ["in work"]
    assert shown(viewer, "?show=nonsense") == ["waits"]


def test_the_list_is_filtered_by_project_and_attention(viewer: Client) -> None:
    mine = batch(sendout=sendout("Shop", name="mine"), accepted=1)
    named("stuck", accepted=1, unread=1, attention="unread_rows")
    assert shown(viewer, f"?project__id__exact={mine.project_id}") == ["mine"]
    assert shown(viewer, "?attention__exact=unread_rows") == ["stuck"]
    assert shown(viewer, "?q=mine") == ["mine"]
    assert shown(viewer, f"?q={mine.pk}") == ["mine"]


def test_a_line_holds_counts_status_and_deadline(viewer: Client) -> None:
    batch(
        sendout=sendout("Shop", "Spring", "Offer"), accepted=1200, rejected=34, undecided=5, unread=6, decisions=False
    )
    text = text_of(viewer.get(LIST))
    for piece in ("Offer", "Shop · Spring", "1,245", "1,200", ">34<", ">5<", ">6<", "Waiting for review", "min left"):
        assert piece in text, piece


def test_nothing_is_counted_among_decisions_and_no_address_is_read_for_the_screen(viewer: Client) -> None:
    for _ in range(5):
        batch(accepted=2, rejected=2)
    with CaptureQueriesContext(connection) as queries:
        text = text_of(viewer.get(LIST))
    assert not any("sendouts_decision" in query["sql"] for query in queries)
    assert len(queries) < 20, "the number of queries must not grow with the list"
    assert SECRET not in text


def test_the_menu_says_how_many_wait(viewer: Client) -> None:
    assert badge(viewer) is None
    batch(accepted=1)
    batch(Status.ACCEPTED, accepted=1)
    batch(Status.ACCEPTED, rejected=1, attention="unconfirmed")
    assert badge(viewer) == "2"


def test_the_menu_counts_no_further_than_anybody_reads(viewer: Client) -> None:
    for _ in range(COUNTED + 1):
        batch(decisions=False)
    assert badge(viewer) == "99+"


def badge(client: Client) -> str | None:
    navigation = client.get(LIST).context["sidebar_navigation"]
    return next(item for item in navigation[0]["items"] if item["icon"] == "inbox").get("badge")


def test_an_empty_list_says_so_in_words(viewer: Client) -> None:
    assert "Nothing waits for a person." in text_of(viewer.get(LIST))
    assert "Nothing in work." in text_of(viewer.get(LIST + "?show=work"))
    assert "No batch is like that." in text_of(viewer.get(LIST + "?q=zzz"))


def test_the_foot_of_a_page_names_the_version_and_the_login_does_not(viewer: Client) -> None:
    foot = f"Send Gate {__version__}"
    assert foot in text_of(viewer.get(LIST)) and foot not in text_of(Client().get(reverse("admin:login")))
