"""The platform's HTTP in the gateway's words."""

import threading
from typing import Any

import pytest

from outbound.download import BrokenDownload
from outbound.fanout import FanoutAnswer
from outbound.guard import AllowList
from sendouts.symplify import client
from sendouts.symplify.client import Ask, CallOutcome, NotAllowed, PermanentFailure, Platform, RetryableFailure, judge
from tests.outbound.net import Net
from tests.outbound.site import Site, reply, reset


def platform(*sites: Site, **settings: Any) -> Platform:
    entries = [f"127.0.0.1:{site.port}" for site in sites]
    return Platform(AllowList.parse(entries, allow_http=True), **settings)


def answer(status: int, error: str = "") -> FanoutAnswer:
    return FanoutAnswer(1, status, error, None, 0.1)


C, R, L, A = CallOutcome.CONFIRMED, CallOutcome.REFUSED, CallOutcome.LOST, CallOutcome.RETRY


@pytest.mark.parametrize(
    ("statuses", "first", "repeat", "finish_for_nobody"),
    [
        ((200, 202, 299), C, C, C),
        ((301, 307, 400, 401, 404, 422), R, R, R),
        ((408, 429, 500, 503), A, L, A),
        ((409, 410), R, C, C),
    ],
)
def test_each_status_means_what_the_contract_says(
    statuses: tuple[int, ...], first: CallOutcome, repeat: CallOutcome, finish_for_nobody: CallOutcome
) -> None:
    for got in map(answer, statuses):
        assert judge(got, repeat_of_lost=False) is first
        assert judge(got, repeat_of_lost=True) is repeat
        assert judge(got, repeat_of_lost=False, nobody_left=True) is finish_for_nobody


@pytest.mark.parametrize(("error", "first", "repeat"), [("lost", L, L), ("unsent", A, L), ("refused", R, R)])
def test_no_answer_never_confirms_nor_undoes_a_doubt(error: str, first: CallOutcome, repeat: CallOutcome) -> None:
    for nobody_left in (False, True):
        assert judge(answer(0, error), repeat_of_lost=False, nobody_left=nobody_left) is first
        assert judge(answer(0, error), repeat_of_lost=True, nobody_left=nobody_left) is repeat


def test_the_codes_that_confirm_are_a_setting() -> None:
    codes = frozenset({200, 404})
    settings = Platform(AllowList(), confirm_codes=codes)
    judged = [judge(answer(s), repeat_of_lost=False, platform=settings) for s in (200, 204, 404, 409)]
    assert judged == [C, R, C, R]


NO, PAGE, GOOD = b'{"status":"error"}', b"<html><title>Log in</title></html>", b'{"state": "cancelled"}'


@pytest.mark.parametrize(
    ("confirm", "refuse", "body", "cut", "first", "repeat"),
    [
        ("", "", b"", False, C, C),
        ("", "", GOOD, False, C, C),
        ("", "", NO, False, A, L),
        ("", "", PAGE, False, A, L),
        ("", "", b"", True, L, L),
        ("", "", GOOD[:9], True, A, L),
        ("", "", b"cancel", True, L, L),
        ('"state": "cancelled"', "", GOOD, False, C, C),
        ('"state": "cancelled"', "", b'{"state": "sent"}', False, A, L),
        ('"state": "cancelled"', "", b"", False, A, L),
        ('"state": "cancelled"', "", b'{"state', True, L, L),
        # What the settings ask for needs no other proof.
        ("(?i)log in", "", PAGE, False, C, C),
        ("", "(?i)already", b"Already on its way", False, A, L),
        ("", "already", b"", False, C, C),
        ("way", "already", b"already on its way", False, A, L),
    ],
)
def test_a_status_that_confirms_needs_a_body_that_does(
    confirm: str, refuse: str, body: bytes, cut: bool, first: CallOutcome, repeat: CallOutcome
) -> None:
    settings = Platform(AllowList(), confirm_body=confirm, refuse_body=refuse)
    got = FanoutAnswer(1, 200, "", None, 0.1, body=body, cut=cut)
    for nobody_left in (False, True):
        judged = [judge(got, repeat_of_lost=lost, nobody_left=nobody_left, platform=settings) for lost in (False, True)]
        assert judged == [first, repeat]


def test_bodies_of_every_length_and_ending_are_judged_over_the_wire(net: Net) -> None:
    long = b'{"list": "%s", "success": %s}'
    bodies = {
        "/said-no": reply(200, NO),
        "/long-no": reply(200, long % (b"x" * 30_000, b"false")),
        "/long-yes": reply(200, long % (b"x" * 30_000, b"true")),
        "/endless": reply(200, long % (b"x" * 100_000, b"true")),
        "/text": reply(200, b"OK " * 100_000),
        "/cut": b"HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: 60\r\n\r\n",
        "/cut-later": b"HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: 60\r\n\r\nOK",
        "/unannounced": b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\nOK",
        "/empty": reply(204),
    }
    home = net.site(lambda request: bodies[request.path])
    asks = [Ask(path, home.uri(path)) for path in bodies]
    found = {attempt.key: attempt for some in client.reject_many(platform(home), asks) for attempt in some}
    assert {key: attempt.outcome for key, attempt in found.items()} == {
        "/said-no": A,
        "/long-no": A,
        "/long-yes": C,
        "/endless": A,
        "/text": C,
        "/cut": L,
        "/cut-later": L,
        "/unannounced": C,
        "/empty": C,
    }
    assert {key for key, attempt in found.items() if not attempt.said_no} == {
        "/long-yes",
        "/text",
        "/unannounced",
        "/empty",
    }


def test_rejections_come_back_with_their_key_and_outcome(net: Net) -> None:
    answers = {"/yes": reply(200), "/gone": reply(410), "/no": reply(404), "/later": reply(503, Retry_After="9")}
    home = net.site(lambda request: answers.get(request.path) or reset(request))
    asks = [Ask("a", home.uri("/yes")), Ask("b", home.uri("/gone")), Ask("c", home.uri("/gone"), repeat_of_lost=True)]
    asks += [Ask("d", home.uri("/no")), Ask("e", home.uri("/later")), Ask("f", home.uri("/broken"))]
    asks += [Ask("g", "https://other.example/secret")]
    attempts = {attempt.key: attempt for some in client.reject_many(platform(home), asks) for attempt in some}
    assert {key: (attempt.outcome, attempt.status) for key, attempt in attempts.items()} == {
        "a": (C, 200),
        "b": (R, 410),
        "c": (C, 410),
        "d": (R, 404),
        "e": (A, 503),
        "f": (L, 0),
        "g": (R, 0),
    }
    assert attempts["e"].retry_after == 9.0
    assert (attempts["g"].code, attempts["g"].host) == ("host_not_listed", "other.example")


def test_a_finish_that_nobody_is_left_for_is_confirmed_by_gone(net: Net) -> None:
    home = net.site(lambda request: reply(409))
    asks = [Ask(1, home.uri()), Ask(2, home.uri(), nobody_left=True), Ask(3, home.uri(), repeat_of_lost=True)]
    attempts = {attempt.key: attempt for some in client.finish_many(platform(home), asks) for attempt in some}
    assert [attempts[key].outcome for key in (1, 2, 3)] == [R, C, C]


def test_method_headers_and_stop_are_passed_on(net: Net) -> None:
    home = net.site()
    settings = {"method": "PUT", "headers": {"X-Key": "k"}}
    list(client.finish_many(platform(home, **settings), [Ask(1, home.uri())]))
    assert (home.requests[0].method, home.requests[0].headers["X-Key"]) == ("PUT", "k")
    assert list(client.reject_many(platform(home), [Ask(1, home.uri())], stop=lambda: True)) == []
    assert len(home.requests) == 1


def test_connections_survive_between_batches_in_one_thread_and_are_not_shared_with_another(net: Net) -> None:
    home = net.site()

    def batch() -> None:
        for _ in range(3):
            assert len([a for some in client.reject_many(platform(home), [Ask(1, home.uri())]) for a in some]) == 1

    batch()
    assert home.connections == 1
    other = threading.Thread(target=batch)
    other.start()
    other.join(10)
    assert (home.connections, len(home.requests)) == (2, 6)


def test_two_batches_interleaved_in_one_thread_do_not_meet(net: Net) -> None:
    home = net.site()
    asks = [Ask(number, home.uri()) for number in range(600)]
    first, second = client.reject_many(platform(home), asks), client.finish_many(platform(home), asks)
    keys = [attempt.key for some in (next(first), next(second), *first, *second) for attempt in some]
    assert sorted(keys) == sorted([*range(600), *range(600)])


def test_many_settings_in_a_row_do_not_pile_up_clients(net: Net) -> None:
    homes = [net.site() for _ in range(client.KEPT_CLIENTS + 3)]
    for home in homes:
        assert next(client.reject_many(platform(home), [Ask(1, home.uri())]))[0].outcome is C
        with client.open_contacts(platform(home), home.uri()) as file:
            assert list(file.blocks()) == []
    assert len(client._kept.fanouts) == len(client._kept.sessions) == client.KEPT_CLIENTS


def test_a_contact_file_is_read_with_its_proof(net: Net) -> None:
    home = net.site(lambda request: reply(200, b"[]", Content_Encoding="gzip"))
    with client.open_contacts(
        platform(home, download_headers={"X-Key": "k"}, headers={"X-Not": "n"}), home.uri()
    ) as file:
        assert b"".join(file.blocks()) == b"[]"
        assert (file.content_encoding, file.proves_end()) == ("gzip", True)
    assert home.requests[0].headers["X-Key"] == "k"
    assert "X-Not" not in home.requests[0].headers


def test_a_cut_contact_file_is_broken_after_what_came(net: Net) -> None:
    home = net.site(lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nfour")
    received = b""
    with client.open_contacts(platform(home), home.uri("/secret")) as file:
        with pytest.raises(BrokenDownload) as caught:
            for block in file.blocks():
                received += block
        assert not file.proves_end()
    assert received == b"four"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "error"),
    [(302, PermanentFailure), (404, PermanentFailure), (408, RetryableFailure), (500, RetryableFailure)],
)
def test_a_contact_file_that_is_not_given_is_retryable_or_permanent(
    status: int, error: type[Exception], net: Net
) -> None:
    home = net.site(lambda request: reply(status, b"no", Retry_After="5"))
    with pytest.raises(error) as caught:
        client.open_contacts(platform(home), home.uri("/secret"))
    assert caught.value.status == status  # type: ignore[attr-defined]
    assert caught.value.retry_after == (5.0 if error is RetryableFailure else None)  # type: ignore[attr-defined]
    assert "secret" not in str(caught.value)


def test_a_contact_file_out_of_reach_is_retryable_and_out_of_bounds_names_the_host(net: Net, closed_port: int) -> None:
    allow = AllowList.parse([f"127.0.0.1:{closed_port}"], allow_http=True)
    with pytest.raises(RetryableFailure):
        client.open_contacts(Platform(allow), f"http://127.0.0.1:{closed_port}/secret")
    home = net.site(reset)
    with pytest.raises(RetryableFailure):
        client.open_contacts(platform(home), home.uri())
    with pytest.raises(NotAllowed) as caught:
        client.open_contacts(platform(), "https://files.example/secret")
    assert (caught.value.code, caught.value.host) == ("host_not_listed", "files.example")
    assert "secret" not in str(caught.value)


def test_settings_do_not_show_their_credentials() -> None:
    shown = repr(Platform(AllowList(), headers={"X": "hunter2"}, download_headers={"X": "hunter2"}))
    assert "hunter2" not in shown
