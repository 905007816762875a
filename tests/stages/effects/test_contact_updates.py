"""Properties and tags are written to the platform's contacts, and confirmed, before the release: one by one, or as an import."""

import inspect
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pydantic import ValidationError

from actions.catalog.contact_update.kind import ContactUpdateConfig, NoValue
from actions.catalog.contact_update.platform_api import ContactsApi
from actions.catalog.shared.http import ServiceFailure
from actions.sentences import write
from desk.batch.effects import acting
from sendouts.models import Batch, EffectRun, PendingEffect
from sendouts.stages import carry_out as carrying_out
from sendouts.verbs import Accept, TryAgain
from tests.gate import Gate, carry_out, reviewer
from work import claims

ACTIONS = ["consent-check", "write"]
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _reachable(settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS, settings.OUTBOUND_ALLOW_HTTP = ["127.0.0.1"], True
    settings.CREDENTIALS = {"symplify": {"X-Carma-Authentication-Token": "token"}}


def config(gate: Gate, **more: Any) -> dict[str, Any]:
    place = {"url": f"{gate.platform.url}/rest", "customer_id": "7", "list_id": "3", "credential": "symplify"}
    return {**place, "properties": {"town": "{contact.city}", "last": "{sendout}"}, **more}


def fire(gate: Gate, *, wanted: Any = None, review: str = "never", **more: Any) -> Any:
    """Hold 100 contacts, of which 10 do not consent, for a project that writes properties."""
    project = gate.project(review=review)
    gate.define(project, "write", kind="contact_update", config=config(gate, **more), position=1)
    return gate.fire(actions=ACTIONS, **(wanted or {}))


def people(**towns: str) -> dict[str, Any]:
    return {
        "rows": [{"contactId": name, "city": town, "properties": {"consent": True}} for name, town in towns.items()]
    }


def test_every_accepted_contact_has_its_properties_before_the_release(gate: Gate) -> None:
    sent = fire(gate, tags=["batch-{batch}", "vip"], import_from=91, review="always")
    gate.work()
    (action,) = acting(gate.batch(), sees=True)
    assert re.search(r"last = Day 1, town = \w+, vip", action.samples[0].text), "a reviewer reads what will be written"
    assert gate.platform.rest()["calls"] == {}
    carry_out(Accept(), gate.batch(), reviewer())
    gate.work()
    written = gate.platform.rest()
    assert gate.batch().status == "finished" and written["count"] == 90
    assert "A-000010" not in written["contacts"], "who is rejected is not written"
    one = written["contacts"]["A-000017"]
    assert one.pop("town") and one == {"last": "Day 1", f"batch-{gate.batch().pk}": "true", "vip": "true"}
    assert written["calls"] == {"contact": 90}
    assert gate.platform.sendout(sent["id"])["violations"] == [] and not PendingEffect.objects.exists()


def test_ids_may_hold_any_characters_and_a_missing_value_may_be_written_empty(gate: Gate) -> None:
    wanted = people(**dict.fromkeys(("a/b?c#d", "é è", "%2F.."), "Lyon"), **{"A-2": ""})
    fire(gate, if_missing="empty", wanted=wanted)
    gate.work()
    written = gate.platform.rest()["contacts"]
    assert written.keys() == {"a/b?c#d", "é è", "%2F..", "A-2"}
    assert written["A-2"] == {"town": "", "last": "Day 1"}


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503, "share": 0.2},
        {"kind": "reset_after", "share": 0.2},
        {"kind": "reset_before", "share": 0.2},
    ],
)
def test_who_could_not_be_written_this_time_is_written_later_and_the_others_are_not_again(
    gate: Gate, fault: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A busy machine must not reach the second attempt in the first round.
    monkeypatch.setattr(carrying_out, "backoff", lambda *_, **__: timedelta(minutes=1))
    gate.platform.faults([{**fault, "on": "contact", "times": 1}])
    fire(gate)
    gate.work()
    assert gate.batch().status == "accepted" and 0 < EffectRun.objects.get().waiting < 60
    gate.work(rounds=3)
    written = gate.platform.rest()
    assert gate.batch().status == "finished" and written["count"] == 90
    assert written["calls"]["contact"] < 130


@pytest.mark.parametrize(("seconds", "attention"), [(300, ""), (3600, "effect_failed")])
def test_a_429_is_given_the_pause_that_it_asks_for_and_told_beyond_the_deadline(
    gate: Gate, seconds: int, attention: str
) -> None:
    gate.platform.faults([{"kind": "status", "status": 429, "retry_after": seconds, "on": "contact"}])
    fire(gate, parallel=1)
    gate.work()
    batch = gate.batch()
    assert batch.due_at is not None and abs((batch.due_at - timezone.now()).total_seconds() - seconds) < 10
    assert gate.platform.rest()["calls"] == {"contact": 4}, "one call a page, and four pages that fail end a pass"
    assert batch.attention == attention


def test_a_contact_that_the_platform_does_not_know_is_refused_alone(gate: Gate) -> None:
    gate.platform.rest(unknown=["A-000017", "A-000018"])
    fire(gate)
    gate.work()
    batch = gate.batch()
    data = {"identifier": "write", "rows": 2, "text": ServiceFailure.ANSWERED(host="127.0.0.1", code=404)}
    assert (batch.status, batch.attention, batch.attention_data) == ("accepted", "effect_failed", data)
    assert gate.platform.rest()["count"] == 88


@pytest.mark.parametrize("import_from", [0, 50])
def test_a_wrong_token_stops_at_the_first_call(gate: Gate, import_from: int) -> None:
    gate.platform.rest(token="another")
    fire(gate, import_from=import_from, parallel=1)
    gate.work()
    batch = gate.batch()
    assert (batch.attention, write(batch.attention_data["text"])) == ("effect_failed", "127.0.0.1 answered 401.")
    assert gate.platform.rest()["calls"] == {"refused": 1} and gate.platform.rest()["count"] == 0


def test_a_value_that_is_missing_or_that_an_import_cannot_carry_holds_its_contact(gate: Gate) -> None:
    bad = {f"B-{place}": value for place, value in enumerate(("a|b", "a\nb", "a\n", "a\u2028b"))}
    fire(gate, import_from=1, wanted=people(**{"A-1": "Lyon", "A-2": ""}, **bad))
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.accepted, batch.undecided) == ("in_review", 1, 5)
    codes = {code: (count, text) for _verdict, code, text, _action, count in batch.reasons}
    assert codes["no_value"] == (1, NoValue.PROPERTY(name="town")) and codes["bad_value"][0] == 4


# As one import.


def test_a_large_batch_is_one_import_and_waits_for_its_end(gate: Gate) -> None:
    gate.platform.rest(import_seconds=3600)
    sent = fire(gate, import_from=90, tags=["vip"])
    gate.work(rounds=2)
    batch = gate.batch()
    assert (batch.status, batch.attention) == ("accepted", "") and batch.due_at is not None
    assert gate.platform.rest()["imports"] == [{"id": 1, "type": "ADD", "rows": 90, "status": "RUNNING"}]
    assert gate.platform.sendout(sent["id"])["calls"]["finish"] == 0
    gate.platform.rest(import_seconds=0)
    gate.work()
    written = gate.platform.rest()
    assert gate.batch().status == "finished" and written["count"] == 90
    assert written["contacts"]["A-000017"].keys() == {"town", "last", "vip"}
    assert written["calls"]["import"] == written["calls"]["recipients"] == 1 and "contact" not in written["calls"]


def test_an_import_that_cannot_end_in_time_is_not_begun(gate: Gate) -> None:
    fire(gate, import_from=50, import_seconds=7200)
    gate.work()
    batch = gate.batch()
    assert (batch.attention, gate.platform.rest()["calls"]) == ("effect_failed", {})
    sentence = "An import might not end before the deadline, so that none was begun."
    assert write(batch.attention_data["text"]) == sentence and EffectRun.objects.get().waiting == 90


@pytest.mark.parametrize(
    ("distance", "attention", "text"),
    [(600, "", ""), (3600, "effect_failed", "The platform takes the next import too late for this sendout.")],
)
def test_an_import_that_comes_too_soon_waits_as_long_as_it_is_told_to_or_is_refused(
    gate: Gate, distance: int, attention: str, text: str
) -> None:
    gate.platform.rest(import_distance=distance)
    fire(gate, import_from=50)
    gate.work(rounds=2)
    assert gate.batch().status == "finished"
    gate.fire(actions=ACTIONS)
    gate.work()
    batch = Batch.objects.latest("pk")
    assert (batch.status, batch.attention, write(batch.attention_data.get("text", ""))) == ("accepted", attention, text)
    if not attention:
        assert batch.due_at is not None and 0 <= distance - (batch.due_at - timezone.now()).total_seconds() < 20
    assert len(gate.platform.rest()["imports"]) == 1


def test_an_import_that_fails_holds_the_batch_and_is_made_anew_when_a_person_says_so(gate: Gate) -> None:
    gate.platform.rest(import_ends="ERROR")
    fire(gate, import_from=50)
    gate.work(rounds=2)
    batch = gate.batch()
    text = write(batch.attention_data["text"])
    assert (text, batch.due_at) == ("The platform could not carry out the import.", None)
    gate.platform.rest(import_ends="FINISHED")
    carry_out(TryAgain(), batch, reviewer())
    gate.work(rounds=2)
    assert gate.batch().status == "finished"
    assert [each["status"] for each in gate.platform.rest()["imports"]] == ["ERROR", "FINISHED"]


@pytest.mark.parametrize("endpoint", ["import", "recipients", "batch_status"])
@pytest.mark.parametrize("kind", ["reset_after", "status"])
def test_a_step_whose_answer_is_lost_is_taken_again(gate: Gate, endpoint: str, kind: str) -> None:
    gate.platform.faults([{"kind": kind, "status": 502, "on": endpoint, "total": 1}])
    fire(gate, import_from=8, wanted={"contacts": 10})
    gate.work(rounds=4)
    assert gate.batch().status == "finished" and gate.platform.rest()["count"] == 9
    assert gate.platform.violations() == []


def test_after_a_kill_the_import_goes_on_where_it_was(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    fire(gate, import_from=50)

    def killed(*args: Any) -> str:
        raise SystemExit

    with monkeypatch.context() as killing:
        killing.setattr(ContactsApi, "upload", killed)
        with pytest.raises(SystemExit):
            gate.work()
    assert EffectRun.objects.get().state == {"import_id": "1"}
    claims.drop_all(Batch)
    gate.work(rounds=3)
    assert gate.batch().status == "finished"
    assert gate.platform.rest()["imports"] == [{"id": 1, "type": "ADD", "rows": 90, "status": "FINISHED"}]


def test_a_list_cannot_be_replaced() -> None:
    assert list(inspect.signature(ContactsApi.begin_import).parameters) == ["self", "context"]
    for folder in ("actions", "outbound", "sendouts"):
        for path in (ROOT / folder).rglob("*.py"):
            # Migrations replace triggers of the database.
            assert "migrations" in path.parts or not re.search(r"\bREPLACE\b", path.read_text()), path


@pytest.mark.parametrize(
    ("values", "place", "word"),
    [
        ({"properties": {}}, (), "Give a property or a tag."),
        ({"properties": {"originalId": "x"}}, ("properties",), "name of a property"),
        ({"properties": {"a|b": "x"}}, ("properties",), "name of a property"),
        ({"properties": {"a": "Hi {contact.id"}}, ("properties", "a"), "This brace is not closed."),
        ({"tags": ["{contact.id}"]}, ("tags", 0), "the same for everybody"),
        ({"tags": ["town"]}, (), "has the name of a property"),
        ({"url": "symplify"}, ("url",), "Give a URL"),
    ],
)
def test_what_cannot_be_written_is_refused_when_it_is_configured(
    values: dict[str, Any], place: tuple[Any, ...], word: str
) -> None:
    where = {"url": "https://api.example.com/rest", "customer_id": "7", "list_id": "3", "credential": "symplify"}
    with pytest.raises(ValidationError) as refused:
        ContactUpdateConfig.model_validate({**where, "properties": {"town": "{contact.city}"}, **values})
    (fault,) = refused.value.errors()
    assert fault["loc"][: len(place)] == place and word in fault["msg"]
