"""The live question about consent: over real HTTP, behind the guard, and never accepting whom nobody spoke for."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import ValidationError

from actions.catalog.consent_check.kind import ConsentCheck
from actions.contract import Contact, Permanent, Retryable, Verdict, Word
from actions.plan import run
from actions.plan.run import run_plan
from tests.actions.helpers import Reply, make_context, people, planned, service
from tests.outbound.site import Request, Site


def answer(verdicts: Any) -> Reply:
    return 200, {"Content-Type": "application/json"}, json.dumps({"verdicts": verdicts}).encode()


def everybody_but(*refusing: str) -> Any:
    return lambda number, question: answer({each: each not in refusing for each in question["contacts"]})


def ask(url: str, contacts: list[Contact], seconds: float = 30.0, **config: Any) -> list[Verdict]:
    kind = ConsentCheck(ConsentCheck.read_config({"url": url, **config}))
    return list(kind.check(contacts, make_context(seconds)))


def words(verdicts: list[Verdict]) -> list[Word]:
    return [verdict.word for verdict in verdicts]


def test_true_accepts_false_rejects_and_anything_else_is_undecided() -> None:
    said = {"A-0": True, "A-1": False, "A-2": None, "A-3": "true", "A-4": 1, "A-5": 0, "A-6": {}}
    with service(lambda number, question: answer(said)) as it:
        verdicts = ask(it.url, people(8), reason="No consent today")
    assert words(verdicts) == [Word.ACCEPT, Word.REJECT] + [Word.UNDECIDED] * 6
    assert (verdicts[1].code, verdicts[1].text) == ("no_consent", "No consent today")


def test_the_question_has_the_form_of_the_contract_and_the_credential() -> None:
    with service(everybody_but()) as it:
        ask(it.url, people(2), credential="consent")
    assert it.questions == [{"contacts": ["A-0", "A-1"]}]
    assert it.headers[0]["Authorization"] == "Bearer shared-secret"


@pytest.mark.parametrize(
    ("body", "config", "wanted"),
    [
        (b'{"verdicts": {"A-0": false, "A-0": true}}', {}, Word.REJECT),
        (b'{"verdicts": {"A-0": true, "A-0": false}}', {}, Word.REJECT),
        (b'{"verdicts": {"A-0": true, "A-0": null}}', {}, Word.UNDECIDED),
        (b'{"verdicts": {"A-0": true, "A-0": true}}', {}, Word.ACCEPT),
        (b'{"verdicts": {"A-0": {"ok": false}, " A-0": {"ok": true}}}', {"value_at": "ok"}, Word.REJECT),
        (b'{"verdicts": {"A-0": {"ok": false, "ok": true}}}', {"value_at": "ok"}, Word.UNDECIDED),
        (b'{"verdicts": false, "verdicts": true}', {"shape": "value", "asks": "contact"}, Word.UNDECIDED),
    ],
)
def test_a_key_that_an_answer_has_twice_lets_nobody_pass_by_its_last_value(
    body: bytes, config: dict[str, Any], wanted: Word
) -> None:
    if config.get("asks"):
        config = {**config, "body": {"contact": "{id}"}}
    with service(lambda number, question: (200, {}, body)) as it:
        assert words(ask(it.url, [Contact("A-0", {})], **config)) == [wanted]


def test_an_answer_that_repeats_the_key_above_the_verdicts_is_permanent() -> None:
    body = b'{"verdicts": {"A-0": false}, "verdicts": {"A-0": true}}'
    with service(lambda number, question: (200, {}, body)) as it, pytest.raises(Permanent, match="does not hold"):
        ask(it.url, [Contact("A-0", {})])


def test_a_contact_that_comes_twice_is_asked_about_once_and_judged_twice() -> None:
    with service(everybody_but("A-1")) as it:
        verdicts = ask(it.url, [Contact("A-1", {}), Contact("A-2", {}), Contact("A-1", {})])
    assert it.questions == [{"contacts": ["A-1", "A-2"]}]
    assert words(verdicts) == [Word.REJECT, Word.ACCEPT, Word.REJECT]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_service_in_trouble_is_asked_again_when_it_says(status: int) -> None:
    reply = (status, {"Retry-After": "7"}, b"")
    with service(lambda number, question: reply) as it, pytest.raises(Retryable) as caught:
        ask(it.url, people(1))
    assert caught.value.retry_after == 7.0


@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 422])
def test_a_definite_no_is_not_repeated(status: int) -> None:
    reply = (status, {"Location": "/elsewhere"}, b"{}")
    with service(lambda number, question: reply) as it, pytest.raises(Permanent, match=str(status)):
        ask(it.url, people(1))
    assert len(it.questions) == 1


BODIES = [
    b"",
    b"<html>",
    b"[]",
    b"null",
    b'{"verdicts": []}',
    b'{"other": {}}',
    b'{"verdicts":',
    b"\xff\xfe",
    b"[" * 100_000,
]


@pytest.mark.parametrize("body", BODIES)
def test_an_answer_in_another_form_is_permanent(body: bytes) -> None:
    with service(lambda number, question: (200, {}, body)) as it, pytest.raises(Permanent):
        ask(it.url, people(1))


def test_an_answer_without_end_is_not_read_to_the_end() -> None:
    with (
        service(lambda number, question: (200, {}, b" " * 5_000_000)) as it,
        pytest.raises(Permanent, match="too long"),
    ):
        ask(it.url, people(1))


def test_a_lost_connection_is_retryable() -> None:
    with service(lambda number, question: None) as it, pytest.raises(Retryable):
        ask(it.url, people(1))


def test_nobody_listening_is_retryable() -> None:
    with service(everybody_but()) as it:
        url = it.url
    with pytest.raises(Retryable):
        ask(url, people(1))


def test_a_service_that_does_not_answer_in_time_is_retryable() -> None:
    done = threading.Event()

    def slow(number: int, question: Any) -> Reply:
        done.wait(10)
        return answer({})

    with service(slow) as it:
        try:
            with pytest.raises(Retryable):
                ask(it.url, people(1), timeout=0.2)
        finally:
            done.set()


def test_a_host_that_staff_did_not_allow_is_never_called() -> None:
    with service(everybody_but()) as it:
        kind = ConsentCheck(ConsentCheck.read_config({"url": it.url}))
        with pytest.raises(Permanent, match=r"127\.0\.0\.1 may not be called"):
            kind.check(people(1), make_context(allowed=["consent.example.com"]))
        assert it.questions == []


def test_no_sentence_holds_the_path_or_query_of_the_url() -> None:
    with service(lambda number, question: (500, {}, b"")) as it, pytest.raises(Retryable) as caught:
        ask(it.url, people(1))
    assert "secret" not in str(caught.value)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "url"),
    ({"url": "ftp://example.com"}, "url"),
    ({"url": "consent.example.com"}, "url"),
    ({"url": "https://user:pass@example.com/"}, "url"),
    ({"url": "https://exa mple.com/"}, "url"),
    ({"url": "https://example.com:99999/"}, "url"),
    ({"url": "http://[::1"}, "url"),
    ({"url": "https://example.com", "page_size": 1001}, "page_size"),
    ({"url": "https://example.com", "page_size": 0}, "page_size"),
    ({"url": "https://example.com", "parallel": 17}, "parallel"),
    ({"url": "https://example.com", "timeout": 0}, "timeout"),
    ({"url": "https://example.com", "timeout": float("inf")}, "timeout"),
]


@pytest.mark.parametrize(("config", "field"), WRONG)
def test_a_wrong_configuration_is_refused_at_its_field(config: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ConsentCheck.read_config(config)
    assert [error["loc"] for error in caught.value.errors()] == [(field,)]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as executor:
        yield executor


def test_a_chunk_is_asked_in_pages_and_survives_a_service_that_stumbles(
    monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor
) -> None:
    monkeypatch.setattr(run, "FIRST_DELAY", 0.001)
    refusing = {f"A-{place}" for place in range(0, 2000, 10)}

    def stumble(number: int, question: Any) -> Reply | None:
        if number % 3 == 0:
            return None if number % 2 else (503, {"Retry-After": "0"}, b"")
        return answer({each: each not in refusing for each in question["contacts"]})

    with service(stumble) as it:
        step = planned("consent_check", {"url": it.url, "page_size": 100, "parallel": 4})
        context = make_context(60)
        result = run_plan([step], people(2000), lambda action: context, pool=pool)
    assert result.failures == ()
    assert {f"A-{place}" for place, verdict in enumerate(result.verdicts) if verdict.word != Word.ACCEPT} == refusing
    assert all(len(question["contacts"]) == 100 for question in it.questions)


def test_a_service_that_is_away_holds_everybody_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor
) -> None:
    monkeypatch.setattr(run, "FIRST_DELAY", 0.01)
    with service(lambda number, question: (500, {}, b"")) as it:
        step = planned("consent_check", {"url": it.url, "page_size": 10})
        context = make_context(0.5)
        result = run_plan([step], people(30), lambda action: context, pool=pool)
    assert {verdict.word for verdict in result.verdicts} == {Word.UNDECIDED}
    assert sum(failure.contacts for failure in result.failures) == 30
    assert len(it.questions) > 3


def test_an_answer_that_drips_is_given_up_when_the_time_is_over() -> None:
    over = threading.Event()

    def drip(request: Request) -> bytes:
        request.wire.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not over.wait(0.02):
            request.wire.sendall(b" ")
        return b""

    home = Site(drip)
    try:
        with pytest.raises(Retryable, match="too long"):
            ask(home.uri(), people(1), seconds=0.4)
    finally:
        over.set()
        home.close()
