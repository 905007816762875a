"""Consent services of other forms are asked and understood by configuration alone, over real HTTP."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from actions.catalog.consent_check.kind import ConsentCheck
from actions.contract import Contact, Retryable, Verdict, Word
from actions.plan import questions
from actions.plan.run import Result
from outbound import breaker
from outbound.breaker import service_breakers
from outbound.guard import AllowList
from sendouts.services.context import staff_session
from simulator.client import Simulator
from tests.actions.helpers import make_context, planned, run

GIVEN_AT = datetime(2026, 1, 31, 8, 30, tzinfo=UTC)
YES, NO, OPEN = Word.ACCEPT, Word.REJECT, Word.UNDECIDED


@pytest.fixture(scope="module")
def running_simulator() -> Iterator[Simulator]:
    with Simulator.start() as simulator:
        yield simulator


@pytest.fixture
def sim(running_simulator: Simulator) -> Simulator:
    running_simulator.reset()
    service_breakers.forget()
    return running_simulator


def contacts(*numbers: int) -> list[Contact]:
    return [Contact(f"A-{each}", {"properties": {"email": f"Client{each}@Example.com"}}) for each in numbers]


def config(sim: Simulator, path: str, **more: Any) -> dict[str, Any]:
    return {"url": f"{sim.url}/consent/{path}", **more}


def objects(sim: Simulator, **more: Any) -> dict[str, Any]:
    """A service that gets a list of objects and answers with another, with states and times."""
    mapping: dict[str, Any] = {
        "method": "PUT",
        "body": {"people": [{"key": "{id}"}], "purpose": "{project}: {sendout}"},
        "shape": "objects",
        "answers_at": "/data/items",
        "id_at": "key",
        "value_at": "state",
        "yes_values": ["granted"],
        "no_values": ["withdrawn"],
        "recorded_at": "since",
    }
    return config(sim, "people", **(mapping | more))


def one_by_one(sim: Simulator, **more: Any) -> dict[str, Any]:
    mapping: dict[str, Any] = {
        "method": "GET",
        "asks": "contact",
        "shape": "value",
        "answers_at": "consent.mail",
        "recorded_at": "consent.recorded",
    }
    return config(sim, "people/{id}", **(mapping | more))


def suppressed(sim: Simulator, **more: Any) -> dict[str, Any]:
    mapping: dict[str, Any] = {
        "method": "GET",
        "identifier": "properties.email",
        "ignore_case": True,
        "shape": "refusing",
        "answers_at": "suppressed",
        "id_at": "email",
        "absent": "accept",
        "recorded_at": "since",
    }
    return config(sim, "suppressed?emails={ids}", **(mapping | more))


def ask(wanted: dict[str, Any], people: list[Contact]) -> list[Verdict]:
    kind = ConsentCheck(ConsentCheck.read_config(wanted))
    return list(kind.check(people, make_context()))


def words(verdicts: list[Verdict]) -> list[Word]:
    return [verdict.word for verdict in verdicts]


def through_plan(wanted: dict[str, Any], people: list[Contact]) -> Result:
    return run([planned("consent_check", wanted)], people)


@pytest.mark.parametrize(("mapping", "questions"), [(objects, 1), (one_by_one, 3)])
def test_states_or_values_are_read_with_the_times_of_consent(sim: Simulator, mapping: Any, questions: int) -> None:
    sim.consent(refusing=["A-2"], unknown=["A-3"])
    verdicts = ask(mapping(sim), contacts(1, 2, 3))
    assert words(verdicts) == [YES, NO, OPEN]
    assert [verdict.evidence_at for verdict in verdicts] == [GIVEN_AT, GIVEN_AT, None]
    assert sim.consent_asked()["asked"] == {"people": questions}


def test_a_status_code_for_each_contact(sim: Simulator) -> None:
    mapping = {"method": "GET", "asks": "contact", "shape": "status", "yes_values": [200], "no_values": [404]}
    assert words(ask(config(sim, "status/{id}", **mapping), contacts(1, 10))) == [YES, NO]


def test_who_is_missing_in_a_list_is_judged_as_the_configuration_says(sim: Simulator) -> None:
    mapping = {"body": {"ids": "{ids}"}, "shape": "consenting", "answers_at": "."}
    for absent, word in (("hold", OPEN), ("reject", NO)):
        assert words(ask(config(sim, "consenting", **mapping, absent=absent), contacts(1, 10))) == [YES, word]
    for absent, word in (("hold", OPEN), ("accept", YES)):
        verdicts = ask(suppressed(sim, absent=absent), contacts(1, 10))
        assert (words(verdicts), verdicts[1].evidence_at) == ([word, NO], GIVEN_AT)


def test_capitals_do_not_hide_a_refusal_where_they_do_not_count(sim: Simulator) -> None:
    assert words(ask(suppressed(sim), contacts(10))) == [NO]
    assert words(ask(suppressed(sim, ignore_case=False, absent="hold"), contacts(10))) == [OPEN]


def test_without_a_time_of_its_own_the_evidence_is_the_answer(sim: Simulator) -> None:
    before = datetime.now(UTC)
    verdicts = ask(config(sim, "check"), contacts(1, 10))
    assert words(verdicts) == [YES, NO]
    assert all(before <= (verdict.evidence_at or before) <= datetime.now(UTC) for verdict in verdicts)
    assert None not in [verdict.evidence_at for verdict in verdicts]


def test_who_lacks_the_field_is_undecided_and_not_asked_about(sim: Simulator) -> None:
    lacking = [Contact("A-5", {}), Contact("A-6", {"email": " "}), Contact("A-7", {"email": ["x@example.com"]})]
    verdicts = ask(suppressed(sim), [*lacking, *contacts(1)])
    assert words(verdicts) == [OPEN, OPEN, OPEN, YES]
    assert {verdict.code for verdict in verdicts[:3]} == {"missing"}
    assert sim.consent_asked()["most_in_one"] == 1
    assert words(ask(suppressed(sim), lacking)) == [OPEN] * 3
    assert sim.consent_asked()["asked"] == {"suppressed": 1}


@pytest.mark.parametrize("hostile", ["..", ".", "../people/A-1", "A-1/../A-2", "a?b=c", "a#b", "a b", "é", "%2e%2e"])
def test_an_id_never_leads_to_another_address(sim: Simulator, hostile: str) -> None:
    sim.consent(refusing=[hostile])
    (verdict,) = ask(one_by_one(sim), [Contact(hostile, {})])
    assert verdict.word == (OPEN if hostile in {".", ".."} else NO)


@pytest.mark.parametrize("mapping", [objects, one_by_one, suppressed])
def test_another_form_than_was_declared_accepts_nobody(sim: Simulator, mapping: Any) -> None:
    sim.faults([{"kind": "wrong_shape"}])
    assert set(words(through_plan(mapping(sim), contacts(1, 2)).verdicts)) == {OPEN}


@pytest.mark.parametrize(
    ("mapping", "fault"),
    [
        (objects, {"kind": "status", "status": 503}),
        (one_by_one, {"kind": "status", "status": 429, "retry_after": 0}),
        (suppressed, {"kind": "reset_before"}),
        (objects, {"kind": "cut"}),
    ],
)
def test_a_service_that_stumbles_is_asked_again(
    sim: Simulator, mapping: Any, fault: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "FIRST_DELAY", 0.001)
    sim.faults([{"on": "consent", "times": 1, **fault}])
    result = through_plan(mapping(sim), contacts(*range(1, 21)))
    assert result.failures == ()
    assert [verdict.word for verdict in result.verdicts] == [NO if n % 10 == 0 else YES for n in range(1, 21)]


def test_a_failure_about_one_contact_concerns_nobody_else(sim: Simulator) -> None:
    sim.faults([{"kind": "status", "on": "consent", "status": 422, "total": 1}])
    result = through_plan(one_by_one(sim, parallel=1), contacts(1, 2, 3))
    assert [verdict.word for verdict in result.verdicts] == [OPEN, YES, YES]
    assert [failure.contacts for failure in result.failures] == [1]


def test_the_rate_is_kept_by_all_threads_together_and_is_no_failure(sim: Simulator) -> None:
    began = datetime.now(UTC)
    result = through_plan(one_by_one(sim, parallel=8, per_second=40), contacts(*range(1, 31)))
    took = (datetime.now(UTC) - began).total_seconds()
    assert result.failures == ()
    assert sim.consent_asked()["asked"] == {"people": 30}
    # Thirty calls, of which a burst of four need not wait.
    assert took >= (30 - 5) / 40


def test_a_service_that_takes_no_calls_is_left_alone(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "SECONDS", 0.0)
    monkeypatch.setattr(breaker, "FIRST_PROBE", 3_000.0)
    allow = AllowList.parse(["127.0.0.1"], allow_http=True)
    context = replace(make_context(), http=lambda: staff_session(allow))
    sim.faults([{"kind": "status", "on": "consent", "status": 500}])
    kind = ConsentCheck(ConsentCheck.read_config(one_by_one(sim)))
    waits = []
    for _ in range(30):
        with pytest.raises(Retryable) as caught:
            kind.check(contacts(1), context)
        waits.append(caught.value.retry_after or 0)
    assert sim.consent_asked()["asked"] == {"people": 10}
    assert all(2_990 < wait <= 3_000 for wait in waits[10:])
