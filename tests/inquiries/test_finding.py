"""One search by contact id tells what became of a person in every sendout that the reader may see, and never more than is true."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from actions.access_models import Reach
from actions.codes.draw import holder_of
from actions.models import CodePool, PromoCode
from desk.find import batch_link
from sendouts.inquiries import fate, find
from sendouts.inquiries.fate import Fate
from sendouts.lifecycle import record
from sendouts.models import Answer, Batch, Decision, DecisionVerdict, EffectRun, EventWord, PendingEffect, Status
from tests.api.api_cases import client_of as program_of
from tests.factories import batch, client_of, page_url, plain_english, plan, sendout, text_of, user_in

pytestmark = pytest.mark.django_db
WHO = "P-1"
URL = "/admin/find-contact/"
POINTS = {
    "identifier": "points",
    "kind": "contact_update",
    "config": "{}",
    "on_failure": "hold",
    "details": "{}",
    "phase": "enrich",
    "origins": [{"level": "project", "definition_id": 2, "asked": True, "identifier": "points"}],
}


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    plain_english(settings)


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root")


def about(
    status: Status = Status.FINISHED, verdict: DecisionVerdict = DecisionVerdict.REJECTED, **columns: Any
) -> Batch:
    """A batch with one decision about WHO; columns of the decision are those that it has."""
    own = {
        name: columns.pop(name) for name in ("answer", "reason", "text", "decided_by", "evidence_at") if name in columns
    }
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


def test_a_confirmed_rejection_is_told_with_reason_evidence_and_answer(root: User) -> None:
    asked = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(minutes=2)
    about(reason="no_consent", text="No consent", answer=Answer.CONFIRMED, evidence_at=asked)
    time = fate.time_of(asked, timezone.now())
    assert said(root) == f"Did not get it: No consent, evidence of {time}; Symplify confirmed the rejection."


def test_who_was_released_got_it_and_the_sentence_says_when(root: User) -> None:
    made = about(verdict=DecisionVerdict.ACCEPTED)
    assert one(root).fate is Fate.GOT
    assert said(root) == f"Got it: every check passed; released at {fate.time_of(made.ended_at, timezone.now())}."


def test_accepted_in_a_batch_that_expired_timed_out(root: User) -> None:
    about(Status.EXPIRED, DecisionVerdict.ACCEPTED)
    assert one(root).fate is Fate.LATE
    assert said(root).startswith("Timed out: accepted (every check passed); the batch was not released before")


def test_a_rejection_confirmed_before_the_deadline_holds_although_the_batch_expired(root: User) -> None:
    about(Status.EXPIRED, answer=Answer.CONFIRMED, reason="rule", text="No consent")
    assert one(root).fate is Fate.NOT


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer.LOST, "its answer was lost"),
        (Answer.REFUSED, "did not take the rejection"),
        (Answer.NONE, "not released"),
    ],
)
def test_a_rejection_without_confirmation_timed_out(root: User, answer: Answer, words: str) -> None:
    about(Status.EXPIRED, answer=answer, reason="rule", text="No consent")
    assert one(root).fate is Fate.LATE
    assert words in said(root) and "No consent" in said(root)


def test_where_the_release_was_called_and_not_confirmed_nobody_can_say(root: User) -> None:
    about(Status.EXPIRED, DecisionVerdict.ACCEPTED, finish_sent_at=timezone.now(), finish_lost=True)
    assert one(root).fate is Fate.UNKNOWN
    assert "Symplify did not confirm it" in said(root)


def test_a_release_that_a_person_took_on_is_not_told_as_certain(root: User) -> None:
    about(verdict=DecisionVerdict.ACCEPTED, finish_status=503)
    assert one(root).fate is Fate.UNKNOWN


def test_a_rejection_that_a_person_took_on_is_not_told_as_certain(root: User) -> None:
    about(answer=Answer.TAKEN_ON, reason="rule", text="No consent")
    assert one(root).fate is Fate.UNKNOWN
    assert "a person took that on" in said(root)


def test_a_held_batch_is_not_final(root: User) -> None:
    about(Status.IN_REVIEW, decided_at=None, reason="rule", text="No consent")
    assert one(root).fate is Fate.OPEN
    assert said(root) == "Not final yet: rejected (No consent); the batch is at “Waiting for review”."


def test_a_batch_that_was_rejected_whole_is_told_though_the_decision_was_not_turned(root: User) -> None:
    made = about(Status.EXPIRED, DecisionVerdict.ACCEPTED)
    record([made.pk], EventWord.MOVED, now=timezone.now(), old="in_review", new="refused", user=root)
    assert "the whole batch was rejected" in said(root)
    assert fate.ruled(one(root), timezone.now()).startswith("root rejected the batch at")


def test_an_acceptance_that_was_undone_is_nobodys(root: User) -> None:
    made = about(Status.IN_REVIEW, DecisionVerdict.ACCEPTED, decided_at=None)
    record([made.pk], EventWord.MOVED, now=timezone.now(), old="in_review", new="accepted", user=root)
    assert fate.ruled(one(root), timezone.now()) == ""


def test_who_put_a_contact_back_is_named_with_the_note(root: User) -> None:
    about(verdict=DecisionVerdict.ACCEPTED, reason="person", text="asked for it by phone", decided_by=root)
    assert "asked for it by phone, decided by root; released" in said(root)


def test_what_was_written_is_told_as_far_as_it_is_certain(root: User) -> None:
    made = about(verdict=DecisionVerdict.ACCEPTED, plan=plan(POINTS))
    run = EffectRun.objects.create(
        batch=made,
        step=0,
        identifier="points",
        kind="contact_update",
        phase="enrich",
        on_failure="hold",
        total=3,
        done=3,
        ended_at=timezone.now(),
    )
    assert one(root).wrote == ("“points” was carried out for everybody for whom it was prepared (3).",)
    EffectRun.objects.filter(pk=run.pk).update(done=2, left_out=1)
    assert one(root).wrote == ()
    refused = PendingEffect(
        decision_id=made.first_decision, step=0, payload="{}", state=1, text="api.example.com answered 400."
    )
    refused.save()
    assert one(root).wrote == ("“points” was not carried out for this contact: api.example.com answered 400.",)


def test_the_code_that_a_contact_holds_is_told(root: User) -> None:
    made = about(verdict=DecisionVerdict.ACCEPTED)
    EffectRun.objects.create(
        batch=made, step=0, identifier="code", kind="promo_code", phase="enrich", on_failure="hold"
    )
    pool = CodePool.objects.create(name="summer")
    code = PromoCode.objects.create(pool=pool, text="S-17", reserved_for=made.pk, holder=holder_of(made.pk, WHO))
    assert one(root).wrote == ("The code S-17 of “summer” is reserved for this contact.",)
    PromoCode.objects.filter(pk=code.pk).update(used_at=timezone.now())
    assert one(root).wrote == ("The code S-17 of “summer” was given to this contact.",)


def test_newest_first_page_after_page_each_decision_once(root: User) -> None:
    made = [about() for _ in range(7)]
    pages, before = [], None
    while True:
        page = find.find(WHO, root, before=before, limit=3)
        pages.append([found.batch.pk for found in page.found])
        before = page.before
        if before is None:
            break
    newest = [each.pk for each in reversed(made)]
    assert pages == [newest[:3], newest[3:6], newest[6:]]


def test_a_person_finds_only_what_is_in_their_projects(root: User) -> None:
    own, other = about(sendout=sendout("Newsletter")), about(sendout=sendout("Boutique"))
    limited = user_in("Reviewer")
    reach = Reach.objects.create(user=limited)
    reach.projects.add(own.project)
    assert [found.batch.pk for found in find.find(WHO, limited).found] == [own.pk]
    assert [found.batch.pk for found in find.find(WHO, root).found] == [other.pk, own.pk]
    client = Client()
    client.force_login(limited)
    shown = text_of(client.post(URL, {"contact": WHO}))
    assert page_url(own) in shown and page_url(other) not in shown and "in the projects that you see" in shown
    answer = program_of(limited).post("/api/contacts/find/", {"contact_id": WHO}, format="json").json()
    assert [each["batch"] for each in answer["results"]] == [own.pk]


def test_a_contact_in_many_projects_that_the_reader_does_not_see_costs_a_bounded_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(find, "PIECE", 2)
    monkeypatch.setattr(find, "PIECES", 3)
    own = about(sendout=sendout("Newsletter"))
    for _ in range(9):
        about(sendout=sendout("Boutique"))
    limited = user_in("Reviewer")
    Reach.objects.create(user=limited).projects.add(own.project)
    first = find.find(WHO, limited)
    assert (first.found, first.thin) == ([], True) and first.before is not None
    second = find.find(WHO, limited, before=first.before)
    assert [found.batch.pk for found in second.found] == [own.pk]


def test_a_page_asks_the_database_a_fixed_number_of_times(root: User) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            find.find(WHO, root)
        return len(queries)

    about()
    few = asked()
    for _ in range(10):
        about(verdict=DecisionVerdict.ACCEPTED)
    assert asked() == few


def test_a_row_that_could_not_be_read_is_found_by_its_id(root: User) -> None:
    made = batch(unread=1)
    Decision.objects.filter(pk=made.first_decision).update(contact_id=WHO, reason="no_uri")
    assert "its reject address is missing" in said(root)


def test_the_page_tells_the_newest_first_and_links_to_the_batch_without_the_id(root: User) -> None:
    about(verdict=DecisionVerdict.ACCEPTED)
    made = about(answer=Answer.CONFIRMED, reason="rule", text="No consent")
    shown = text_of(client_of("Reviewer").post(URL, {"contact": f" {WHO} "}))
    assert f"{WHO} did not get “Day 1”." in shown
    assert f"{page_url(made)}?tab=rejected#contacts" in shown
    assert f"={WHO}" not in shown


def test_the_link_leads_to_the_page_that_begins_with_this_contact(root: User) -> None:
    made = batch(accepted=1, rejected=3)
    found = find.find("A-2", root).found[0]
    page = client_of("Reviewer").get(batch_link(found)).context["page"]
    assert [row.contact for row in page.contacts.rows][:1] == ["A-2"]
    assert found.batch == made


def test_looking_is_done_by_post_and_nothing_found_says_for_how_long_decisions_are_kept(settings: Any) -> None:
    settings.RETENTION_DAYS = 30
    client = client_of("Reviewer")
    assert WHO not in text_of(client.get(f"{URL}?contact={WHO}"))
    shown = text_of(client.post(URL, {"contact": "A-99999"}))
    assert "No decision about A-99999 in the last 30 days. Check the id: capitals and dashes count." in shown


@pytest.mark.parametrize("asked", ["\0", "A\0", "' OR 1=1 --", "%", "x" * 300, "é" * 255])
def test_whatever_is_asked_finds_nobody_else(asked: str) -> None:
    about()
    answer = client_of("Reviewer").post(URL, {"contact": asked, "before": "-1"})
    assert answer.status_code == 200 and "gate-hit" not in text_of(answer)


@pytest.mark.parametrize("role", ["staff", "Viewer"])
def test_who_may_not_see_contacts_finds_nobody(role: str) -> None:
    about()
    client = client_of(role)
    assert client.post(URL, {"contact": WHO}).status_code == 403
    assert "find-contact" not in text_of(client.get("/admin/"))


def test_programs_are_told_the_same(root: User) -> None:
    made = about(answer=Answer.CONFIRMED, reason="rule", text="No consent")
    about(Status.EXPIRED, DecisionVerdict.ACCEPTED)
    client = program_of(root)
    answer = client.post("/api/contacts/find/", {"contact_id": WHO, "limit": 1}, format="json").json()
    assert [each["fate"] for each in answer["results"]] == ["late"]
    answer = client.post(
        "/api/contacts/find/", {"contact_id": WHO, "before": answer["next_before"]}, format="json"
    ).json()
    (found,) = answer["results"]
    assert answer["next_before"] is None
    assert (found["batch"], found["row"], found["fate"], found["verdict"]) == (made.pk, 0, "not", "rejected")
    assert found["sentence"] == "Did not get it: No consent; Symplify confirmed the rejection."


def test_a_program_that_sees_contacts_but_no_batches_finds_nobody() -> None:
    about()
    user = user_in("staff")
    user.user_permissions.add(
        *User.objects.get(pk=user_in("Reviewer").pk).user_permissions.filter(codename="view_contacts")
    )
    answer = program_of(User.objects.get(pk=user.pk)).post("/api/contacts/find/", {"contact_id": WHO}, format="json")
    assert answer.status_code == 403
