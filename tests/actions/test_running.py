"""Checks run in pages over a chunk, and nothing that a kind does ends the run or accepts anybody silently."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from actions.contract import ACCEPT, Contact, Permanent, Retryable, Verdict, Word, reject, undecided
from actions.plan import questions
from actions.plan.merge import PlannedAction
from actions.plan.questions import Stopped
from actions.plan.run import Result
from actions.sentences import write
from tests.actions.helpers import Scripted, accept_all, people, planned, run, scripted

NO = reject("no", "No")
PERHAPS = undecided("perhaps", "Perhaps")
Script = Callable[..., type[Scripted]]
MISSING = planned("field_rule", {"field": "x", "reject_if": {"missing": True}})


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Put a scripted kind into the catalog; delays are short."""
    monkeypatch.setattr(questions, "FIRST_DELAY", 0.001)
    monkeypatch.setattr(questions, "LONGEST_DELAY", 0.004)
    return partial(scripted, monkeypatch)


def words(result: Result) -> list[str]:
    return [verdict.word for verdict in result.verdicts]


def judge(number: int, **more: Any) -> Result:
    """Run the scripted kind alone."""
    return run([planned("scripted")], people(number), **more)


def by_place(**verdicts: Verdict) -> Any:
    """Answer by the number of the contact: p3=NO rejects A-3."""
    return lambda page: [verdicts.get(f"p{contact.fields['place']}", ACCEPT) for contact in page]


def failing(error: Exception, page_of: str = "") -> Any:
    """Raise for every page, or only for the one that begins with a contact."""

    def answer(page: Sequence[Contact]) -> list[Verdict]:
        if page_of in ("", page[0].id):
            raise error
        return accept_all(page)

    return answer


def test_without_actions_everybody_is_accepted_by_nobody() -> None:
    result = run([], people(2))
    assert (result.verdicts, result.action, result.steps) == ([ACCEPT, ACCEPT], ["", ""], [-1, -1])


def test_the_first_rejection_is_the_reason_and_the_rejected_are_not_asked_again(script: Script) -> None:
    script(by_place(p1=NO), "first")
    second = script(by_place(p1=reject("late", "Late"), p2=reject("late", "Late")), "second")
    result = run([planned("first", identifier="x"), planned("second", identifier="y")], people(4))
    assert [verdict.code for verdict in result.verdicts] == ["", "no", "late", ""]
    assert (result.action, result.steps) == (["", "x", "y", ""], [-1, 0, 1, -1])
    assert second.pages == [["A-0", "A-2", "A-3"]]


def test_any_rejection_beats_undecided_and_the_first_doubt_is_kept(script: Script) -> None:
    script(by_place(p0=PERHAPS, p1=PERHAPS), "first")
    script(by_place(p0=NO, p1=undecided("other", "Other")), "second")
    result = run([planned("first", identifier="x"), planned("second", identifier="y")], people(3))
    assert [verdict.code for verdict in result.verdicts] == ["no", "perhaps", ""]
    assert result.action == ["y", "x", ""]


@pytest.mark.parametrize("waits", [False, True])
def test_pages_have_the_size_of_the_kind_and_keep_the_order(script: Script, waits: bool) -> None:
    kind = script(by_place(p0=NO, p25=PERHAPS), waits=waits)
    result = judge(26)
    assert sorted(len(page) for page in kind.pages) == [6, 10, 10]
    assert [place for place, word in enumerate(words(result)) if word != Word.ACCEPT] == [0, 25]


def test_a_kind_that_waits_is_asked_several_pages_at_once_and_no_more(script: Script) -> None:
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

    script(answer, waits=True, parallel=3)
    assert words(judge(90)) == ["accept"] * 90
    assert flying[1] == 3


def test_a_retryable_failure_is_repeated_until_it_answers(script: Script) -> None:
    left = [Retryable("Busy.")] * 3
    script(lambda page: failing(left.pop())(page) if left else accept_all(page), waits=True)
    result = judge(1)
    assert (result.verdicts, result.failures, left) == ([ACCEPT], (), [])


def test_a_service_that_asks_for_more_patience_than_there_is_time_is_not_waited_for(script: Script) -> None:
    kind = script(failing(Retryable("Busy.", retry_after=3600)), waits=True)
    result = judge(1)
    assert words(result) == ["undecided"]
    assert write(result.failures[0].sentence) == "Busy. No time was left to ask again."
    assert len(kind.pages) == 1


def test_nobody_is_asked_once_the_time_is_used_up(script: Script) -> None:
    kind = script(accept_all, waits=True)
    assert words(judge(5, seconds=0)) == ["undecided"] * 5
    assert kind.pages == []
    # A rule that does not wait needs no time.
    assert words(run([MISSING], people(1), seconds=0)) == ["reject"]


@pytest.mark.parametrize(("on_failure", "word"), [("hold", "undecided"), ("reject", "reject"), ("accept", "accept")])
def test_only_the_failed_page_is_treated_as_the_definition_says(script: Script, on_failure: str, word: str) -> None:
    script(failing(Permanent("The credential is wrong."), "A-10"))
    result = run([planned("scripted", on_failure=on_failure, identifier="x")], people(25))
    assert words(result) == ["accept"] * 10 + [word] * 10 + ["accept"] * 5
    assert {verdict.code for verdict in result.verdicts[10:20]} == {"action_failed"}
    (failure,) = result.failures
    assert (failure.identifier, failure.contacts, failure.became) == ("x", 10, word)
    assert failure.sentence == "The credential is wrong."


def test_letting_pass_what_failed_does_not_undo_a_doubt_and_the_next_action_is_still_asked(script: Script) -> None:
    script(by_place(p0=PERHAPS), "doubt")
    script(failing(Permanent("Broken.")), "broken")
    script(by_place(p1=NO, p2=PERHAPS), "last")
    steps = [planned("doubt"), planned("broken", on_failure="accept"), planned("last")]
    assert words(run(steps, people(4))) == ["undecided", "reject", "undecided", "accept"]


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
def test_an_answer_that_breaks_the_contract_holds_the_page(script: Script, wrong: Any) -> None:
    script(lambda page: wrong)
    result = judge(2)
    assert words(result) == ["undecided"] * 2
    assert result.failures[0].contacts == 2


@pytest.mark.parametrize("waits", [False, True])
def test_a_kind_that_crashes_holds_its_pages_and_its_words_are_not_repeated(script: Script, waits: bool) -> None:
    script(failing(KeyError("a.person@example.com")), waits=waits)
    result = judge(35)
    assert words(result) == ["undecided"] * 35
    (failure,) = result.failures
    assert (failure.contacts, write(failure.sentence)) == (35, "The kind scripted raised KeyError.")
    assert "example.com" not in result.verdicts[0].text


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (planned("gone"), "No kind is called “gone”."),
        *(
            (replace(MISSING, config=config), "The configuration is not valid any more")
            for config in ("{}", "[]", "null", '{"field":"x","reject_if":{"like":1}}')
        ),
        (planned("scripted"), "The kind scripted could not be made: ValueError."),
    ],
)
def test_a_kind_that_cannot_be_made_any_more_holds_everybody(
    script: Script, action: PlannedAction, sentence: str
) -> None:
    script(accept_all, page_size="many")
    result = run([action], people(3))
    assert words(result) == ["undecided"] * 3
    assert write(result.failures[0].sentence).startswith(sentence)


def test_a_credential_that_is_missing_is_a_failure_like_any_other() -> None:
    assert words(run([MISSING], people(2), make=failing_context)) == ["undecided"] * 2


def failing_context(action: PlannedAction) -> Any:
    raise Permanent("No such credential.")


def test_a_stop_interrupts_the_wait_between_two_tries(script: Script) -> None:
    stop = threading.Event()

    def answer(page: Sequence[Contact]) -> list[Verdict]:
        stop.set()
        raise Retryable("Busy.", retry_after=3000)

    script(answer, waits=True)
    with pytest.raises(Stopped):
        judge(50, seconds=4000, stop=stop)
    # A run that is stopped before it begins judges nobody.
    with pytest.raises(Stopped):
        run([MISSING], people(1), stop=stop)


def test_texts_that_no_database_could_store_do_not_fail_the_chunk(script: Script) -> None:
    script(lambda page: [reject("c\x00" * 100, "\ud800" + "t" * 10_000)])
    (verdict,) = judge(1).verdicts
    assert (len(verdict.code), len(verdict.text)) == (64, 500)
    assert "\x00" not in verdict.code and verdict.text.encode()
