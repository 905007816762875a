"""What is around a hook: envelopes are opened to the same hook, and what names a hook is never another event."""

import base64
import gzip
import json
import time
from urllib.parse import urlencode

import pytest

from sendouts.symplify.envelopes import find_pointer
from sendouts.symplify.payload import Hook, NotUnderstood, Unreadable, is_readable, parse

HOOK = {
    "finishUri": "https://gate.example.symplifymail.com/finish/f-1",
    "actions": ["consent-check"],
    "projectName": "Newsletter",
    "journeyName": "\u00c9t\u00e9 2026",
    "sendoutName": "Jour 1",
    "itemDownloadUri": "https://gate.example.symplifymail.com/files/b-1",
}
OTHER_HOOK = {**HOOK, "finishUri": "https://gate.example.symplifymail.com/finish/f-2"}
TEXT = json.dumps(HOOK)
PLAIN = parse(TEXT.encode())


def sns(message):
    return {"Type": "Notification", "MessageId": "m-1", "TopicArn": "arn:aws:sns:eu-west-3:1:gate", "Message": message}


def in_base64(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def nested(value, levels, key="data"):
    for _ in range(levels):
        value = {key: value}
    return value


CLOUD_EVENT = {"specversion": "1.0", "id": "e-1", "source": "https://example.com/symplify", "type": "send-gate"}
ENVELOPES = {
    "CloudEvents": CLOUD_EVENT | {"datacontenttype": "application/json", "data": HOOK},
    "CloudEvents, text": CLOUD_EVENT | {"data": TEXT},
    "CloudEvents, base64": CLOUD_EVENT | {"data_base64": in_base64(TEXT)},
    "CloudEvents, batch of one": [CLOUD_EVENT | {"data": HOOK}],
    "EventBridge": {"version": "0", "detail-type": "send-gate-plus", "resources": [], "detail": HOOK},
    "EventBridge in SQS in a function": {"Records": [{"messageId": "1", "body": json.dumps({"detail": HOOK})}]},
    "SNS": sns(TEXT),
    "SNS in SNS": sns(json.dumps(sns(TEXT))),
    "SNS three times": sns(json.dumps(sns(json.dumps(sns(TEXT))))),
    "SNS in a function": {"Records": [{"EventSource": "aws:sns", "Sns": sns(TEXT)}]},
    "Pub/Sub": {"message": {"data": in_base64(TEXT), "messageId": "1"}, "subscription": "projects/p/subscriptions/s"},
    "Kinesis": {"Records": [{"kinesis": {"data": in_base64(gzip.compress(TEXT.encode()))}}]},
    "API gateway": {"resource": "/", "httpMethod": "POST", "body": in_base64(TEXT), "isBase64Encoded": True},
    "text": TEXT,
    "text in text": json.dumps(TEXT),
    "text in text in an envelope": {"detail": json.dumps(json.dumps(TEXT))},
    "base64 without its end, of the web": {
        "data": in_base64(TEXT + " ").rstrip("=").replace("+", "-").replace("/", "_")
    },
    "base64 in lines": {"data": "\n".join(base64.encodebytes(TEXT.encode()).decode().split())},
    "a list": [HOOK],
    "keys in capitals": {"DETAIL": {key.upper(): value for key, value in HOOK.items()}},
    "the same hook twice": {"detail": HOOK, "message": TEXT, "original": HOOK},
    "many envelopes": nested(HOOK, 20),
}


@pytest.mark.parametrize("envelope", ENVELOPES.values(), ids=ENVELOPES)
def test_a_hook_is_the_same_in_every_envelope(envelope):
    body = json.dumps(envelope).encode()
    assert parse(body) == PLAIN
    is_readable(body)


@pytest.mark.parametrize(
    "body",
    [
        in_base64(TEXT).encode(),
        in_base64(gzip.compress(TEXT.encode())).encode(),
        urlencode({"payload": TEXT}).encode(),
        TEXT.encode("utf-16"),
        json.dumps(HOOK, ensure_ascii=False).encode("utf-32-le"),
        json.dumps(HOOK, ensure_ascii=False).encode("utf-8-sig"),
    ],
    ids=["base64", "gzip in base64", "form", "UTF-16", "UTF-32", "mark"],
)
def test_a_body_in_another_form_is_the_same_hook(body):
    assert parse(body) == PLAIN
    is_readable(body)


def test_a_hook_at_the_top_is_read_whatever_it_carries():
    found = parse(json.dumps(HOOK | {"data": OTHER_HOOK, "Message": TEXT}).encode())
    assert (found.finish_uri, found.delivery_key, found.problems) == (HOOK["finishUri"], PLAIN.delivery_key, ())


@pytest.mark.parametrize(
    "envelope", [{"unheardOf": HOOK}, {"detail": {"x": [TEXT]}}, {"x": {"y": sns(TEXT)}}], ids=repr
)
def test_a_hook_under_unknown_keys_waits_for_a_person(envelope):
    found = parse(json.dumps(envelope).encode())
    assert found.delivery_key == PLAIN.delivery_key and found.problems == ("unknown_envelope",)


def test_a_hook_in_an_undeclared_charset_waits_for_a_person():
    found = parse(json.dumps(HOOK, ensure_ascii=False).encode("cp1252"))
    assert found.journey == HOOK["journeyName"] and found.problems == ("charset_guessed",)


NO_HOOKS = {
    "null": ({**HOOK, "finishUri": None}, "no address in finishUri"),
    "blank": ({**HOOK, "FINISHURI": " ", "finishUri": ""}, "no address in finishUri"),
    "a number": ({"finishUri": 7}, "no address in finishUri"),
    "a list": ({"finishUri": [HOOK["finishUri"]]}, "no address in finishUri"),
    "null in an envelope": ({"detail": {**HOOK, "finishUri": None}}, "no address in finishUri"),
    "no finishUri": ({"itemDownloadUri": HOOK["itemDownloadUri"]}, "no hook can be read"),
    "deep": ({"a": [{"b": {"ItemDownloadURI": "x"}}]}, "no hook can be read"),
    "too deep": (nested(HOOK, 60), "no hook can be read"),
    "a path": ({"changed": ["sendout.finishUri"]}, "no hook can be read"),
    "snake case": ({"finish_uri": "https://example.com/f"}, "no hook can be read"),
    "cut text": (sns(TEXT[:-1]), "no hook can be read"),
    "XML in base64": (
        {"data": in_base64('{"' + "<finishUri>https://example.com/f</finishUri>")},
        "no hook can be read",
    ),
    "several": ([HOOK, OTHER_HOOK], "holds 2 hooks"),
    "several in records": ({"Records": [{"body": TEXT}, {"body": json.dumps(OTHER_HOOK)}]}, "holds 2 hooks"),
    "the older gate": (
        {
            "identifier": "bonus-1",
            "projectName": "Newsletter",
            "sendoutName": "Jour 1",
            "downloadUrl": "https://gate.example.symplifymail.com/files/b-1",
            "confirmUrl": "https://gate.example.symplifymail.com/confirm/1",
        },
        "older Send Gate",
    ),
    "the older gate in an envelope": (sns('{"DownloadUrl": "x", "confirmUrl": "y"}'), "older Send Gate"),
    "in S3": (["software.amazon.payloadoffloading.PayloadS3Pointer", {"s3BucketName": "b", "s3Key": "k"}], "in S3"),
}


@pytest.mark.parametrize(("value", "sentence"), NO_HOOKS.values(), ids=NO_HOOKS)
def test_what_names_a_hook_and_is_not_understood_is_told(value, sentence):
    body = json.dumps(value).encode()
    with pytest.raises(NotUnderstood) as found:
        parse(body)
    assert sentence in str(found.value)
    is_readable(body)


@pytest.mark.parametrize(
    "body", [TEXT[:-1].encode(), TEXT.encode()[::-1], b"<finishUri/>", b"a=1&b=2", in_base64("[1]" * 9).encode()]
)
def test_what_is_no_json_stays_unreadable(body):
    for read in (parse, is_readable):
        with pytest.raises(Unreadable) as found:
            read(body)
        assert not isinstance(found.value, NotUnderstood)


@pytest.mark.parametrize("value", [[], [{"name": "x"}]], ids=["alone", "with others"])
def test_bombs_inside_a_hook_cost_little_and_are_told(value):
    bomb = in_base64(gzip.compress(b'{"finishUri":"' + b"x" * 60_000_000))
    started = time.process_time()
    with pytest.raises(NotUnderstood):
        parse(json.dumps({"data": [*value, *[bomb] * 60]}).encode())
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    "uri",
    [
        "https://gate.example.symplifymail.com/files/b-1?hash=c0ffee&name=%7Eteam",
        "https://gate.example.symplifymail.com/files/a%2fb/c?sig=aa%2bbb%3d",
        "https://gate.example.symplifymail.com/files/a/../b/./c//d?x=1",
        "https://gate.example.symplifymail.com/files/x?filter[list]=7&sig=1",
        "https://gate.example.symplifymail.com/files/100%25?s=%e9",
        "https://gate.example.symplifymail.com/files/b-1?name=%7Eteam&sig=aa%2bbb%3d&list[]=7",
    ],
)
@pytest.mark.parametrize("wrap", [lambda hook: hook, lambda hook: sns(json.dumps(hook))], ids=["plain", "SNS"])
def test_addresses_are_read_byte_for_byte(uri, wrap):
    found = parse(json.dumps(wrap({**HOOK, "itemDownloadUri": uri, "finishUri": uri})).encode())
    assert isinstance(found, Hook) and found.finish_uri == found.download_uri == uri


@pytest.mark.parametrize("text", ["", "[]", '{"s3BucketName": "b"}', '["x", {"s3BucketName": "b", "s3Key": "k"}]'])
def test_what_is_no_pointer_leads_nowhere(text):
    assert find_pointer(text) is None
