"""Planning opens envelopes, and shows a person what names a hook and cannot be read."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from notices.alarms import sentences, traffic
from notices.models import Alarm
from sendouts.models import Attention, Batch, Webhook
from sendouts.wording import batch_sentences
from sendouts.wording.sentences import show_text
from tests.factories import plain_english
from tests.gate import Gate, finish_uri

pytestmark = pytest.mark.django_db(transaction=True)
SENDOUT = {"project": "Newsletter", "journey": "Welcome", "sendout": "Day 1", "actions": ["consent-check"]}
BATCH = {"projectName": "Newsletter", "sendoutName": "Day 1", "itemDownloadUri": "https://example.com/files/1"}
Wrap = Callable[[bytes], Any]


@pytest.fixture(autouse=True)
def english(settings: Any) -> None:
    plain_english(settings)


def sns(body: bytes) -> Any:
    return {"Type": "Notification", "Message": body.decode()}


@pytest.mark.parametrize("kind", ["batch", "single"])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda body: {"detail-type": "send-gate-plus", "detail": json.loads(body)},
        lambda body: sns(json.dumps(sns(body)).encode()),
        lambda body: {"message": {"data": base64.b64encode(body).decode()}},
    ],
    ids=["EventBridge", "SNS in SNS", "base64"],
)
def test_a_hook_in_an_envelope_goes_its_whole_way_and_is_the_same_delivery(gate: Gate, wrap: Wrap, kind: str) -> None:
    gate.project()
    sent = gate.platform.create(kind, **SENDOUT, contacts=1, no_consent=0.0)
    [body] = gate.mailbox
    gate.mailbox[:] = [json.dumps(wrap(body)).encode(), body]
    gate.take_in()
    gate.work()
    assert list(Webhook.objects.order_by("pk").values_list("outcome", flat=True)) == ["planned", "duplicate"]
    assert gate.batch().status == "finished" and gate.platform.sendout(sent["id"])["accepted"] == 1


@pytest.mark.parametrize(
    ("body", "clause"),
    [
        (json.dumps({"unheardOf": BATCH | {"finishUri": "https://example.com/f"}}).encode(), "of an unknown form"),
        (
            json.dumps(
                BATCH | {"finishUri": "https://example.com/f", "journeyName": "\u00c9t\u00e9"}, ensure_ascii=False
            ).encode("latin-1"),
            "not in UTF-8",
        ),
    ],
    ids=["unknown envelope", "undeclared charset"],
)
def test_a_hook_in_doubt_is_a_batch_that_waits_for_a_person(gate: Gate, body: bytes, clause: str) -> None:
    gate.store(body)
    gate.plan()
    batch = gate.batch()
    assert batch.attention == Attention.HOOK_UNCLEAR and clause in batch_sentences.attention(batch)
    assert finish_uri(batch) == "https://example.com/f"


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (BATCH | {"finishUri": None}, "The hook has no address in finishUri"),
        ({"a": {"b": ["finishURI"]}}, "no hook can be read in it"),
        (
            [BATCH | {"finishUri": "https://example.com/1"}, BATCH | {"finishUri": "https://example.com/2"}],
            "holds 2 hooks",
        ),
        (
            {"sendoutName": "Day 1", "downloadUrl": "https://example.com/1", "confirmUrl": "https://example.com/2"},
            "older Send Gate",
        ),
        (["software.amazon.payloadoffloading.PayloadS3Pointer", {"s3BucketName": "b", "s3Key": "k"}], "SQS_BUCKETS"),
    ],
    ids=["finishUri null", "named deep inside", "several", "the older gate", "a pointer"],
)
def test_what_names_a_hook_and_is_not_understood_is_an_alarm_and_a_row(gate: Gate, value: Any, sentence: str) -> None:
    gate.store(json.dumps(value).encode())
    gate.plan()
    hook = Webhook.objects.get()
    assert (hook.outcome, hook.due_at) == ("unreadable", None) and sentence in show_text(hook.detail)
    [found] = traffic.hook_unreadable(timezone.now())
    said = sentences.sentence(Alarm(code=found.code, data=found.data))
    assert said.startswith("1 hook cannot be read. ") and sentence in said
    assert not Batch.objects.exists()
