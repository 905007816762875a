"""One search by contact id tells what became of a person in every sendout that the reader may see, and never more than is true."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from actions.access import Reach
from actions.codes.draw import holder_of
from actions.models import CodePool, PromoCode
from desk.find import hit
from sendouts.inquiries import fate, find
from sendouts.inquiries.fate import Fate
from sendouts.lifecycle import record
from sendouts.models import Answer, Batch, Decision, DecisionVerdict, EffectRun, EventWord, PendingEffect, Status
from sendouts.wording.batch_sentences import time_of
from tests.api.api_cases import client_of as program_of
from tests.factories import CONSENT, batch, client_of, page_url, plain_english, plan, sendout, text_of, user_in

pytestmark = pytest.mark.django_db
WHO = "P-1"
URL, API = "/admin/find-contact/", "/api/contacts/find/"
POINTS = CONSENT | {"identifier": "points", "kind": "contact_update", "phase": "enrich"}
ACCEPTED, REJECTED = DecisionVerdict.ACCEPTED, DecisionVerdict.REJECTED
RULE = {"reason": "rule", "text": "No consent"}
OWN = ("answer", "reason", "text", "decided_by", "evidence_at")


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    plain_english(settings)


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root")


def about(status: Status = Status.FINISHED, verdict: DecisionVerdict = REJECTED, **columns: Any) -> Batch:
    """A batch with one decision about WHO; the columns of OWN are those of the decision."""
    own = {name: columns.pop(name) for name in OWN if name in columns}
    ended = {"outcome": "released", "finish_status": 204, "finish_sent_at": timezone.now()}
    given = (ended if status == Status.FINISHED else {}) | {"decided_at": timezone.now()} | columns
    if status not in {Status.IN_REVIEW, Status.PLANNED, Status.ACCEPTED}:
        given.setdefault("ended_at", timezone.now())
    made = batch(status, decisions=False, total=1, **given)
    Decision.objects.create(pk=made.first_decision, contact_id=WHO, verdict=verdict, **own)
    return made


def one(root: User) -> fate.Found:
    (found,) = find.find(WHO, root).found
    return found


def said(root: User) -> str:
    return fate.sentence(one(root), timezone.now())


def limited_to(made: Batch) -> User:
    user = user_in("Reviewer")
    Reach.objects.create(user=user).projects.add(made.project)
    return user


@pytest.mark.parametrize(
    ("columns", "found", "sentence"),
    [
        (
            {"verdict": ACCEPTED, "status": Status.EXPIRED},
            Fate.LATE,
            "Timed out: accepted (every check passed); the batch was not released before",
        ),
        # A rejection confirmed before the deadline holds although the batch expired.
        ({"status": Status.EXPIRED, "answer": Answer.CONFIRMED, **RULE}, Fate.NOT, "Did not get it: No consent;"),
        ({"status": Status.EXPIRED, "answer": Answer.LOST, **RULE}, Fate.LATE, "its answer was lost"),
        ({"status": Status.EXPIRED, "answer": Answer.REFUSED, **RULE}, Fate.LATE, "did not take the rejection"),
        ({"status": Status.EXPIRED, **RULE}, Fate.LATE, "rejected (No consent); the batch was not released"),
        ({"status": Status.ABANDONED, "verdict": ACCEPTED}, Fate.LATE, "the batch was given up at"),
        (
            {"status": Status.EXPIRED, "verdict": ACCEPTED, "finish_sent_at": timezone.now(), "finish_lost": True},
            Fate.UNKNOWN,
            "Symplify did not confirm it",
        ),
        # What a person took on is not told as certain.
        ({"verdict": ACCEPTED, "finish_status": 503}, Fate.UNKNOWN, "Not known: accepted (every check passed)"),
        ({"answer": Answer.TAKEN_ON, **RULE}, Fate.UNKNOWN, "a person took that on"),
        (
            {"status": Status.IN_REVIEW, "decided_at": None, **RULE},
            Fate.OPEN,
            "Not final yet: rejected (No consent); the batch is at “Waiting for review”.",
        ),
    ],
)
def test_no_more_is_told_than_is_certain(root: User, columns: dict[str, Any], found: Fate, sentence: str) -> None:
    about(**columns)
    assert one(root).fate is found
    assert sentence in said(root)


def test_who_got_it_or_not_is_told_with_reason_evidence_person_and_time(root: User) -> None:
    now = timezone.now()
    asked = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(minutes=2)
    about(reason="no_consent", text="No consent", answer=Answer.CONFIRMED, evidence_at=asked)
    time = time_of(asked, now)
    assert said(root) == f"Did not get it: No consent, evidence of {time}; Symplify confirmed the rejection."
    Decision.objects.all().delete()
    made = about(verdict=ACCEPTED)
    assert one(root).fate is Fate.GOT
    time = time_of(made.ended_at, now)
    assert said(root) == f"Got it: every check passed; released at {time}."
    Decision.objects.update(reason="person", text="asked for it by phone", decided_by=root)
    assert said(root) == f"Got it: asked for it by phone, decided by root; released at {time}."


def test_a_batch_that_was_rejected_whole_is_told_though_the_decision_was_not_turned(root: User) -> None:
    made = about(Status.EXPIRED, ACCEPTED)
    record([made.pk], EventWord.MOVED, now=timezone.now(), old="in_review", new="refused", user=root)
    assert "the whole batch was rejected" in said(root)
    client = client_of("Reviewer")
    assert "root rejected the batch at" in text_of(client.post(URL, {"contact": WHO}))
    # A decision on the batch that was undone is nobody's.
    Batch.objects.update(decided_at=None)
    assert one(root).ruling is None and "rejected the batch" not in text_of(client.post(URL, {"contact": WHO}))


def test_what_was_written_is_told_as_far_as_it_is_certain(root: User) -> None:
    made = about(verdict=ACCEPTED, plan=plan(POINTS))
    values = {"identifier": "points", "kind": "contact_update", "phase": "enrich", "on_failure": "hold", "total": 3}
    run = EffectRun.objects.create(batch=made, step=0, done=3, ended_at=timezone.now(), **values)
    assert one(root).wrote == ("“points” was carried out for everybody for whom it was prepared (3).",)
    EffectRun.objects.filter(pk=run.pk).update(done=2, left_out=1)
    assert one(root).wrote == ()
    pending = PendingEffect(decision_id=made.first_decision, step=0, payload="{}", state=0)
    pending.save()
    assert one(root).wrote == ("“points” is prepared: {}.",)
    PendingEffect.objects.update(state=1, text="api.example.com answered 400.")
    assert one(root).wrote == ("“points” was not carried out for this contact: api.example.com answered 400.",)


def test_the_code_that_a_contact_holds_is_told(root: User) -> None:
    made = about(verdict=ACCEPTED)
    EffectRun.objects.create(
        batch=made, step=0, identifier="code", kind="promo_code", phase="enrich", on_failure="hold"
    )
    pool = CodePool.objects.create(name="summer")
    PromoCode.objects.create(pool=pool, text="S-17", reserved_for=made.pk, holder=holder_of(made.pk, WHO))
    assert one(root).wrote == ("The code S-17 of “summer” is reserved for this contact.",)
    PromoCode.objects.update(used_at=timezone.now())
    assert one(root).wrote == ("The code S-17 of “summer” was given to this contact.",)


def test_newest_first_page_after_page_each_decision_once_with_a_fixed_number_of_queries(root: User) -> None:
    made, queries = [about() for _ in range(7)], []
    pages: list[list[int]] = []
    before = None
    while before is not None or not pages:
        with CaptureQueriesContext(connection) as asked:
            page = find.find(WHO, root, before=before, limit=3)
        pages.append([found.batch.pk for found in page.found])
        queries.append(len(asked))
        before = page.before
    newest = [each.pk for each in reversed(made)]
    assert pages == [newest[:3], newest[3:6], newest[6:]]
    assert len(set(queries)) == 1


def test_a_person_finds_only_what_is_in_their_projects(root: User) -> None:
    own, other = about(sendout=sendout("Newsletter")), about(sendout=sendout("Boutique"))
    limited = limited_to(own)
    assert [found.batch.pk for found in find.find(WHO, limited).found] == [own.pk]
    assert [found.batch.pk for found in find.find(WHO, root).found] == [other.pk, own.pk]
    client = Client()
    client.force_login(limited)
    shown = text_of(client.post(URL, {"contact": WHO}))
    assert page_url(own) in shown and page_url(other) not in shown and "in the projects that you see" in shown
    answer = program_of(limited).post(API, {"contact_id": WHO}).json()
    assert [each["batch"] for each in answer["results"]] == [own.pk]


def test_a_contact_in_many_projects_that_the_reader_does_not_see_costs_a_bounded_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(find, "PIECE", 2)
    monkeypatch.setattr(find, "PIECES", 3)
    own = about(sendout=sendout("Newsletter"))
    for _ in range(9):
        about(sendout=sendout("Boutique"))
    limited = limited_to(own)
    first = find.find(WHO, limited)
    assert (first.found, first.thin) == ([], True) and first.before is not None
    assert [found.batch.pk for found in find.find(WHO, limited, before=first.before).found] == [own.pk]


def test_a_row_that_could_not_be_read_is_found_by_its_id(root: User) -> None:
    made = batch(unread=1)
    Decision.objects.filter(pk=made.first_decision).update(contact_id=WHO, reason="no_uri")
    assert "its reject address is missing" in said(root)


def test_the_page_tells_the_newest_first_and_links_to_the_batch_without_the_id(root: User) -> None:
    about(verdict=ACCEPTED)
    made = about(answer=Answer.CONFIRMED, **RULE)
    Decision.objects.filter(pk=made.first_decision).update(answer_status=204)
    shown = text_of(client_of("Reviewer").post(URL, {"contact": f" {WHO} "}))
    assert f"<h2>{WHO} did not get “Day 1”.</h2>" in shown and "confirmed (204)" in shown
    assert f"{page_url(made)}?tab=rejected#contacts" in shown
    assert f"={WHO}" not in shown


def test_the_link_leads_to_the_page_that_begins_with_this_contact(root: User) -> None:
    made = batch(accepted=1, rejected=3)
    found = find.find("A-2", root).found[0]
    page = client_of("Reviewer").get(hit(found, timezone.now()).link).context["page"]
    assert [row.contact for row in page.contacts.rows][:1] == ["A-2"] and found.batch == made


def test_looking_is_done_by_post_and_nothing_found_says_for_how_long_decisions_are_kept(settings: Any) -> None:
    settings.RETENTION_DAYS = 30
    about()
    client = client_of("Reviewer")
    assert WHO not in text_of(client.get(f"{URL}?contact={WHO}"))
    shown = text_of(client.post(URL, {"contact": "A-99999"}))
    assert "No decision about A-99999 in the last 30 days. Check the id: capitals and dashes count." in shown
    for asked in ("\0", "A\0", "' OR 1=1 --", "%", "x" * 300, "é" * 255):
        answer = client.post(URL, {"contact": asked, "before": "-1"})
        assert answer.status_code == 200 and "gate-hit" not in text_of(answer), asked


@pytest.mark.parametrize(("role", "more"), [("staff", ""), ("Viewer", ""), ("staff", "view_contacts")])
def test_who_may_not_see_contacts_and_batches_finds_nobody(role: str, more: str) -> None:
    about()
    client, user = client_of(role), User.objects.get()
    user.user_permissions.add(*Permission.objects.filter(codename=more))
    assert client.post(URL, {"contact": WHO}).status_code == 403
    assert "find-contact" not in text_of(client.get("/admin/"))
    assert program_of(User.objects.get()).post(API, {"contact_id": WHO}).status_code == 403


def test_programs_are_told_the_same(root: User) -> None:
    made = about(answer=Answer.CONFIRMED, **RULE)
    record([made.pk], EventWord.MOVED, now=timezone.now(), old="in_review", new="accepted", user=root)
    about(Status.EXPIRED, ACCEPTED)
    client = program_of(root)
    answer = client.post(API, {"contact_id": WHO, "limit": 1}).json()
    assert [(each["fate"], each["ruled_by"], each["wrote"]) for each in answer["results"]] == [("late", None, [])]
    answer = client.post(API, {"contact_id": WHO, "before": answer["next_before"]}).json()
    (found,) = answer["results"]
    assert answer["next_before"] is None
    assert (found["batch"], found["row"], found["fate"], found["verdict"]) == (made.pk, 0, "not", "rejected")
    assert found["sentence"] == "Did not get it: No consent; Symplify confirmed the rejection."
    assert found["ruled_by"] == "root"
