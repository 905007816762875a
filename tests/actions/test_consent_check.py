"""The live question about consent: over real HTTP, behind the guard, and never accepting whom nobody spoke for."""

import json
import threading
from dataclasses import replace
from typing import Any

import pytest

from actions.catalog.consent_check.kind import ConsentCheck
from actions.contract import Contact, Permanent, Retryable, Verdict, Word
from actions.plan import questions
from tests.actions.helpers import Reply, make_context, people, planned, refused_at, run, service
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


REPEATED = [
    (b'{"verdicts": {"A-0": false, "A-0": true}}', {}, Word.UNDECIDED),
    (b'{"verdicts": {"A-0": true, "A-0": false}}', {}, Word.UNDECIDED),
    (b'{"verdicts": {"A-0": false, "A-0": false}}', {}, Word.REJECT),
    (b'{"verdicts": {"A-0": true, "A-0": 1}}', {"yes_values": [True, 1]}, Word.ACCEPT),
    (b'{"verdicts": {"A-0": true, "A-0": null}}', {}, Word.UNDECIDED),
    (b'{"verdicts": {"A-0": true, "A-0": true}}', {}, Word.ACCEPT),
    (b'{"verdicts": {"A-0": {"ok": false}, " A-0": {"ok": true}}}', {"value_at": "ok"}, Word.UNDECIDED),
    (b'{"verdicts": {"A-0": {"ok": false, "ok": true}}}', {"value_at": "ok"}, Word.UNDECIDED),
    (
        b'{"verdicts": {"A-0": {"m": {"ok": 1}, "m": {"ok": 2}}}}',
        {"value_at": "m.ok", "absent": "reject"},
        Word.UNDECIDED,
    ),
    (b'{"verdicts": {"A-0": true}, "verdicts": {"A-0": true}}', {}, Word.ACCEPT),
    (b'{"verdicts": false, "verdicts": true}', {"shape": "value", "asks": "contact"}, Word.UNDECIDED),
    (b'{"verdicts": true, "verdicts": true}', {"shape": "value", "asks": "contact"}, Word.ACCEPT),
]


def test_a_key_that_an_answer_has_twice_lets_nobody_pass_by_its_last_value() -> None:
    with service(lambda number, question: (200, {}, REPEATED[number][0])) as it:
        for body, config, wanted in REPEATED:
            one = {"body": {"contact": "{id}"}} if "asks" in config else {}
            assert words(ask(it.url, [Contact("A-0", {})], **config, **one)) == [wanted], body


@pytest.mark.parametrize("config", [{"identifier": "email"}, {"body": {"who": ["{id}"], "by": "{field:email}"}}])
def test_nobody_is_asked_about_by_a_word_for_nothing(config: dict[str, Any]) -> None:
    values = ("NULL", " n/a", "inconnu", "anna@example.com")
    contacts = [Contact(f"A-{place}", {"email": email}) for place, email in enumerate(values)]
    more = {"shape": "refusing", "answers_at": "verdicts", "absent": "accept", **config}
    more |= {"asks": "contact"} if "{field:email}" in str(config) else {}
    with service(lambda number, question: answer([])) as it:
        kind = ConsentCheck(ConsentCheck.read_config({"url": it.url, **more}))
        found = kind.check(contacts, make_context())
        assert words(list(found)) == [Word.UNDECIDED] * 2 + [Word.ACCEPT] * 2
        assert {verdict.code for verdict in found[:2]} == {"missing"}
        own = replace(make_context(), empty_words=frozenset({"inconnu"}))
        assert words(list(kind.check(contacts, own))) == [Word.ACCEPT] * 2 + [Word.UNDECIDED, Word.ACCEPT]
    asked = str(it.questions)
    assert asked.count("NULL") == 1 and asked.count("inconnu") == 1


def test_a_contact_that_comes_twice_is_asked_about_once_and_judged_twice() -> None:
    with service(everybody_but("A-1")) as it:
        verdicts = ask(it.url, [Contact("A-1", {}), Contact("A-2", {}), Contact("A-1", {})])
    assert it.questions == [{"contacts": ["A-1", "A-2"]}]
    assert words(verdicts) == [Word.REJECT, Word.ACCEPT, Word.REJECT]


def test_a_service_in_trouble_is_asked_again_when_it_says() -> None:
    codes = [408, 425, 429, 500, 502, 503]
    with service(lambda number, question: (codes[number], {"Retry-After": "7"}, b"")) as it:
        for _ in codes:
            with pytest.raises(Retryable) as caught:
                ask(it.url, people(1))
            assert caught.value.retry_after == 7.0
            # The path and the query of the URL may hold a key.
            assert "secret" not in str(caught.value)


def test_a_definite_no_is_not_repeated() -> None:
    codes = [301, 302, 400, 401, 403, 404, 422]
    with service(lambda number, question: (codes[number], {"Location": "/elsewhere"}, b"{}")) as it:
        for status in codes:
            with pytest.raises(Permanent, match=str(status)):
                ask(it.url, people(1))
    assert len(it.questions) == len(codes)


BODIES = [
    *(
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'{"verdicts": []}',
        b'{"other": {}}',
        b'{"verdicts":',
        b"\xff\xfe",
        b"[" * 100_000,
    ),
    b'{"verdicts": {"A-0": false}, "verdicts": {"A-0": true}}',
]


def test_an_answer_in_another_form_is_permanent() -> None:
    with service(lambda number, question: (200, {}, BODIES[number])) as it:
        for _ in BODIES:
            with pytest.raises(Permanent):
                ask(it.url, people(1))


def test_an_answer_without_end_is_not_read_to_the_end() -> None:
    with (
        service(lambda number, question: (200, {}, b" " * 5_000_000)) as it,
        pytest.raises(Permanent, match="too long"),
    ):
        ask(it.url, people(1))


def test_a_lost_connection_and_nobody_listening_are_retryable() -> None:
    with service(lambda number, question: None) as it, pytest.raises(Retryable):
        ask(it.url, people(1))
    with pytest.raises(Retryable):
        ask(it.url, people(1))


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


WRONG: dict[str, list[Any]] = {
    "url": [
        *("", "ftp://example.com", "consent.example.com", "https://user:pass@example.com/", "https://exa mple.com/"),
        *("https://example.com:99999/", "http://[::1"),
    ],
    "page_size": [1001, 0],
    "parallel": [17],
    "timeout": [0, float("inf")],
}


def test_a_wrong_configuration_is_refused_at_its_field() -> None:
    assert refused_at(ConsentCheck, {}) == [("url",)]
    for field, values in WRONG.items():
        for value in values:
            assert refused_at(ConsentCheck, {"url": "https://example.com", field: value}) == [(field,)], value


def test_a_chunk_is_asked_in_pages_and_survives_a_service_that_stumbles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "FIRST_DELAY", 0.001)
    refusing = {f"A-{place}" for place in range(0, 2000, 10)}

    def stumble(number: int, question: Any) -> Reply | None:
        if number % 3 == 0:
            return None if number % 2 else (503, {"Retry-After": "0"}, b"")
        return answer({each: each not in refusing for each in question["contacts"]})

    with service(stumble) as it:
        step = planned("consent_check", {"url": it.url, "page_size": 100, "parallel": 4})
        result = run([step], people(2000), 60)
    assert result.failures == ()
    assert {f"A-{place}" for place, verdict in enumerate(result.verdicts) if verdict.word != Word.ACCEPT} == refusing
    assert all(len(question["contacts"]) == 100 for question in it.questions)


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
