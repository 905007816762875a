"""The outcome as a file on an SFTP server: there when it is whole, the same after every fault, and only on the host that was meant."""

import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from actions.models import Credential
from outbound import sftp
from sendouts import claims, credentials, effects
from sendouts.models import EffectRun, PendingEffect
from tests.sendouts.gate import Gate
from tests.sftp import PASSWORD, USER, Sftp, sftp_server


@pytest.fixture
def partner(tmp_path: Path, db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sftp]:
    settings.OUTBOUND_ALLOWED_HOSTS, settings.OUTBOUND_ALLOW_HTTP = ["127.0.0.1"], False
    settings.CREDENTIALS = {}
    monkeypatch.setattr(credentials, "FRESH_SECONDS", 0.0)
    Credential.objects.create(name="partner", kind="basic", user=USER, secret=PASSWORD)
    with sftp_server(tmp_path) as found:
        yield found


def transfer(gate: Gate, partner: Sftp, *, sent: dict[str, Any] | None = None, **config: Any) -> EffectRun:
    """Release a batch of which one in ten does not consent, and lay its outcome down."""
    config = {"host": "127.0.0.1", "port": partner.port, "host_key": partner.host_key, "credential": "partner"} | config
    gate.define(gate.project(), "lay-down", kind="transfer_sftp", config=config, position=1)
    gate.fire(actions=["consent-check", "lay-down"], **(sent or {}))
    gate.work()
    return follow()


def follow() -> EffectRun:
    """What the sweep does once a batch has ended, and when it comes to what must be tried again."""
    EffectRun.objects.filter(due_at__isnull=False).update(due_at=timezone.now())
    effects.see_to(list(EffectRun.objects.filter(due_at__isnull=False).values_list("pk", flat=True)))
    return EffectRun.objects.get()


def is_whole(gate: Gate, run: EffectRun, partner: Sftp, contacts: int = 100) -> None:
    ((name, content),) = partner.files().items()
    assert name.startswith("Newsletter/Welcome/Day-1/") and name.endswith(f"-{gate.batch().pk}-1.csv")
    found = [row["contact_id"] for row in csv.DictReader(io.StringIO(content.decode(), newline=""))]
    assert found == [f"A-{n:06}" for n in range(1, contacts + 1)]
    assert (run.done, run.ended_at is None, run.error) == (contacts, False, "")
    assert not PendingEffect.objects.exists()


def test_the_file_is_there_whole_under_its_name(gate: Gate, partner: Sftp) -> None:
    is_whole(gate, transfer(gate, partner, fields=["email"]), partner)


def test_a_long_and_packed_file_too(gate: Gate, partner: Sftp) -> None:
    run = transfer(gate, partner, sent={"contacts": 20_000}, gzip=True, format="ndjson")
    ((name, content),) = partner.files().items()
    assert name.endswith(".ndjson.gz") and run.done == 20_000
    assert len(gzip.decompress(content).splitlines()) == 20_000


def test_what_was_cut_off_begins_again_and_ends_as_one_file(gate: Gate, partner: Sftp) -> None:
    partner.fault = lambda written: "cut" if written > 500_000 else ""
    run = transfer(gate, partner, sent={"contacts": 10_000})
    assert run.error == "127.0.0.1 could not be reached, or stopped answering." and run.due_at is not None
    assert all(name.endswith(".part") for name in partner.files()), "nobody may take half a file for a whole one"
    partner.fault = lambda written: ""
    is_whole(gate, follow(), partner, 10_000)


def test_a_host_that_hangs_is_left_and_asked_again(gate: Gate, partner: Sftp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sftp, "STALLED_SECONDS", 1)
    partner.fault = lambda written: "hang"
    run = transfer(gate, partner)
    assert run.ended_at is None and run.due_at is not None
    partner.fault = lambda written: ""
    is_whole(gate, follow(), partner)


def test_a_kill_after_the_file_was_laid_down_lays_the_same_down_again(
    gate: Gate, partner: Sftp, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("sendouts.effects.carrying.Work._settle", killed)
        with pytest.raises(SystemExit):
            transfer(gate, partner)
    before = partner.files()
    claims.drop_all(EffectRun)
    is_whole(gate, follow(), partner)
    assert partner.files() == before and partner.logins == 2


def test_another_host_key_gets_no_password(gate: Gate, partner: Sftp) -> None:
    run = transfer(gate, partner, host_key="SHA256:" + "A" * 43)
    assert run.error == "127.0.0.1 is not the host that the fingerprint belongs to."
    assert (partner.logins, partner.files(), run.due_at) == (0, {}, None)


def test_a_wrong_password_is_said_in_a_sentence(gate: Gate, partner: Sftp) -> None:
    Credential.objects.update(secret="another")
    run = transfer(gate, partner)
    assert (run.error, run.due_at) == ("127.0.0.1 does not know this user and password.", None)


def test_who_may_not_write_is_told_so(gate: Gate, partner: Sftp) -> None:
    partner.may_write = False
    run = transfer(gate, partner)
    assert (run.error, run.due_at) == ("127.0.0.1 lets this user put no file there.", None)


def test_a_host_that_staff_did_not_allow_is_not_dialled(gate: Gate, partner: Sftp, settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = ["sftp.example.com", f"127.0.0.1:{partner.port + 1}"]
    run = transfer(gate, partner)
    assert run.error == "127.0.0.1 may not be called (host_not_listed)."
    settings.OUTBOUND_ALLOWED_HOSTS = ["localhost"]
    assert partner.logins == 0


def test_a_name_that_leads_to_an_inner_address_is_not_dialled(gate: Gate, partner: Sftp, settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = ["localhost"]
    run = transfer(gate, partner, host="localhost")
    assert run.error == "localhost may not be called (private_address)."
    assert partner.logins == 0


def test_nobody_listening_is_tried_again(gate: Gate, partner: Sftp) -> None:
    run = transfer(gate, partner, port=1)
    assert run.error == "127.0.0.1 could not be reached, or stopped answering." and run.due_at is not None


def test_of_nobody_there_is_no_file(gate: Gate, partner: Sftp) -> None:
    run = transfer(gate, partner, sent={"no_consent": 0}, whom="rejected")
    assert (run.left_out, run.ended_at is None, partner.logins, partner.files()) == (100, False, 0, {})
