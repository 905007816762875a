"""The page of a batch says in sentences what it is about, why it is held and what stops it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from actions.models import Project
from actions.plan.failures import PlanFailure
from desk.batch.contacts import PAGE
from sendouts.lifecycle import record
from sendouts.models import Attention, Batch, Decision, EventWord, Status
from sendouts.wording import batch_sentences
from tests.factories import (
    CONSENT,
    SECRET,
    batch,
    client_of,
    page_url,
    plain_english,
    plan,
    sendout,
    text_of,
    user_in,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    plain_english(settings)


@pytest.fixture
def viewer() -> Client:
    return client_of("Viewer")


def read(client: Client, made: Batch, query: str = "") -> Any:
    response = client.get(page_url(made, query))
    assert response.status_code == 200
    return response.context["page"]


ATTENTION: dict[Attention, tuple[dict[str, Any], str]] = {
    Attention.NO_DOWNLOAD: ({"status": 404}, "The contacts cannot be downloaded, Symplify answered with code 404."),
    Attention.HOST_NOT_LISTED: (
        {"host": "files.example.com", "code": "host_not_listed"},
        "The host files.example.com is not on the list of allowed hosts.",
    ),
    Attention.NO_PROVEN_END: ({"code": "cut", "rows": 1200}, "The contact file was cut off after 1,200 rows."),
    Attention.FILE_CHANGED: ({}, "The contact file was not the same at the second download."),
    Attention.UNREAD_ROWS: (
        {"rows": 23, "code": "no_id", "place": 1208, "format": "ndjson"},
        "23 rows cannot be read, the first at line 1,208: the contact id is missing.",
    ),
    Attention.HOOK_UNCLEAR: (
        {"problems": ["neither_file_nor_items"]},
        "The hook is unclear, it brings no contacts.",
    ),
    Attention.SAME_FINISH: ({}, "Another batch has the same release address, and one call would release both."),
    Attention.UNCONFIRMED: ({"rows": 12}, "12 rejections are not confirmed."),
    Attention.FINISH_UNCONFIRMED: (
        {"status": 409, "lost": False},
        "The release is not confirmed, Symplify answered with code 409.",
    ),
    Attention.REFUSAL_STOPS: (
        {"rows": 1, "complete": True},
        "It cannot be rejected whole, 1 row has no address to reject it; it will time out.",
    ),
    Attention.SCREENING_FAILED: (
        {"status": "accepted", "error": "ValueError"},
        "A step after “Accepted” failed several times; the log of the server says more.",
    ),
    Attention.EFFECT_FAILED: (
        {"identifier": "points", "rows": 12, "text": "crm.example.com answered 401."},
        "The action “points” failed for 12 accepted contacts: crm.example.com answered 401.",
    ),
    Attention.WORKER_DIED: (
        {"status": "planned", "deaths": 3},
        "A step after “Received” ended its worker 3 times and got no further.",
    ),
    Attention.KEY_MISSING: (
        {},
        "Its addresses are encrypted with a key that the gateway no longer has; whoever runs the gateway must put the "
        "old key back into ENCRYPTION_KEYS.",
    ),
}


@pytest.mark.parametrize("code", [code for code in Attention if code])
def test_every_attention_is_a_sentence_with_its_data(code: Attention) -> None:
    data, sentence = ATTENTION[code]
    made = Batch(attention=code, attention_data=data)
    assert batch_sentences.attention(made) == sentence
    # Rows of an older release may know less; a sentence comes out all the same, and never the bare code.
    bare = batch_sentences.attention(Batch(attention=code, attention_data={}))
    assert bare.endswith(".") and code.value not in bare and "%(" not in bare


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"rows": 1, "code": "bad_columns", "place": 17, "format": "csv"}, "1 row cannot be read, at line 17: "),
        ({"rows": 2, "code": "no_uri", "place": 3, "format": "json"}, "the first at position 3: its reject address"),
        ({"rows": 2, "code": "no_uri", "place": 3, "format": "hook"}, "the first at position 3: "),
    ],
)
def test_the_first_bad_place_is_a_line_or_a_position(data: dict[str, Any], words: str) -> None:
    assert words in batch_sentences.attention(Batch(attention=Attention.UNREAD_ROWS, attention_data=data))


def test_the_headline_says_why_a_batch_cannot_go_on(viewer: Client) -> None:
    data = ATTENTION[Attention.UNREAD_ROWS][0]
    made = batch(accepted=5, unread=23, attention="unread_rows", attention_data=data)
    assert read(viewer, made).headline == (
        "“Day 1” cannot go on: 23 rows cannot be read, the first at line 1,208: the contact id is missing."
    )


def test_each_reason_to_hold_is_a_sentence() -> None:
    failures = [{"identifier": "vip", "kind": "x", "step": 0, "sentence": "No.", "contacts": 3, "became": "reject"}]
    codes = [
        "unknown_project",
        "unknown_action",
        "empty_plan",
        "undecided",
        "no_contacts",
        "action_failed",
        "everybody_rejected",
        "always",
        "stopped",
        "was_on_hold",
        "changed",
    ]
    made = batch(undecided=2, held_for=codes, failures=failures, plan=plan(CONSENT, unknown=["vip-2026", "b"]))
    said = batch_sentences.holds(made)
    assert len(set(said)) == len(codes)
    assert not set(said) & set(codes)
    assert said[0] == "The project “Newsletter” is not set up here."
    assert said[1].startswith("Nobody has defined the actions “vip-2026”, “b” here")
    assert said[3] == "2 contacts could not be judged. You choose what becomes of them."
    assert said[5].startswith("The action “vip” failed")


def test_the_headline_says_who_gets_it(viewer: Client) -> None:
    made = batch(accepted=1300, rejected=7, undecided=2, held_for=["undecided"], decisions=False)
    assert read(viewer, made).headline == (
        "“Day 1” goes to 1,300 of 1,309 contacts if you accept. 7 do not get it. 2 are undecided."
    )


def test_an_expired_batch_says_how_many_were_rejected_and_how_many_timed_out(viewer: Client) -> None:
    now = timezone.now()
    made = batch(
        Status.EXPIRED,
        accepted=100,
        rejected=40,
        confirmed=12,
        decided_at=now,
        ended_at=now,
        left=timedelta(minutes=-1),
    )
    page = read(viewer, made)
    assert re.search(r"not answered to the end before \d\d:\d\d. 12 were rejected, 128 take", page.headline)
    assert [(figure.name, figure.value) for figure in page.figures] == [
        ("Held", "140"),
        ("Rejected", "12"),
        ("Timed out", "128"),
    ]
    assert page.verbs == []


def test_an_expired_batch_that_nobody_read_claims_no_number(viewer: Client) -> None:
    made = batch(Status.EXPIRED, accepted=5, file_complete=False, left=timedelta(minutes=-1), decisions=False)
    assert "All its contacts took the “timed out” way." in read(viewer, made).headline


def test_a_release_without_an_answer_is_never_called_a_miss(viewer: Client) -> None:
    now = timezone.now()
    made = batch(
        Status.EXPIRED, accepted=5, decided_at=now, finish_sent_at=now, finish_lost=True, left=timedelta(minutes=-1)
    )
    assert "look in Symplify whether its messages went out" in read(viewer, made).headline


def test_a_released_batch_says_how_much_time_was_left(viewer: Client) -> None:
    now = timezone.now()
    made = batch(
        Status.FINISHED,
        accepted=10,
        rejected=1,
        confirmed=1,
        outcome="released",
        finish_sent_at=now,
        ended_at=now,
        left=timedelta(minutes=16),
        now=now,
    )
    headline = read(viewer, made).headline
    assert headline.startswith("“Day 1” went to 10 contacts at ")
    assert "16 min before the deadline. 1 did not get it." in headline


def test_a_refused_batch_names_who_refused_it(viewer: Client) -> None:
    now = timezone.now()
    made = batch(Status.FINISHED, rejected=3, confirmed=3, outcome="refused", finish_sent_at=now, ended_at=now)
    record([made.pk], EventWord.MOVED, now=now, new=Status.REFUSED, user=user_in("Reviewer"))
    assert "was rejected by reviewer.lyon at" in read(viewer, made).headline


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"at_deadline": "leave"}, "all contacts take the “timed out” way. Setting: let it time out."),
        ({"at_deadline": "accept"}, "does not act here: nobody has checked everything that was asked for."),
        ({"at_deadline": "reject", "attention": "unread_rows"}, "does not act here: something must be settled first."),
    ],
)
def test_what_happens_when_nobody_decides_is_said_and_why_not(
    viewer: Client, columns: dict[str, Any], words: str
) -> None:
    made = batch(accepted=4, held_for=["unknown_action"], plan=plan(unknown=["vip"]), **columns)
    assert words in read(viewer, made).outlook[-1][2]


def test_a_declared_acceptance_names_its_moment(viewer: Client) -> None:
    now = timezone.now()
    made = batch(accepted=4, undecided=1, at_deadline="accept", due_at=now + timedelta(minutes=5), now=now)
    text = read(viewer, made).outlook[-1][2]
    assert re.fullmatch(r"4 get it: the gateway accepts by itself at .*\d\d:\d\d\. The undecided are rejected\.", text)


def test_the_plan_is_shown_with_origins_effects_and_failures(viewer: Client) -> None:
    both = {"level": "sendout", "definition_id": 2, "asked": False, "identifier": "consent-check"}
    merged = {**CONSENT, "origins": [*CONSENT["origins"], both], "details": '{"list":"vip"}'}
    failure = {
        "identifier": "consent-check",
        "kind": "field_rule",
        "step": 0,
        "sentence": PlanFailure.NO_TIME(),
        "contacts": 2,
        "became": "undecided",
    }
    made = batch(accepted=1, rejected=3, undecided=2, plan=plan(merged, unknown=["vip-2026"]), failures=[failure])
    first, last = read(viewer, made).checks
    assert (first.place, first.identifier, first.kind) == (1, "consent-check", "Rule on a field")
    assert first.origins == ("project", "sendout", "hook")
    assert first.details == (("list", "vip"),)
    assert first.effects == ("rejected 3", "could not judge 2")
    assert first.failures == ("No time was left to ask. 2 contacts held.",)
    assert (last.identifier, last.effects) == ("vip-2026", ("nobody defined it",))


def test_no_address_of_the_platform_is_on_the_page() -> None:
    details = f'{{"list":"x","url":"https://{SECRET}/hook"}}'
    made = batch(accepted=1, rejected=1, undecided=1, unread=1, plan=plan({**CONSENT, "details": details}))
    manager = client_of("Manager")
    for query in ("", "?tab=accepted", "?tab=undecided", "?tab=unread", "?contact=A-0"):
        assert SECRET not in text_of(manager.get(page_url(made, query)))


def test_kept_fields_are_for_those_who_may_see_contacts(viewer: Client) -> None:
    made = batch(rejected=1)
    Decision.objects.update(kept={"properties.city": "Lyon <b>"})
    Project.objects.update(keep_fields=["properties.city"], show_fields=["properties.city"])
    assert "Lyon" not in text_of(viewer.get(page_url(made)))
    shown = text_of(client_of("Reviewer").get(page_url(made)))
    assert "properties.city" in shown and "Lyon &lt;b&gt;" in shown


def test_contacts_come_page_after_page_without_counting_or_skipping() -> None:
    reviewer = client_of("Reviewer")
    made = batch(accepted=3, rejected=2 * PAGE + 3)
    seen: list[str] = []
    query = "?tab=rejected"
    with CaptureQueriesContext(connection) as queries:
        for _ in range(3):
            contacts = read(reviewer, made, query).contacts
            seen += [row.contact for row in contacts.rows]
            query = "?" + contacts.next
    assert seen == [f"A-{row}" for row in range(2 * PAGE + 3)]
    assert contacts.next == ""
    on_decisions = [query["sql"].upper() for query in queries if "sendouts_decision" in query["sql"]]
    assert on_decisions
    assert not any("COUNT(" in sql or "OFFSET" in sql for sql in on_decisions)


def test_a_page_never_shows_contacts_of_another_batch(viewer: Client) -> None:
    made = batch(rejected=1)
    batch(rejected=4)
    for query in ("?tab=rejected", "?tab=rejected&after=0", "?tab=rejected&after=99999999999", "?tab=x&after=-1"):
        rows = read(viewer, made, query).contacts.rows
        assert len(rows) <= 1, query


def test_a_contact_is_found_by_its_exact_id() -> None:
    reviewer = client_of("Reviewer")
    made = batch(accepted=3, rejected=3)
    assert [row.contact for row in read(reviewer, made, "?contact=A-4").contacts.rows] == ["A-4"]
    nobody = read(reviewer, made, "?contact=a-4").contacts
    assert nobody.rows == []
    assert nobody.empty == "No decision about a-4 in this batch. Check the id: capitals and dashes count."


def test_unreadable_rows_are_shown_with_what_is_wrong_and_where(viewer: Client) -> None:
    made = batch(accepted=1, unread=1)
    (row,) = read(viewer, made, "?tab=unread").contacts.rows
    assert (row.word, row.reason) == ("unreadable", "Unreadable: the contact id is missing (place 1)")
    assert row.kept == ()


def test_nobody_rejected_is_said_in_words(viewer: Client) -> None:
    made = batch(accepted=3)
    assert read(viewer, made, "?tab=rejected").contacts.empty == "Every contact passed."


def test_the_history_tells_who_did_what_with_their_note(viewer: Client) -> None:
    made = batch(accepted=3)
    data = {made.pk: {"verdict": "accepted", "rows": [2]}}
    record([made.pk], EventWord.CHANGED, now=timezone.now(), user=user_in("Reviewer"), note="<i>VIP</i>", data=data)
    line = read(viewer, made).history[0]
    assert (line.who, line.text, line.note) == ("reviewer.lyon", "1 contact put back", "<i>VIP</i>")
    assert "&lt;i&gt;VIP&lt;/i&gt;" in text_of(viewer.get(page_url(made)))


@pytest.mark.parametrize("word", list(EventWord))
def test_every_kind_of_event_is_told_in_words(viewer: Client, word: EventWord) -> None:
    made = batch(accepted=1)
    record([made.pk], word, now=timezone.now(), new="accepted" if word == EventWord.MOVED else "")
    text = read(viewer, made).history[0].text
    assert text and text != word.value


@pytest.mark.parametrize("status", list(Status))
def test_a_batch_has_a_page_in_every_status(viewer: Client, status: Status) -> None:
    now = timezone.now()
    more: dict[str, Any] = {"outcome": "empty", "finish_sent_at": now} if status == Status.FINISHED else {}
    made = batch(status, rejected=2, confirmed=2, **more)
    page = read(viewer, made)
    assert page.headline.endswith(".") and "%(" not in page.headline and page.label.text


def test_names_from_a_hook_are_escaped(viewer: Client) -> None:
    made = batch(accepted=1, sendout=sendout("<script>p</script>", "<b>j</b>", "<script>s</script>"))
    for url in (page_url(made), "/admin/sendouts/batch/"):
        text = text_of(viewer.get(url))
        assert "<script>s" not in text and "<script>p" not in text and "<b>j" not in text


def test_a_batch_that_is_not_there_leads_back_to_the_list(viewer: Client) -> None:
    assert viewer.get("/admin/sendouts/batch/999999/change/").status_code == 302


@pytest.mark.parametrize("after", ["²", "-1", "1e9", "9" * 18, pytest.param("9" * 5_000, id="of many digits")])
def test_a_forged_place_in_the_contacts_is_no_error(viewer: Client, after: str) -> None:
    made = batch(accepted=3, rejected=2)
    assert viewer.get(page_url(made), {"after": after}).status_code == 200
