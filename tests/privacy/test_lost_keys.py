"""A key that is taken away too early stops what it sealed, tells a person what to do, and releases nobody."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db.models import QuerySet
from django.utils import timezone, translation

from actions.secrets.keys import Keyring
from sendouts.models import Batch, Chunk, Decision, Event, Webhook
from sendouts.privacy import sealing
from sendouts.verbs import Accept, RunAgain, TryAgain
from sendouts.verbs.base import NotDone
from sendouts.wording import batch_sentences
from sendouts.wording.sentences import show_text
from tests.gate import Gate, carry_out, download_uri, finish_uri, reviewer

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
ADVICE = "must put the old key back into ENCRYPTION_KEYS"
LOOKED_AGAIN = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _sealed_with_the_old_key(settings: Any) -> Any:
    settings.ENCRYPTION_KEYS = (OLD,)
    with translation.override("en"):
        yield


def calls(gate: Gate, sent: Any) -> tuple[int, int]:
    seen = gate.platform.sendout(sent["id"])
    return seen["accepted"], seen["rejected"]


def stopped(gate: Gate, status: str) -> None:
    """The only batch waits, with a sentence, and is looked at again by itself."""
    batch = gate.batch()
    assert (batch.status, batch.attention, batch.claim_id) == (status, "key_missing", None)
    assert ADVICE in batch_sentences.attention(batch)
    assert batch.due_at is not None and timezone.now() < batch.due_at <= timezone.now() + LOOKED_AGAIN
    assert Event.objects.filter(batch=batch, word="attention").count() == 1


def test_a_hook_is_kept_unplanned_and_its_neighbours_are_planned(gate: Gate, settings: Any) -> None:
    gate.project()
    gate.fire("single")
    settings.ENCRYPTION_KEYS = (NEW,)
    gate.fire("single")
    assert len(gate.plan(directly=False)) == 1
    waiting = Webhook.objects.get(outcome="")
    assert waiting.due_at is not None and waiting.due_at > timezone.now()
    with translation.override("fr"):
        assert "remettez l’ancienne clé" in show_text(waiting.detail)
    settings.ENCRYPTION_KEYS = (NEW, OLD)
    Webhook.objects.filter(pk=waiting.pk).update(due_at=timezone.now())
    assert len(gate.plan(directly=False)) == 1
    assert Webhook.objects.filter(outcome="planned", detail="").count() == 2


def test_a_planned_single_is_stopped_and_its_neighbours_are_released(gate: Gate, settings: Any) -> None:
    gate.project()
    lost = gate.fire("single", no_consent=0.0)
    gate.plan(directly=False)
    settings.ENCRYPTION_KEYS = (NEW,)
    fine = gate.fire("single", no_consent=0.0)
    gate.work(rounds=3)
    assert (calls(gate, lost), calls(gate, fine)) == ((0, 0), (1, 0))
    batch = Batch.objects.get(attention="key_missing")
    assert batch.status == "planned" and ADVICE in batch_sentences.attention(batch)
    settings.ENCRYPTION_KEYS = (NEW, OLD)
    gate.work()
    assert set(Batch.objects.values_list("status", "attention")) == {("finished", "")}
    assert calls(gate, lost) == (1, 0)


def test_a_contact_file_is_not_downloaded(gate: Gate, settings: Any) -> None:
    gate.project()
    sent = gate.fire(contacts=20)
    gate.plan()
    settings.ENCRYPTION_KEYS = (NEW,)
    gate.work(rounds=5)
    stopped(gate, "planned")
    settings.ENCRYPTION_KEYS = (NEW, OLD)
    gate.work()
    assert (gate.batch().status, gate.batch().attention, calls(gate, sent)) == ("finished", "", (18, 2))


def test_rejections_that_cannot_be_opened_are_not_sent_and_nobody_is_released(gate: Gate, settings: Any) -> None:
    gate.project(review="always")
    sent = gate.fire(contacts=40)
    gate.work()
    # Half of its rows were sealed anew before the key was lost.
    keys = Keyring([NEW, OLD])
    for row in gate.decisions()[:20]:
        Decision.objects.filter(pk=row.pk).update(uri=keys.seal_again(row.uri, sealing.of_decision(row.pk)))
    batch = gate.batch()
    carry_out(Accept(), batch, reviewer())
    # As a worker leaves it that was killed after it had sent: the doubt about what was not opened stays.
    Chunk.objects.update(sending=True)
    settings.ENCRYPTION_KEYS = (NEW,)
    gate.work(rounds=6)
    stopped(gate, "accepted")
    assert Chunk.objects.get().sending
    assert (gate.batch().confirmed, gate.batch().finish_sent_at) == (2, None)
    assert calls(gate, sent) == (0, 2)
    settings.ENCRYPTION_KEYS = (NEW, OLD)
    gate.work()
    assert (gate.batch().status, gate.batch().attention, calls(gate, sent)) == ("finished", "", (36, 4))


def test_a_release_is_not_even_intended(gate: Gate, settings: Any) -> None:
    gate.project()
    sent = gate.fire(contacts=20, faults={"faults": [{"kind": "status", "on": "finish", "status": 503, "times": 1}]})
    gate.work()
    assert (gate.batch().status, gate.batch().finish_attempts) == ("delivered", 1)
    settings.ENCRYPTION_KEYS = (NEW,)
    gate.work(rounds=5)
    stopped(gate, "delivered")
    assert gate.batch().finish_attempts == 1 and calls(gate, sent)[0] == 0
    settings.ENCRYPTION_KEYS = (NEW, OLD)
    gate.work()
    assert (gate.batch().status, gate.batch().attention, calls(gate, sent)) == ("finished", "", (18, 2))


def test_running_again_says_so_and_changes_nothing(gate: Gate, settings: Any) -> None:
    gate.project(review="always")
    gate.fire("single")
    gate.work()
    settings.ENCRYPTION_KEYS = (NEW,)
    before = gate.batch()
    with pytest.raises(NotDone, match="encrypted with a key that the gateway no longer has"):
        carry_out(RunAgain(), before, reviewer(), note="Why.")
    assert (gate.batch().revision, len(gate.decisions())) == (before.revision, 1)


@pytest.mark.parametrize("tried_by_a_person", [False, True], ids=["by_itself", "by_a_person"])
def test_what_was_wrong_with_the_hook_still_holds_when_the_key_is_back(
    gate: Gate, settings: Any, tried_by_a_person: bool
) -> None:
    second = a_second_batch_with_the_same_finish(gate)
    settings.ENCRYPTION_KEYS = (NEW,)
    gate.work(rounds=2)
    assert second.get().attention == "key_missing"
    settings.ENCRYPTION_KEYS = (NEW, OLD)
    if tried_by_a_person:
        carry_out(TryAgain(), second.get(), reviewer())
    gate.work()
    assert (second.get().status, second.get().attention, second.get().attention_data) == (
        "in_review",
        "same_finish",
        {},
    )


def test_what_was_wrong_with_the_hook_still_holds_after_downloads_that_failed(gate: Gate) -> None:
    second = a_second_batch_with_the_same_finish(gate)
    gate.platform.faults([{"kind": "status", "on": "download", "status": 503, "times": 4}])
    gate.work(rounds=4)
    assert second.get().attention == "no_download"
    gate.work()
    assert (second.get().status, second.get().attention) == ("in_review", "same_finish")


def a_second_batch_with_the_same_finish(gate: Gate) -> QuerySet[Batch]:
    """A batch that planning itself left to a person, not yet screened."""
    gate.project()
    gate.fire(contacts=10)
    gate.work()
    first = gate.batch()
    body = (
        b'{"finishUri": "%s", "itemDownloadUri": "%s?again", "projectName": "Newsletter", "actions": ["consent-check"]}'
    )
    gate.store(body % (finish_uri(first).encode(), download_uri(first).encode()))
    gate.plan()
    second = Batch.objects.exclude(pk=first.pk)
    assert second.get().attention == "same_finish"
    return second
