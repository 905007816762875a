"""The home page: for each role what they may look at and do, in words; live; and limited to their projects."""

from datetime import datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.core.cache import cache
from django.db import connection
from django.db.models import Q
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import strip_tags

from actions.access import Reach
from desk.home.figures.in_progress import Working, WorkInProgress
from desk.home.figures.unusual import shares
from notices.models import Alarm, Code
from sendouts.models import Status
from tests.desk.home.desk_cases import ended, timed_out
from tests.factories import SECRET, batch, client_of, page_url, sendout, text_of, user_in
from work.models import Pulse

pytestmark = pytest.mark.django_db
HOME, LIVE, SEEN = "/admin/", "/admin/desk/live/", "/admin/desk/closure-seen/"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NOW = timezone.now()


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    cache.clear()


def shown(client: Client, path: str = HOME) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return " ".join(text_of(response).split())


def regions(client: Client, query: str = "") -> dict[str, str]:
    answer = client.get(LIVE + query).json()
    return {name: " ".join(html.split()) for name, html in answer["regions"].items()}


def test_an_empty_home_says_so_and_what_to_do_first_until_something_has_come() -> None:
    manager, viewer = client_of("Manager"), client_of("Viewer")
    text = shown(manager)
    for sentence in (
        "Nothing waits for you.",
        "Nothing in work.",
        "No rejections in 7 days.",
        "No batch was released in 30 days",
        "/webhooks/symplify/ as webhook",
        "Set up a project",
    ):
        assert sentence in text, sentence
    assert "home-unusual-title" not in text
    text = shown(viewer)
    assert "The first sendout appears here" in text and "Set up a project" not in text
    ended(timezone.now() - DAY)
    assert regions(manager)["home-first"] == regions(viewer)["home-first"] == ""


def test_what_waits_stands_with_its_numbers_and_what_happens_if_nobody_decides() -> None:
    where = sendout("Shop", "Spring", "Offer")
    for place in range(3):
        ended(timezone.now() - DAY * (place + 1), accepted=960, rejected=40, where=where)
    made = batch(accepted=1_268, rejected=93, sendout=where, decisions=False)
    batch(accepted=50, at_deadline="accept", due_at=timezone.now() + 20 * MINUTE, left=50 * MINUTE, decisions=False)
    text = shown(client_of("Reviewer"))
    for piece in (
        "2 batches wait for you",
        "Offer",
        "Shop · Spring",
        "1,268",
        "of 1,361",
        "6.8%, usually 4%",
        "decide before ",
        "data-until=",
        "nobody gets it",
        "50 get it at ",
        "no comparison yet",
        f'href="{page_url(made)}"',
    ):
        assert piece in text, piece
    assert text.count("gate-button-primary") == 1, "one primary button: the most urgent one's"
    assert SECRET not in text


def test_singles_are_one_line_that_a_viewer_sees_and_a_reviewer_decides() -> None:
    for place in range(3):
        batch(
            accepted=1,
            source="single",
            decisions=False,
            at_deadline=("accept", "reject", "leave")[place],
            due_at=NOW + 20 * MINUTE,
        )
    viewer, reviewer = shown(client_of("Viewer")), shown(client_of("Reviewer"))
    assert "3 singles wait for a decision" in viewer and "Accept all" not in viewer and "See the singles" in viewer
    assert "3 singles wait for you" in reviewer and "Accept all 3…" in reviewer and "Reject all 3…" in reviewer
    assert "1 accepted, 1 rejected, 1 timed out" in reviewer
    assert reviewer.count('<tr id="home-s') == 1


def test_staff_without_a_role_have_an_index_that_says_whom_to_ask() -> None:
    batch(accepted=1)
    text = shown(client_of("staff"))
    assert "Ask an administrator for a role." in text
    assert "data-live" not in text.replace("data-live-", "")


def test_what_is_unusual_stands_on_top_in_one_sentence_each() -> None:
    now = timezone.now()
    batch(accepted=9, attention="no_download", attention_data={"status": 503}, sendout=sendout(name="Stuck"))
    timed_out(now, total=412, where=sendout("Club"))
    Alarm.objects.create(code=Code.BEAT_SILENT, opened_at=now, last_seen_at=now)
    for back in range(1, 7):
        ended(now - DAY * back - 5 * MINUTE, accepted=960, rejected=40, where=sendout("Shop"))
    ended(now, accepted=800, rejected=200, where=sendout("Shop"))
    client = client_of("Viewer")
    text = regions(client)["home-unusual"]
    for sentence in (
        "“Stuck” cannot go on: the contacts cannot be downloaded, Symplify answered with code 503.",
        "1 batch timed out in the last 24 hours.",
        "412 contacts took the “timed out” way.",
        "No periodic task has run since",
        "Shop rejects more than usual: 20% in the last 24 hours.",
        "In the 30 days before it was 4% to 4% a day.",
    ):
        assert sentence in text, sentence


def test_a_closed_door_is_told_for_a_day_to_those_who_see_all_alarms() -> None:
    end = timezone.now() - 2 * MINUTE
    data = {"start": (end - MINUTE).isoformat(), "end": end.isoformat()}
    Pulse.objects.create(name="closed@host", at=end, data=data)
    client = client_of("Viewer")
    text = regions(client)["home-unusual"]
    assert "The gateway’s door was closed from " in text and "Hooks of that time are lost: check the platform." in text
    Pulse.objects.update(data=data | {"end": (end - DAY).isoformat()})
    assert "door was closed" not in regions(client)["home-unusual"]


def test_more_troubles_than_fit_are_counted() -> None:
    now = timezone.now()
    for _ in range(7):
        batch(attention="no_download", sendout=sendout(name="Stuck"), decisions=False)
    batch(accepted=1, source="single", attention="unconfirmed", left=5 * MINUTE, decisions=False)
    for subject in range(6):
        Alarm.objects.create(
            code=Code.HOOKS_REFUSED, subject=str(subject), opened_at=now, last_seen_at=now, data={"hooks": 1}
        )
    for _ in range(2):
        timed_out(now)
    text = regions(client_of("Viewer"))["home-unusual"]
    assert "1 single of “" in text and "3 more batches cannot go on." in text
    assert "There are more than 5 open alarms." in text
    assert "The contacts of 2 of them were never counted." in text and "?show=expired" in text


@pytest.mark.parametrize("size", [499, 500])
def test_only_days_with_500_contacts_are_compared(size: int) -> None:
    for back in range(1, 7):
        ended(NOW - DAY * back - 5 * MINUTE, accepted=size)
    ended(NOW, rejected=size)
    assert bool(shares(Q(), NOW)) == (size == 500)


def test_what_is_in_work_says_how_far_it_is_and_when_it_will_be_ready() -> None:
    where = {"sendout": 1, "batch": 7, "title": "Offer", "project": "Shop", "journey": "", "deadline": NOW + 9 * MINUTE}
    lines = [
        (WorkInProgress(stage="received", early=True, **where), "being downloaded|Forecast in a few seconds|deadline "),
        (
            WorkInProgress(stage="screening", done=600, of=1_234, ready_at=NOW, **where),
            "Screening 48%|600 of about 1,200",
        ),
        (
            WorkInProgress(stage="screening", done=9, of=18, guessed=True, ready_at=NOW, **where),
            "9 contacts read, usually about 18|Ready about ",
        ),
        (WorkInProgress(stage="screening", done=9, **where), "9 contacts read so far"),
        (WorkInProgress(stage="screened", done=9, **where), "Screened · 9 contacts"),
        (
            WorkInProgress(stage="sending", done=1, of=2, ready_at=NOW + 9 * MINUTE, **where),
            "Sending rejections 50%|1 of 2|Not ready before the deadline",
        ),
        (
            WorkInProgress(stage="sending", done=1, of=2, ready_at=NOW, silent=True, **where),
            "at the earliest|9 min to spare",
        ),
        (WorkInProgress(stage="writing", **where), "Writing to contacts · before the release"),
        (WorkInProgress(stage="releasing", done=1, **where), "Releasing · 1 message"),
        (WorkInProgress(stage="singles", count=2, **{**where, "batch": None}), "2 singles · in work"),
    ]
    for work, pieces in lines:
        home = {"now": NOW, "works": Working([work], 2), "counted": 1_000}
        text = " ".join(strip_tags(render_to_string("desk/home/working.html", {"home": home})).split())
        for piece in (*pieces.split("|"), "and 2 more"):
            assert piece in text, (work.stage, piece, text)


def limited() -> Client:
    """Somebody who sees the project Shop and nothing else."""
    user = user_in("Reviewer")
    Reach.objects.create(user=user).projects.add(sendout("Shop").project)
    client = Client()
    client.force_login(user)
    return client


def test_who_sees_one_project_sees_nothing_of_the_others() -> None:
    now = timezone.now()
    other = sendout("Club", "Secret journey", "Secret sendout")
    batch(accepted=1_234, rejected=77, sendout=other, decisions=False)
    batch(accepted=1, sendout=other, source="single", attention="unconfirmed")
    batch(Status.ACCEPTED, rejected=1_234, sendout=other, decisions=False)
    ended(now, accepted=4_321, rejected=99, where=other, reasons=[[2, "rule", "Secret reason", "c", 99]])
    timed_out(now, total=6_543, where=other)
    for code, subject in ((Code.SENDOUT_SILENT, str(other.pk)), (Code.BEAT_SILENT, "")):
        data = {"project": "Club", "sendout": "Secret sendout", "every": 60, "last": ""}
        Alarm.objects.create(code=code, subject=subject, data=data, opened_at=now, last_seen_at=now)
    client, mine = limited(), {"project": "Shop", "sendout": "Day 1", "every": 60, "last": ""}
    subject = str(sendout("Shop").pk)
    Alarm.objects.create(code=Code.SENDOUT_SILENT, subject=subject, data=mine, opened_at=now, last_seen_at=now)
    text = shown(client) + str(client.get(LIVE).json())
    for piece in ("Secret", "Club", "1,234", "4,321", "6,543", "timed out in the last", "periodic"):
        assert piece not in text, piece
    assert "Nothing waits for you." in text and "Shop / Day 1" in text
    for name in ("ways", "reasons", "spacing"):
        file = text_of(client.get(f"/admin/desk/{name}.csv"))
        assert "Secret" not in file
        assert "4321" not in file
    assert client.get(f"/admin/desk/singles/{other.pk}/").status_code == 404
    assert client.post(f"/admin/desk/singles/{other.pk}/accept/", {"seen": "1:1"}).status_code == 404


def test_a_batch_that_is_new_waits_behind_a_sentence_until_it_is_asked_for() -> None:
    client = client_of("Reviewer")
    old = batch(accepted=1, sendout=sendout(name="Old"), left=40 * MINUTE)
    page, answer = text_of(client.get(HOME)), client.get(LIVE).json()
    assert f"shown=b{old.pk}" in page and all(f'id="{name}"' in page for name in answer["regions"])
    assert (answer["every"], answer["say"]) == (10, "") and answer["now"]
    assert "1 new batch: show" in regions(client, "?shown=")["home-news"], "a page that showed nothing"
    batch(accepted=1, sendout=sendout(name="Urgent"), left=10 * MINUTE)
    found = regions(client, f"?shown=b{old.pk}")
    assert "1 new batch: show" in found["home-news"]
    assert "Urgent" not in found["home-waiting"]
    assert "Old" in found["home-waiting"]
    assert client.get(f"{LIVE}?shown=b{old.pk}").json()["say"] == "1 new batch"
    whole = regions(client)
    assert whole["home-news"] == ""
    assert whole["home-waiting"].index("Urgent") < whole["home-waiting"].index("Old")


def test_the_number_of_queries_does_not_grow() -> None:
    client = client_of("Reviewer")

    def asked() -> int:
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            shown(client)
        assert not any("sendouts_decision" in query["sql"] for query in queries)
        return len(queries)

    def more(where: str) -> None:
        for source in ("batch", "single"):
            for status in (Status.IN_REVIEW, Status.PLANNED, Status.ACCEPTED):
                batch(
                    status,
                    accepted=1,
                    rejected=1,
                    source=source,
                    sendout=sendout(where),
                    due_at=timezone.now(),
                    decisions=False,
                )
            ended(timezone.now(), accepted=5, rejected=1, source=source, where=sendout(where))

    more("First")
    few = asked()
    for place in range(8):
        more(f"P{place}")
    assert asked() == few <= 40


def test_slow_figures_are_kept_for_a_moment_and_urgent_ones_are_not() -> None:
    client = client_of("Reviewer")
    shown(client)
    ended(timezone.now(), accepted=4_321)
    batch(accepted=1_234, decisions=False)
    found = regions(client)
    assert "4,321" in found["home-today"]
    assert "1,234" in found["home-waiting"]
    assert "Accepted 0" in found["home-ways"]


def test_a_closed_door_is_told_until_somebody_who_may_decide_has_seen_it() -> None:
    row = Pulse.objects.create(name="closed@gateway-1", at=NOW, data=closed(NOW - 10 * MINUTE))
    reviewer, viewer = client_of("Reviewer"), client_of("Viewer")
    said = "The gateway’s door was closed"
    assert said in shown(reviewer) and said in shown(viewer)
    assert SEEN in regions(reviewer)["home-unusual"] and SEEN not in regions(viewer)["home-unusual"]
    given = {"name": row.name, "start": row.data["start"]}
    assert viewer.post(SEEN, given).status_code == 403 and said in shown(viewer)
    assert reviewer.post(SEEN, given).status_code == 302
    assert said not in shown(reviewer) and said not in shown(viewer)
    [entry] = LogEntry.objects.filter(object_id=row.pk)
    assert entry.user.get_username() == "reviewer.lyon" and row.data["start"] in entry.change_message
    # A later closure is told again, and a page that still shows the last one does not hide it.
    Pulse.objects.filter(pk=row.pk).update(data=closed(NOW - MINUTE))
    assert reviewer.post(SEEN, given).status_code == 302 and said in shown(reviewer)


def closed(start: datetime) -> dict[str, str]:
    return {"start": start.isoformat(), "end": (start + MINUTE / 2).isoformat()}
