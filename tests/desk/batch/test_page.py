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
from tests.desk.batch.page_cases import read, said
from tests.factories import CONSENT, SECRET, batch, client_of, page_url, plan, sendout, text_of, user_in

pytestmark = pytest.mark.django_db
NOW = timezone.now()


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
    Attention.HOOK_UNCLEAR: ({"problems": ["neither_file_nor_items"]}, "The hook is unclear, it brings no contacts."),
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
    Attention.RESTORED: (
        {"sent": 1200, "released": True},
        "It comes from a backup, and what followed is not known here (rejections sent by then: 1,200; release called).",
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
        "restored",
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


UNREAD = {"attention": "unread_rows", "attention_data": ATTENTION[Attention.UNREAD_ROWS][0], "unread": 23}
TIMED_OUT = {"status": Status.EXPIRED, "left": timedelta(minutes=-1), "decisions": False}
ENDED = {"status": Status.FINISHED, "decisions": False}


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            {"accepted": 5, **UNREAD},
            r"“Day 1” cannot go on: 23 rows cannot be read, the first at line 1,208: the contact id is missing\.",
        ),
        (
            {"accepted": 1300, "rejected": 7, "undecided": 2, "decisions": False},
            r"“Day 1” goes to 1,300 of 1,309 contacts if you accept\. 7 do not get it\. 2 are undecided\.",
        ),
        ({}, "came without a single contact"),
        ({"status": Status.ACCEPTED, "accepted": 2}, "is accepted, and its release is being called"),
        (
            {"status": Status.ACCEPTED, "accepted": 1, "rejected": 2},
            "1 message goes out as soon as the 2 rejections are confirmed",
        ),
        (
            {"accepted": 100, "rejected": 40, "confirmed": 12, "decided_at": NOW, **TIMED_OUT},
            r"not answered to the end before \d\d:\d\d.*\. 12 were rejected, 128 take",
        ),
        ({"accepted": 100, **TIMED_OUT}, r"Nobody decided on “Day 1” before .* All 100 contacts take"),
        # Where nobody read the file, no number is claimed; without an answer, a release is no miss.
        ({"accepted": 5, "file_complete": False, **TIMED_OUT}, "All its contacts took the “timed out” way."),
        (
            {"accepted": 5, "decided_at": NOW, "finish_sent_at": NOW, "finish_lost": True, **TIMED_OUT},
            "look in Symplify whether its messages went out",
        ),
        (
            {"accepted": 10, "rejected": 1, "outcome": "released", "left": timedelta(minutes=16), **ENDED},
            r"“Day 1” went to 10 contacts at .*, 16 min before the deadline\. 1 did not get it\.",
        ),
        (
            {"accepted": 10, "outcome": "released", "left": timedelta(0), **ENDED},
            r"“Day 1” went to 10 contacts at .*, at its deadline\.",
        ),
        ({"rejected": 3, "outcome": "empty", **ENDED}, "Nobody got “Day 1”: its checks rejected every contact."),
        ({"status": Status.ABANDONED, "accepted": 1}, "given up by the gateway at .* Its one contact takes"),
    ],
)
def test_the_headline_says_where_a_batch_stands(viewer: Client, columns: dict[str, Any], words: str) -> None:
    now = timezone.now()
    ended = {"ended_at": now} if columns.get("status") in {Status.FINISHED, Status.ABANDONED, Status.EXPIRED} else {}
    released = {"finish_sent_at": now, "confirmed": columns.get("rejected", 0)} if "outcome" in columns else {}
    made = batch(now=now, **{**columns, **ended, **released})
    assert re.search(words, said(viewer, made, "head"))


def test_a_refused_batch_names_who_refused_it(viewer: Client) -> None:
    now = timezone.now()
    made = batch(Status.FINISHED, rejected=3, confirmed=3, outcome="refused", finish_sent_at=now, ended_at=now)
    record([made.pk], EventWord.MOVED, now=now, new=Status.REFUSED, user=user_in("Reviewer"))
    assert "was rejected by reviewer.lyon at" in said(viewer, made, "head")


def test_an_expired_batch_counts_who_was_rejected_and_who_timed_out(viewer: Client) -> None:
    page = read(viewer, batch(accepted=100, rejected=40, confirmed=12, decided_at=NOW, **TIMED_OUT))
    assert [(figure.name, figure.value) for figure in page.figures] == [
        ("Held", "140"),
        ("Rejected", "12"),
        ("Timed out", "128"),
    ]
    assert page.verbs == []


MOMENT = {"due_at": NOW + timedelta(minutes=5)}


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"at_deadline": "leave"}, "all contacts take the “timed out” way. Setting: let it time out."),
        (
            {"at_deadline": "accept", "held_for": ["unknown_action"], "plan": ["vip"]},
            "The setting “accept it” does not act here: nobody has checked everything that was asked for.",
        ),
        ({"at_deadline": "reject", **UNREAD}, "“reject it” does not act here: something must be settled first."),
        ({"at_deadline": "reject", "held_for": ["stopped"]}, "does not act here: a person stopped the release."),
        ({"at_deadline": "reject", "accepted": 0, "undecided": 0}, "here: there is nobody in this batch."),
        ({"at_deadline": "reject", **MOMENT}, r"Nobody gets it: at .* all are rejected\."),
        (
            {"at_deadline": "accept", **MOMENT},
            r"4 get it: the gateway accepts by itself at .*\d\d:\d\d.*\. The undecided are rejected\.",
        ),
    ],
)
def test_what_happens_when_nobody_decides_is_said_and_why_not(
    viewer: Client, columns: dict[str, Any], words: str
) -> None:
    columns = {"accepted": 4, "undecided": 1, **columns, "plan": plan(unknown=columns.get("plan", ()))}
    assert re.search(words, said(viewer, batch(**columns), "outlook"))


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
    nobody = said(reviewer, made, "contacts", "?contact=a-4")
    assert "No decision about a-4 in this batch. Check the id: capitals and dashes count." in nobody


def test_unreadable_rows_are_shown_with_what_is_wrong_and_where(viewer: Client) -> None:
    made = batch(accepted=1, unread=1)
    (row,) = read(viewer, made, "?tab=unread").contacts.rows
    assert (row.word, row.reason) == ("unreadable", "Unreadable: the contact id is missing (place 1)")
    assert row.kept == ()


def test_nobody_rejected_is_said_in_words(viewer: Client) -> None:
    assert "Every contact passed." in said(viewer, batch(accepted=3), "contacts", "?tab=rejected")


def test_the_history_tells_who_did_what_with_their_note(viewer: Client) -> None:
    made = batch(accepted=3)
    data = {made.pk: {"verdict": "accepted", "rows": [2]}}
    record([made.pk], EventWord.CHANGED, now=timezone.now(), user=user_in("Reviewer"), note="<i>VIP</i>", data=data)
    line = read(viewer, made).history[0]
    assert (line.who, line.text, line.note) == ("reviewer.lyon", "1 contact put back", "<i>VIP</i>")
    assert "&lt;i&gt;VIP&lt;/i&gt;" in text_of(viewer.get(page_url(made)))


def test_every_kind_of_event_is_told_in_words(viewer: Client) -> None:
    made = batch(accepted=1)
    for word in EventWord:
        record([made.pk], word, now=timezone.now(), new="accepted" if word == EventWord.MOVED else "")
    texts = [line.text for line in read(viewer, made).history]
    assert len(texts) >= len(EventWord) and all(texts) and not {*texts} & {*EventWord.values}


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
