"""Keys change while batches are under way: what may still be opened moves to the first key, and the old one can go."""

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.utils import timezone

from actions.secrets.keys import keyring
from sendouts.intake import store
from sendouts.intake.journal import Journal
from sendouts.models import Batch, Decision, Webhook
from sendouts.privacy import rotation
from sendouts.privacy.sealing import of_decision
from sendouts.verbs import Accept
from tests.gate import Gate, carry_out, reviewer

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


@pytest.fixture(autouse=True)
def _sealed_with_the_old_key(settings: Any, tmp_path: Path) -> None:
    settings.ENCRYPTION_KEYS = (OLD,)
    settings.JOURNAL_DIR = tmp_path / "journal"


def rotate() -> str:
    said = StringIO()
    call_command("rotate_secrets", stdout=said)
    return said.getvalue()


def stored() -> list[bytes]:
    """Every URI and hook as it lies in the database."""
    found = list(Decision.objects.values_list("uri", flat=True)) + list(Webhook.objects.values_list("body", flat=True))
    for uris in Batch.objects.values_list("finish_uri", "download_uri"):
        found += uris
    return [bytes(each) for each in found if each]


def under_way(gate: Gate) -> list[Any]:
    """A held batch, held singles, and a hook that nobody has planned yet."""
    gate.project(review="always")
    sent = [gate.fire(contacts=30), gate.fire("single", hooks=3, no_consent=0.0)]
    gate.work()
    sent.append(gate.fire("single", no_consent=0.0))
    return sent


def finish(gate: Gate) -> None:
    gate.work()
    person = reviewer()
    for batch in Batch.objects.filter(status="in_review"):
        carry_out(Accept(), batch, person)
    gate.work()
    assert set(Batch.objects.values_list("status", "attention")) == {("finished", "")}


def test_what_is_under_way_moves_to_the_first_key_and_goes_on_without_the_old_one(
    gate: Gate, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "ROWS", 7)
    sent = under_way(gate)
    settings.ENCRYPTION_KEYS = (NEW, OLD)
    # 33 rejections, 4 releases, a download and its file of 4 batches; 5 hooks, of which one is not planned.
    assert "0 secrets, 44 URIs and hooks" in rotate()
    assert "0 secrets, 0 URIs and hooks" in rotate()
    settings.ENCRYPTION_KEYS = (NEW,)
    assert all(keyring().is_current(each) for each in stored())
    finish(gate)
    assert [gate.platform.sendout(each["id"])["accepted"] for each in sent] == [27, 3, 1]


def test_what_was_written_before_there_were_keys_is_read_and_sealed_later(gate: Gate, settings: Any) -> None:
    settings.ENCRYPTION_KEYS = ()
    under_way(gate)
    assert sum(each.startswith((b"http", b"{")) for each in stored()) == 43
    settings.ENCRYPTION_KEYS = (NEW,)
    gate.plan()
    assert "URIs and hooks" in rotate()
    assert not any(each.startswith((b"http", b"{")) for each in stored())
    finish(gate)


def test_what_is_over_is_left_to_be_wiped(gate: Gate, settings: Any) -> None:
    gate.project()
    gate.fire(contacts=10)
    gate.work()
    before = stored()
    settings.ENCRYPTION_KEYS = (NEW, OLD)
    assert "0 secrets, 0 URIs and hooks" in rotate()
    assert stored() == before


def test_what_no_key_opens_is_told_by_batch_and_hook_and_the_rest_moves(gate: Gate, settings: Any) -> None:
    gate.project(review="always")
    gate.fire("single", no_consent=0.0)
    gate.work()
    gate.fire("single", no_consent=0.0)
    lost, hook = gate.batch().pk, Webhook.objects.get(outcome="").pk
    other = Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = (other,)
    gate.fire("single", no_consent=0.0)
    settings.ENCRYPTION_KEYS = (NEW, other)
    with pytest.raises(CommandError, match=rf"all of 1 open batches \({lost}\) and 1 hooks \({hook}\)\. Set the key"):
        rotate()
    settings.ENCRYPTION_KEYS = (NEW,)
    assert sum(keyring().is_current(each) for each in stored()) == 1


def test_hooks_that_wait_in_a_journal_keep_the_old_key_needed(gate: Gate, settings: Any) -> None:
    journal = Journal(settings.JOURNAL_DIR)
    journal.append([store.seal_hook(b"{}", "", timezone.now()) for _ in range(3)])
    settings.ENCRYPTION_KEYS = (NEW, OLD)
    with pytest.raises(CommandError, match="The journal holds 3 hooks under the keys of their time"):
        rotate()
    for file in journal.take():
        file.remove()
    rotate()


def test_what_was_wiped_or_ended_meanwhile_is_left_alone(gate: Gate, settings: Any) -> None:
    gate.project(review="always")
    gate.fire(contacts=5)
    gate.work()
    settings.ENCRYPTION_KEYS = (NEW, OLD)
    read = [(row.pk, row.uri, of_decision(row.pk)) for row in gate.decisions()]
    Decision.objects.filter(pk=read[0][0]).update(uri=b"")
    done = rotation.Resealed()
    assert done.rotate(Decision, "uri", read)
    assert (done.values, bytes(gate.decisions()[0].uri)) == (4, b"")
    before = stored()
    Batch.objects.update(status="expired", due_at=None, ended_at=timezone.now() - timedelta(hours=1))
    done = rotation.Resealed()
    done.rotate_batch(gate.batch().pk)
    assert (stored(), done.values) == (before, 0)
