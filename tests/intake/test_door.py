"""The webhook's door, over real HTTP."""

import asyncio
import gzip
import threading
import zlib
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import requests
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from actions.sentences import write
from gateway import checks, environment
from sendouts.intake import store as intake_store
from sendouts.intake.hook import Received
from sendouts.intake.store import Store
from sendouts.models import Batch, Webhook
from tests.gate import body_of
from tests.lanes import plan_hooks
from tests.serving import HOOK, Serve, post


@pytest.fixture(autouse=True)
def _busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else the machine does, these hooks are stored."""
    monkeypatch.setattr(intake_store, "STORE_SECONDS", 10.0)


def basic(pair: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(pair.encode()).decode()}


def test_a_hook_is_stored_whole_and_acknowledged_with_its_id(serve: Serve) -> None:
    answer = post(serve())
    assert answer.status_code == 202
    stored = Webhook.objects.get()
    assert stored.uuid == UUID(answer.json()["id"])
    assert (body_of(stored), stored.outcome, stored.source) == (HOOK, "", "http")
    assert stored.due_at == stored.received_at <= timezone.now()


def test_every_configured_credential_enters(serve: Serve) -> None:
    url = serve()
    for headers in (
        basic("hook:old-secret"),
        basic("hook2:new:secret"),
        {"X-Gate-Token": "token-1"},
        {"x-gate-token": "token-2"},
    ):
        assert post(url, **headers).status_code == 202, headers


def test_anything_else_stays_outside_and_learns_nothing(serve: Serve) -> None:
    url = serve()
    wrong = [basic(pair) for pair in ("hook:wrong", "hook:", "hook2:old-secret")]
    wrong += [{"Authorization": "Basic %%%"}, {"Authorization": "Bearer token-1"}, {"X-Other": "1"}]
    wrong += [{"X-Gate-Token": token} for token in ("token-3", "", "token-1 x")]
    for headers in wrong:
        answer = post(url, **headers)
        assert (answer.status_code, answer.content) == (401, b""), headers
    assert not Webhook.objects.exists()


def test_what_is_not_a_json_object_is_stored_marked_and_refused_with_a_sentence(serve: Serve) -> None:
    url = serve()
    for body in (b"", b"not json", b'{"finishUri": ', b"[1, 2]", b"\xff\xfe{}", b'"text"', b"[" * 9_000):
        answer = post(url, body)
        assert answer.status_code == 400
        assert answer.json()["error"].endswith(".")
        stored = Webhook.objects.get(uuid=answer.json()["id"])
        assert body_of(stored) == body
        plan_hooks([stored.pk])
        stored.refresh_from_db()
        assert (stored.outcome, stored.due_at) == ("unreadable", None)
        assert write(stored.detail) == answer.json()["error"]


def test_a_hook_that_is_compressed_in_a_way_that_nobody_reads_is_told_what_to_ask_for(serve: Serve) -> None:
    url = serve()
    answer = post(url, b"\x8b\x02\x80{}\x03", **{"X-Gate-Token": "token-1", "Content-Encoding": "br"})
    assert answer.status_code == 400 and "compressed as br" in answer.json()["error"]
    stored = Webhook.objects.get()
    plan_hooks([stored.pk])
    stored.refresh_from_db()
    assert (stored.outcome, write(stored.detail)) == ("unreadable", answer.json()["error"])
    # Said of a plain body, the word does no harm.
    said = post(url, b'{"event": "x"}', **{"X-Gate-Token": "token-1", "Content-Encoding": "br"})
    assert said.status_code == 202


def test_another_event_of_the_account_is_kept_and_makes_no_batch(serve: Serve) -> None:
    assert post(serve(), b'{"event": "Sendout summary", "sent": 12}').status_code == 202
    stored = Webhook.objects.get()
    plan_hooks([stored.pk])
    stored.refresh_from_db()
    assert stored.outcome == "other" and not Batch.objects.exists()


def test_over_the_size_limit_is_413_also_without_a_declared_length(serve: Serve) -> None:
    url = serve()
    assert post(url, b"x" * 10_001).status_code == 413

    def parts() -> Iterator[bytes]:
        for _ in range(11):
            yield b"x" * 1_000

    answer = requests.post(url, data=parts(), headers={"X-Gate-Token": "token-1"}, timeout=10)
    assert answer.status_code == 413
    assert not Webhook.objects.exists()
    assert post(url, b"{" + b" " * 9_998 + b"}").status_code == 202


def test_the_address_says_that_it_is_alive_to_whoever_asks_and_stores_nothing(serve: Serve) -> None:
    url = serve()
    for method in ("GET", "HEAD", "OPTIONS"):
        for headers in ({}, basic("hook:wrong"), basic("hook:old-secret")):
            answer = requests.request(method, url, headers=headers, data=HOOK, timeout=10)
            assert (answer.status_code, answer.headers["Allow"]) == (200, "POST, GET, HEAD, OPTIONS")
            assert method == "HEAD" or "POST" in answer.json()["hint"]
            assert "webhook-allowed-origin" not in answer.headers
    asked = requests.options(url, headers={"WebHook-Request-Origin": "eventemitter.example.com"}, timeout=10)
    assert (asked.status_code, asked.headers["WebHook-Allowed-Origin"]) == (200, "*")
    assert not Webhook.objects.exists()


def test_any_other_method_gets_a_hint(serve: Serve) -> None:
    url = serve()
    for method in ("PUT", "DELETE", "PATCH"):
        answer = requests.request(method, url, timeout=10)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST, GET, HEAD, OPTIONS")
        assert "POST" in answer.json()["error"]


NAMED = '{"finishUri": "https://symplify.example.com/f/1", "projectName": "\u00c9t\u00e9 \u20ac", "actions": []}'
PLAIN = NAMED.replace("\u20ac", "!")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (gzip.compress(NAMED.encode()), {"Content-Encoding": "gzip"}),
        (gzip.compress(NAMED.encode()), {"Content-Encoding": "X-GZIP"}),
        (gzip.compress(NAMED.encode()), {}),
        (gzip.compress(gzip.compress(NAMED.encode())), {"Content-Encoding": "gzip, gzip"}),
        (gzip.compress(NAMED.encode()[:9]) + gzip.compress(NAMED.encode()[9:]), {"Content-Encoding": "gzip"}),
        (zlib.compress(NAMED.encode()), {"Content-Encoding": "deflate"}),
        (zlib.compress(NAMED.encode(), wbits=-15), {"Content-Encoding": "deflate"}),
        (gzip.compress(zlib.compress(NAMED.encode())), {"Content-Encoding": "deflate, gzip"}),
        (NAMED.encode(), {"Content-Encoding": "gzip"}),
        (NAMED.encode(), {"Content-Encoding": "utf-8"}),
        (NAMED.encode(), {"Content-Encoding": "aws-chunked"}),
        (NAMED.encode("utf-16"), {"Content-Type": "application/json; charset=UTF-16"}),
        (NAMED.encode("utf-16-be"), {"Content-Type": "application/json;charset=utf-16be"}),
        (NAMED.encode("utf-32"), {"Content-Type": "application/json; charset=utf-32"}),
        (NAMED.encode("cp1252"), {"Content-Type": 'application/json; charset="windows-1252"'}),
        (NAMED.encode("iso-8859-15"), {"Content-Type": "text/plain; CHARSET=ISO-8859-15; x=1"}),
        (gzip.compress(NAMED.encode("utf-16")), {"Content-Encoding": "gzip", "Content-Type": "a/b; charset=utf-16"}),
        # UTF-8 after all.
        (NAMED.encode(), {"Content-Type": "application/json; charset=ISO-8859-1"}),
        (NAMED.encode(), {"Content-Type": "application/json; charset=nonsense"}),
        (NAMED.encode(), {"Content-Type": "application/json; charset=zlib"}),
    ],
    ids=lambda value: repr(value) if isinstance(value, dict) else "",
)
def test_a_body_is_stored_unpacked_and_in_utf_8(serve: Serve, body: bytes, headers: dict[str, str]) -> None:
    assert post(serve(), body, **{"X-Gate-Token": "token-1", **headers}).status_code == 202
    assert body_of(Webhook.objects.get()).decode() == NAMED


def test_latin_1_is_read_as_declared(serve: Serve) -> None:
    headers = {"X-Gate-Token": "token-1", "Content-Type": "application/json; charset=ISO-8859-1"}
    assert post(serve(), PLAIN.encode("latin-1"), **headers).status_code == 202
    assert body_of(Webhook.objects.get()).decode() == PLAIN


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b"{" + b" " * 10_000 + b"}"),
        gzip.compress(b" " * 50_000_000),
        gzip.compress(gzip.compress(b" " * 50_000_000)),
        gzip.compress(b" " * 6_000) * 2,
    ],
    ids=["just over", "bomb", "bomb in a bomb", "together"],
)
def test_a_body_that_is_too_long_once_unpacked_is_413(serve: Serve, body: bytes) -> None:
    assert post(serve(), body, **{"X-Gate-Token": "token-1", "Content-Encoding": "gzip"}).status_code == 413
    assert not Webhook.objects.exists()


def test_what_cannot_be_unpacked_whole_is_stored_as_it_came_and_is_unreadable(serve: Serve) -> None:
    url = serve()
    whole = gzip.compress(NAMED.encode())
    bodies = {"gzip": whole[:-4], "deflate": zlib.compress(HOOK)[:-1], "br": b"\x0b\x02\x80{}\x03", "": whole[:40]}
    for encoding, body in bodies.items():
        answer = post(url, body, **{"X-Gate-Token": "token-1", "Content-Encoding": encoding})
        assert answer.status_code == 400, encoding
        stored = Webhook.objects.get(uuid=answer.json()["id"])
        assert body_of(stored) == body and (encoding in stored.content_type)


def test_what_cannot_be_stored_is_never_acknowledged(serve: Serve) -> None:
    def away(hooks: list[Received]) -> list[int]:
        raise OSError("the disk is full")

    assert post(serve(store=Store(away))).status_code == 503


def test_hooks_that_arrive_together_are_written_together(transactional_db: None) -> None:
    groups: list[int] = []
    first = threading.Event()

    def write(hooks: list[Received]) -> list[int]:
        groups.append(len(hooks))
        first.wait(10)
        return intake_store.store(hooks)

    store = Store(write)

    async def send() -> None:
        futures = [store.put(Received(HOOK, "", timezone.now()))]
        while not groups:
            await asyncio.sleep(0.001)
        futures += [store.put(Received(HOOK, "", timezone.now())) for _ in range(99)]
        first.set()
        await asyncio.gather(*futures)

    asyncio.run(send())
    store.close()
    assert groups == [1, 99]
    assert Webhook.objects.count() == 100


def test_a_hook_whose_id_is_there_already_is_stored_once(db: None) -> None:
    # A NUL in a header is no reason to refuse a hook.
    hook = Received(HOOK, "text/\x00plain", timezone.now())
    assert len(intake_store.store([hook])) == 1
    assert intake_store.store([hook]) == []
    assert Webhook.objects.get().content_type == "text/plain"


def test_without_any_credential_the_gateway_does_not_start(settings: Any) -> None:
    settings.WEBHOOK_BASIC_AUTH, settings.WEBHOOK_HEADER_TOKENS, settings.SQS_QUEUE_URL = (), (), ""
    assert not checks.has_door()
    assert checks.the_door_has_a_lock(None)[0].id == "gateway.E001"
    settings.SQS_QUEUE_URL = "https://sqs.example.com/queue"
    assert checks.has_door()


def test_credentials_are_read_percent_encoded_and_refused_when_half() -> None:
    assert environment.basic_pairs(["a%3Ab:c%2Cd"]) == (("a:b", "c,d"),)
    for wrong in ("user", "user:", ":password"):
        with pytest.raises(ImproperlyConfigured, match="WEBHOOK_BASIC_AUTH"):
            environment.basic_pairs([wrong])
    assert settings.WEBHOOK_BASIC_AUTH
