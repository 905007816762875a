"""Every verb against the rules: who may, in which status, with which note, on what they saw, and after whom.

The stage meets every combination where a verb is possible. Desk and API hand the act on: they meet each way in which an act can be wrong.
"""

from collections.abc import Callable, Iterator
from itertools import groupby, product
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import Permission, User
from django.db import transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from api.verbs import OFFERS
from desk import verbs as desk_verbs
from desk.verbs.views import DIALOG
from sendouts.models import Batch, BulkChange, DecisionVerdict, EffectRun, Event, Hold, Status
from sendouts.verbs import VERBS, ChangeAlike, ChangeDecisions, single_sets
from sendouts.verbs.base import Act, NotDone, Verb
from sendouts.verbs.change_many import Which
from tests.factories import ROLES, batch, offer, verb_url

pytestmark = pytest.mark.django_db
OPEN = "planned screened in_review accepted refused delivered"


class Rule(NamedTuple):
    """What docs/desk.md and docs/api.md say of a verb.

    role: the least that may; events: what stands in the history then; page and path: what follows the batch's address.
    """

    statuses: str
    role: str
    needs_note: bool
    events: str
    page: tuple[Any, ...]
    path: str | None = None


RULES = {
    "accept": Rule("in_review", "Reviewer", False, "accepted", ("accept",), "accept"),
    "reject": Rule("in_review", "Reviewer", True, "refused", ("refuse",), "reject"),
    "take-back": Rule("in_review", "Reviewer", False, "taken_back", ("take-back",), "take-back"),
    "change": Rule("in_review", "Reviewer", True, "changed", ("contact", 0, "accept"), "change"),
    "change-many": Rule("in_review", "Reviewer", True, "changed", ("many", "accept"), "change"),
    "cancel-change": Rule("in_review", "Reviewer", False, "change_ended", ("cancel-change",), "cancel-change"),
    "hold": Rule("in_review", "Reviewer", True, "held", ("hold",), "hold"),
    "lift-hold": Rule("in_review", "Reviewer", False, "hold_lifted", ("lift-hold",), "lift-hold"),
    "run-again": Rule("planned in_review", "Reviewer", False, "planned restarted", ("run-again",)),
    "allow-host": Rule("planned in_review", "Manager", False, "planned restarted", ("allow-host",), "allow-host"),
    "use-file": Rule("planned in_review", "Reviewer", False, "file_used", ("use-file",)),
    "retry": Rule("planned screened accepted refused delivered", "Reviewer", False, "retried", ("retry",)),
    "undo": Rule("accepted refused delivered", "Reviewer", False, "in_review", ("undo",), "undo"),
    "give-up": Rule("planned in_review accepted refused delivered", "Reviewer", True, "abandoned", ("give-up",)),
    "take-on": Rule("accepted refused delivered", "Manager", True, "taken_on", ("take-on",)),
    "whole-file": Rule("in_review", "Manager", True, "taken_on", ("whole-file",)),
    "go-without": Rule("accepted", "Manager", True, "taken_on", ("go-without",)),
    "send-again": Rule("finished", "Reviewer", False, "retried", ("send-again",)),
}
# While many decisions are being changed.
MEANWHILE = {"cancel-change", "hold"}
PEOPLE = ("nobody", "Viewer", "Reviewer", "Manager")
# Who accepted before: two people are not needed, are needed and nobody has, a colleague has, the same person has.
SECONDS = ("alone", "needed", "colleague", "own")
NOTE = "The shop called."


class Case(NamedTuple):
    """One act."""

    role: str = "Manager"
    note: str = NOTE
    fresh: bool = True


WRONG = (*(Case(role) for role in PEOPLE[:-1]), Case(note=""), Case(fresh=False))
EVERY = tuple(Case(*each) for each in product(PEOPLE, (NOTE, ""), (True, False)))


def expected(name: str, status: str, case: Case, second: str = "alone") -> str:
    """Return the code of the refusal, or `done`, or `first_accepted` for the first acceptance of two."""
    rule = RULES[name]
    if PEOPLE.index(case.role) < PEOPLE.index(rule.role):
        return "not_allowed"
    if status not in rule.statuses.split():
        return "moved_on"
    if not case.fresh:
        return "changed"
    if rule.needs_note and not case.note:
        return "note_needed"
    if name == "accept":
        return {"needed": "first_accepted", "own": "second_person"}.get(second, "done")
    if name == "take-back":
        return "done" if second == "own" else "nothing"
    return "done"


@pytest.fixture
def people(db: None) -> dict[str, User]:
    found = {}
    for role in (*PEOPLE, "colleague"):
        found[role] = User.objects.create_user(role, is_staff=True)
        names = {codename for _app, codename in ROLES.get(role, ())}
        found[role].user_permissions.set(Permission.objects.filter(codename__in=names))
    return found


def ready(name: str, status: str, colleague: User) -> Batch:
    """A batch for which the verb is possible, were it not for its status."""
    now = timezone.now()
    columns: dict[str, Any] = {"accepted": 3, "rejected": 2, "revision": 3}
    if name in {"retry", "take-on", "go-without"} or (name == "run-again" and status == Status.PLANNED):
        columns["attention"] = {"take-on": "unconfirmed", "go-without": "effect_failed"}.get(name, "worker_died")
    if name == "whole-file" and status == Status.IN_REVIEW:
        columns |= {"attention": "no_proven_end", "file_complete": False}
    if name == "allow-host":
        waits = {"rows": 1, "code": "host_not_listed", "host": "a.example.com", "hosts": ["a.example.com"]}
        columns |= {"attention": "host_not_listed", "attention_data": waits}
    if name == "use-file":
        columns["attention"] = "no_proven_end"
    if status == Status.FINISHED:
        columns |= {"outcome": "released", "finish_sent_at": now, "confirmed": 2}
    if status not in OPEN.split():
        columns["ended_at"] = now
    made = batch(Status(status), **columns)
    if name == "cancel-change":
        change_under_way(made, colleague)
    elif name == "lift-hold":
        Hold.objects.create(batch=made, user=colleague, note="Wait.", at=now, declared="accept")
    elif name == "use-file":
        offer(made)
    elif name == "send-again":
        told = {"identifier": "crm", "kind": "transfer_http", "on_failure": "hold", "error": "It answered 401."}
        EffectRun.objects.create(batch=made, step=1, phase="transfer", total=3, **told)
    return made


def change_under_way(made: Batch, user: User) -> None:
    values = {
        "note": "They agreed.",
        "verdict": DecisionVerdict.ACCEPTED,
        "before": DecisionVerdict.REJECTED,
        "expected": 2,
    }
    BulkChange.objects.create(batch=made, user=user, begun_at=timezone.now(), **values)


def first_acceptance(made: Batch, second: str, user: User, colleague: User) -> None:
    """Store who has accepted the batch as the first of two."""
    made.project.second_person_from = None if second == "alone" else 1
    made.project.save(update_fields=["second_person_from"])
    by = {"colleague": colleague, "own": user}.get(second)
    columns: dict[str, Any] = dict.fromkeys(("first_accepted_by", "first_accepted_at", "first_revision"))
    if by is not None:
        columns = {"first_accepted_by": by, "first_accepted_at": timezone.now(), "first_revision": made.revision}
    Batch.objects.filter(pk=made.pk).update(first_undecided="reject" if by else "", **columns)


def verb_of(name: str, made: Batch) -> Verb[Any]:
    if name == "change":
        return ChangeDecisions([made.first_decision], DecisionVerdict.ACCEPTED)
    if name == "change-many":
        return ChangeAlike(Which(DecisionVerdict.REJECTED), DecisionVerdict.ACCEPTED)
    return VERBS[name]()


def came_of(name: str, made: Batch, user: User, note: str, call: Callable[[], str]) -> str:
    """Return the refusal that a call says or, where that is empty, what it did; then take everything back.

    A refusal must have changed nothing, and what was done must be in the history, with who and why.
    """
    with transaction.atomic():
        said = call()
        batch_now = Batch.objects.get(pk=made.pk)
        event = Event.objects.filter(batch=made, user=user).order_by("pk").last()
        if said:
            assert (batch_now.status, batch_now.revision, event) == (made.status, made.revision, None)
        else:
            assert event is not None and event.note == note
            said = event.new or event.word
            said = "done" if said in RULES[name].events.split() else said
        transaction.set_rollback(True)
    return said


def run(name: str, made: Batch, user: User, case: Case) -> str:
    act = Act(user, made.revision - (not case.fresh), case.note, timezone.now())

    def call() -> str:
        try:
            verb_of(name, made).run(made.pk, act)
        except NotDone as refusal:
            assert str(refusal)
            return refusal.code
        return ""

    return came_of(name, made, user, case.note, call)


def post(client: Client, name: str, made: Batch, user: User, case: Case) -> str:
    """Post what the dialog of the verb would; a refusal is known by its status."""
    query = "?verdict=rejected" if name == "change-many" else ""
    body = {"revision": made.revision - (not case.fresh), "note": case.note}
    refusals = {200: "note_needed", 403: "not_allowed"}

    def call() -> str:
        answer = client.post(verb_url(made, *RULES[name].page) + query, body, headers={DIALOG: "1"})
        done = answer["Content-Type"] == "application/json"
        return "" if done else refusals.get(answer.status_code, str(answer.status_code))

    return came_of(name, made, user, case.note, call)


def ask(client: APIClient, name: str, made: Batch, user: User, case: Case) -> str:
    """Ask for the verb as a program does; a refusal has a code, and the status that fits it."""
    body: dict[str, Any] = {"revision": made.revision - (not case.fresh), "note": case.note}
    if name.startswith("change"):
        which = {"rows": [0]} if name == "change" else {"alike": {"verdict": "rejected"}}
        body |= {"verdict": "accepted", **which}
    statuses = {"": 200, "not_allowed": 403, "permission_denied": 403, "note_needed": 400, "nothing": 400}

    def call() -> str:
        answer = client.post(f"/api/batches/{made.pk}/{RULES[name].path}/", body, format="json")
        code = "" if answer.status_code == 200 else answer.json()["code"]
        assert answer.status_code == statuses.get(code, 409), code
        return str(code)

    return came_of(name, made, user, case.note, call)


def wrong_ways(name: str) -> Iterator[tuple[str, Case, str]]:
    """Every status; where the verb is possible, everything else that can be wrong, one at a time; who accepted before."""
    for status in Status.values:
        yield status, Case(), "own" if name == "take-back" else "alone"
        if status in RULES[name].statuses.split():
            yield from ((status, case, "own" if name == "take-back" else "alone") for case in WRONG)
    if "in_review" in RULES[name].statuses.split():
        yield from (("in_review", Case(), second) for second in SECONDS[1:])


def test_the_rules_name_every_verb_page_and_path() -> None:
    assert set(RULES) == set(VERBS)
    assert {rule.path for rule in RULES.values() if rule.path} == set(OFFERS)
    assert {rule.page[0] for rule in RULES.values()} == {*desk_verbs.VERBS, "contact", "many"}


def all_ways(name: str, status: str) -> Iterator[tuple[str, Case]]:
    """Every combination where the verb is possible; where it is not, what is asked before the status, and after it."""
    possible = status in RULES[name].statuses.split()
    yield from product(SECONDS[:1], EVERY if possible else (*map(Case, PEOPLE), Case(note="", fresh=False)))
    if status == "in_review":
        yield from product(SECONDS[1:], EVERY if name in {"accept", "take-back"} else map(Case, PEOPLE))


@pytest.mark.parametrize("name", RULES)
def test_the_stage_keeps_the_rules(people: dict[str, User], name: str) -> None:
    found, wanted = {}, {}
    for status in Status.values:
        made = ready(name, status, people["colleague"])
        for second, case in all_ways(name, status):
            first_acceptance(made, second, people[case.role], people["colleague"])
            found[status, second, case] = run(name, made, people[case.role], case)
            wanted[status, second, case] = expected(name, status, case, second)
    assert found == wanted


@pytest.mark.parametrize("name", RULES)
def test_the_desk_keeps_the_rules(people: dict[str, User], name: str) -> None:
    batches = {status: ready(name, status, people["colleague"]) for status in Status.values}
    client, page = Client(), RULES[name].page[0]
    for role, ways in groupby(sorted(wrong_ways(name), key=_role), key=_role):
        client.force_login(user := people[role])
        for status, case, second in ways:
            first_acceptance(made := batches[status], second, user, people["colleague"])
            wanted = expected(name, status, case, second)
            told = wanted if wanted in {"done", "first_accepted", "not_allowed", "note_needed"} else "409"
            assert post(client, name, made, user, case) == told, (status, case, second)
            if page in desk_verbs.VERBS and case.note and case.fresh:
                made = Batch.objects.select_related("project", "sendout", "plan").get(pk=made.pk)
                offered = {verb.name for verb in desk_verbs.offered(made, user, timezone.now())}
                assert (page in offered) == (wanted in {"done", "first_accepted"}), (status, case, second)


def _role(way: tuple[str, Case, str]) -> str:
    return way[1].role


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.path])
def test_the_api_keeps_the_rules(people: dict[str, User], name: str) -> None:
    batches = {status: ready(name, status, people["colleague"]) for status in Status.values}
    client = APIClient()
    for status, case, second in wrong_ways(name):
        client.force_authenticate(user := people[case.role])
        first_acceptance(made := batches[status], second, user, people["colleague"])
        # Without the permission to look, the framework refuses before the verb.
        wanted = "permission_denied" if case.role == "nobody" else expected(name, status, case, second)
        assert ask(client, name, made, user, case) == wanted, (status, case, second)


@pytest.mark.parametrize("name", ["accept", "reject"])
def test_a_set_of_singles_keeps_the_rules(people: dict[str, User], name: str) -> None:
    made = ready(name, "in_review", people["colleague"])
    Batch.objects.filter(pk=made.pk).update(source="single")
    found, wanted = {}, {}
    for second, case in product(SECONDS, (Case(), *WRONG)):
        user = people[case.role]
        first_acceptance(made, second, user, people["colleague"])
        seen, act = {made.pk: made.revision - (not case.fresh)}, Act(user, None, case.note, timezone.now())

        def call(seen: dict[int, int] = seen, act: Act = act) -> str:
            return "left" if single_sets.decide(VERBS[name](), seen, act).left else ""

        found[second, case] = came_of(name, made, user, case.note, call)
        code = expected(name, "in_review", case, second)
        wanted[second, case] = code if code in {"done", "first_accepted"} else "left"
    assert found == wanted


@pytest.mark.parametrize("name", RULES)
def test_after_the_deadline_nothing_is_done_to_an_open_batch(people: dict[str, User], name: str) -> None:
    for status in RULES[name].statuses.split():
        made = ready(name, status, people["colleague"])
        Batch.objects.filter(pk=made.pk).update(deadline=timezone.now())
        late = "moved_on" if status in OPEN.split() else "done"
        assert run(name, made, people["Manager"], Case()) == late, status


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if "in_review" in rule.statuses.split()])
def test_while_many_decisions_are_changed_only_some_verbs_are_possible(people: dict[str, User], name: str) -> None:
    made = ready(name, "in_review", people["colleague"])
    if name != "cancel-change":
        change_under_way(made, people["colleague"])
    client = Client()
    client.force_login(people["Manager"])
    found = run(name, made, people["Manager"], Case())
    assert found == ("done" if name in MEANWHILE else "changing")
    assert post(client, name, made, people["Manager"], Case()) == ("done" if name in MEANWHILE else "409")
