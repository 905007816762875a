"""Checks run in pages over a chunk, and nothing that a kind does ends the run or accepts anybody silently."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from actions.contract import ACCEPT, Contact, Permanent, Retryable, Verdict, Word, reject, undecided
from actions.plan import run as plan_run
from actions.plan.merge import PlannedAction
from actions.plan.run import Stopped, run_plan
from actions.sentences import write
from tests.actions.helpers import accept_all, make_context, people, planned, scripted

NO = reject("no", "No")
PERHAPS = undecided("perhaps", "Perhaps")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as executor:
        yield executor


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_run, "FIRST_DELAY", 0.001)
    monkeypatch.setattr(plan_run, "LONGEST_DELAY", 0.004)


def run(
    actions: Sequence[PlannedAction],
    contacts: Sequence[Contact],
    pool: ThreadPoolExecutor,
    seconds: float = 30.0,
    **other: Any,
) -> plan_run.Result:
    context = make_context(seconds)
    return run_plan(actions, contacts, lambda action: context, pool=pool, **other)


def words(result: plan_run.Result) -> list[str]:
    return [verdict.word for verdict in result.verdicts]


def by_place(**verdicts: Verdict) -> Any:
    """Answer by the number of the contact: p3=NO rejects A-3."""
    return lambda page: [verdicts.get(f"p{contact.fields['place']}", ACCEPT) for contact in page]


def test_without_actions_everybody_is_accepted_by_nobody(pool: ThreadPoolExecutor) -> None:
    result = run([], people(2), pool)
    assert result.verdicts == [ACCEPT, ACCEPT]
    assert result.action == ["", ""]
    assert result.steps == [-1, -1]


def test_the_first_rejection_is_the_reason_and_the_rejected_are_not_asked_again(
    monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor
) -> None:
    scripted(monkeypatch, by_place(p1=NO), "first")
    second = scripted(monkeypatch, by_place(p1=reject("late", "Late"), p2=reject("late", "Late")), "second")
    result = run([planned("first", identifier="x"), planned("second", identifier="y")], people(4), pool)
    assert [verdict.code for verdict in result.verdicts] == ["", "no", "late", ""]
    assert result.action == ["", "x", "y", ""]
    assert result.steps == [-1, 0, 1, -1]
    assert second.pages == [["A-0", "A-2", "A-3"]]


def test_any_rejection_beats_undecided_and_the_first_doubt_is_kept(
    monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor
) -> None:
    scripted(monkeypatch, by_place(p0=PERHAPS, p1=PERHAPS), "first")
    scripted(monkeypatch, by_place(p0=NO, p1=undecided("other", "Other")), "second")
    result = run([planned("first", identifier="x"), planned("second", identifier="y")], people(3), pool)
    assert [verdict.code for verdict in result.verdicts] == ["no", "perhaps", ""]
    assert result.action == ["y", "x", ""]


@pytest.mark.parametrize("waits", [False, True])
def test_pages_have_the_size_of_the_kind_and_keep_the_order(
    monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor, waits: bool
) -> None:
    kind = scripted(monkeypatch, by_place(p0=NO, p25=PERHAPS), waits=waits)
    result = run([planned("scripted")], people(26), pool)
    assert sorted(len(page) for page in kind.pages) == [6, 10, 10]
    assert [place for place, word in enumerate(words(result)) if word != Word.ACCEPT] == [0, 25]


def test_a_kind_that_waits_is_asked_several_pages_at_once_and_no_more(
    monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor
) -> None:
    together = threading.Barrier(3)
    flying = [0, 0]
    lock = threading.Lock()

    def answer(page: Sequence[Contact]) -> list[Verdict]:
        with lock:
            flying[0] += 1
            flying[1] = max(flying)
        together.wait(10)
        with lock:
            flying[0] -= 1
        return accept_all(page)

    scripted(monkeypatch, answer, waits=True, parallel=3)
    assert words(run([planned("scripted")], people(90), pool)) == ["accept"] * 90
    assert flying[1] == 3


def test_a_retryable_failure_is_repeated_until_it_answers(
    monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor
) -> None:
    tries: list[int] = []

    def answer(page: Sequence[Contact]) -> list[Verdict]:
        tries.append(1)
        if len(tries) < 4:
            raise Retryable("Busy.")
        return accept_all(page)

    scripted(monkeypatch, answer, waits=True)
    result = run([planned("scripted")], people(1), pool)
    assert (result.verdicts, result.failures, len(tries)) == ([ACCEPT], (), 4)


def test_a_service_that_asks_for_more_patience_than_there_is_time_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor
) -> None:
    def answer(page: Sequence[Contact]) -> list[Verdict]:
        raise Retryable("Busy.", retry_after=3600)

    kind = scripted(monkeypatch, answer, waits=True)
    result = run([planned("scripted")], people(1), pool)
    assert words(result) == ["undecided"]
    assert write(result.failures[0].sentence) == "Busy. No time was left to ask again."
    assert len(kind.pages) == 1


def test_nobody_is_asked_once_the_time_is_used_up(monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor) -> None:
    kind = scripted(monkeypatch, accept_all, waits=True)
    result = run([planned("scripted")], people(5), pool, seconds=0)
    assert words(result) == ["undecided"] * 5
    assert kind.pages == []


def test_a_rule_that_does_not_wait_runs_even_without_time(pool: ThreadPoolExecutor) -> None:
    rule = planned("field_rule", {"field": "consent", "reject_if": {"equals": False}})
    assert words(run([rule], people(1, consent="non"), pool, seconds=0)) == ["reject"]


@pytest.mark.parametrize(("on_failure", "word"), [("hold", "undecided"), ("reject", "reject"), ("accept", "accept")])
def test_only_the_failed_page_is_treated_as_the_definition_says(
    monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor, on_failure: str, word: str
) -> None:
    def answer(page: Sequence[Contact]) -> list[Verdict]:
        if page[0].id == "A-10":
            raise Permanent("The credential is wrong.")
        return accept_all(page)

    scripted(monkeypatch, answer)
    result = run([planned("scripted", on_failure=on_failure, identifier="x")], people(25), pool)
    assert words(result) == ["accept"] * 10 + [word] * 10 + ["accept"] * 5
    assert {verdict.code for verdict in result.verdicts[10:20]} == {"action_failed"}
    (failure,) = result.failures
    assert (failure.identifier, failure.contacts, failure.became) == ("x", 10, word)
    assert failure.sentence == "The credential is wrong."


def test_letting_pass_what_failed_does_not_undo_a_doubt_and_the_next_action_is_still_asked(
    monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor
) -> None:
    def fail(page: Sequence[Contact]) -> list[Verdict]:
        raise Permanent("Broken.")

    scripted(monkeypatch, by_place(p0=PERHAPS), "doubt")
    scripted(monkeypatch, fail, "broken")
    scripted(monkeypatch, by_place(p1=NO, p2=PERHAPS), "last")
    steps = [planned("doubt"), planned("broken", on_failure="accept"), planned("last")]
    assert words(run(steps, people(4), pool)) == ["undecided", "reject", "undecided", "accept"]


WRONG_ANSWERS: list[Any] = [
    None,
    [],
    [ACCEPT],
    [ACCEPT] * 3,
    [True, True],
    ["accept", "accept"],
    [ACCEPT, None],
    {"A-0": ACCEPT, "A-1": ACCEPT},
    "ok",
    iter([ACCEPT, ACCEPT]),
]


@pytest.mark.parametrize("wrong", WRONG_ANSWERS)
def test_an_answer_that_breaks_the_contract_holds_the_page(
    monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor, wrong: Any
) -> None:
    scripted(monkeypatch, lambda page: wrong)
    result = run([planned("scripted")], people(2), pool)
    assert words(result) == ["undecided"] * 2
    assert result.failures[0].contacts == 2


@pytest.mark.parametrize("waits", [False, True])
def test_a_kind_that_crashes_holds_the_page_and_its_words_are_not_repeated(
    monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor, waits: bool
) -> None:
    def answer(page: Sequence[Contact]) -> list[Verdict]:
        raise KeyError("a.person@example.com")

    scripted(monkeypatch, answer, waits=waits)
    result = run([planned("scripted")], people(1), pool)
    assert words(result) == ["undecided"]
    assert write(result.failures[0].sentence) == "The kind scripted raised KeyError."
    assert "example.com" not in result.verdicts[0].text


def test_a_kind_that_is_gone_holds_everybody(pool: ThreadPoolExecutor) -> None:
    result = run([planned("gone")], people(3), pool)
    assert words(result) == ["undecided"] * 3
    assert write(result.failures[0].sentence) == "No kind is called “gone”."


@pytest.mark.parametrize("config", ["{}", "[]", "null", '{"field":"x","reject_if":{"like":1}}'])
def test_a_frozen_configuration_that_is_not_valid_any_more_holds_everybody(
    pool: ThreadPoolExecutor, config: str
) -> None:
    result = run([replace(planned("field_rule"), config=config)], people(3), pool)
    assert words(result) == ["undecided"] * 3
    assert write(result.failures[0].sentence).startswith("The configuration is not valid any more")


def test_a_kind_with_senseless_numbers_holds_everybody(
    monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor
) -> None:
    scripted(monkeypatch, accept_all, page_size="many")
    assert words(run([planned("scripted")], people(2), pool)) == ["undecided"] * 2


def test_a_credential_that_is_missing_is_a_failure_like_any_other(pool: ThreadPoolExecutor) -> None:
    def refuse(action: PlannedAction) -> Any:
        raise Permanent("No such credential.")

    rule = planned("field_rule", {"field": "x", "reject_if": {"missing": True}})
    result = run_plan([rule], people(2), refuse, pool=pool)
    assert words(result) == ["undecided"] * 2


def test_failures_of_many_pages_are_told_once_with_the_sum(
    monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor
) -> None:
    def answer(page: Sequence[Contact]) -> list[Verdict]:
        raise Permanent("Broken.")

    scripted(monkeypatch, answer, waits=True)
    result = run([planned("scripted")], people(35), pool)
    assert [failure.contacts for failure in result.failures] == [35]


def test_a_stop_interrupts_the_wait_between_two_tries(
    monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor
) -> None:
    stop = threading.Event()

    def answer(page: Sequence[Contact]) -> list[Verdict]:
        stop.set()
        raise Retryable("Busy.", retry_after=3000)

    scripted(monkeypatch, answer, waits=True)
    with pytest.raises(Stopped):
        run([planned("scripted")], people(50), pool, seconds=4000, stop=stop)


def test_a_run_that_is_stopped_before_it_begins_judges_nobody(pool: ThreadPoolExecutor) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        run([planned("field_rule", {"field": "x", "reject_if": {"missing": True}})], people(1), pool, stop=stop)


def test_texts_that_no_database_could_store_do_not_fail_the_chunk(
    monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor
) -> None:
    scripted(monkeypatch, lambda page: [reject("c\x00" * 100, "\ud800" + "t" * 10_000)])
    (verdict,) = run([planned("scripted")], people(1), pool).verdicts
    assert len(verdict.code) == 64
    assert len(verdict.text) == 500
    assert "\x00" not in verdict.code
    assert verdict.text.encode()
