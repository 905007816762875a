"""The outcome as a file on an SFTP server: there when it is whole, the same after every fault, and only on the host that was meant."""

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from django.utils import timezone

from actions.catalog.transfer import content as transfer_content
from actions.catalog.transfer import sftp as transfer_sftp
from actions.models import Credential
from actions.sentences import write
from outbound import sftp
from sendouts.models import EffectRun, PendingEffect
from sendouts.services import credentials
from tests.gate import Gate
from tests.lanes import work_on
from tests.sftp import PASSWORD, USER, Sftp, sftp_server
from work import claims


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
    work_on("effects", list(EffectRun.objects.filter(due_at__isnull=False).values_list("pk", flat=True)))
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


FORMS = {"csv": {}, "packed": {"gzip": True, "format": "ndjson"}}
CUT_OFF = "127.0.0.1 could not be reached, or stopped answering."


@pytest.fixture(params=FORMS)
def whole(gate: Gate, partner: Sftp, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> bytes:
    """A transfer of 2,000 contacts that has not begun yet, and what its file has to be; it leaves in small packets."""
    monkeypatch.setattr(transfer_sftp, "_BLOCK_BYTES", 512)
    monkeypatch.setattr(transfer_content, "ROWS", 500)
    with killed_when_settling(monkeypatch):
        transfer(gate, partner, sent={"contacts": 2_000}, **FORMS[request.param])
    ((name, content),) = partner.files().items()
    (partner.root / name).unlink()
    partner.written.clear()
    claims.drop_all(EffectRun)
    EffectRun.objects.update(state={})
    return content


@contextmanager
def killed_when_settling(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def killed(*args: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("sendouts.stages.carry_out.EffectWork._settle", killed)
        with pytest.raises(SystemExit):
            yield


def follow_until_cut(partner: Sftp, after: int) -> Path:
    """A pass whose connection is cut after so many bytes; what it leaves on the server."""
    partner.cut_at = after
    run = follow()
    partner.cut_at = None
    assert write(run.error) == CUT_OFF and run.due_at is not None
    (name,) = partner.files()
    assert name.endswith(".part"), "nobody may take half a file for a whole one"
    return partner.root / name


def ends_as(whole: bytes, partner: Sftp) -> None:
    run = follow()
    ((name, content),) = partner.files().items()
    assert content == whole and not name.endswith(".part")
    assert (run.done, run.ended_at is None, run.error) == (2_000, False, "")


def test_what_was_cut_off_goes_on_where_it_stopped(partner: Sftp, whole: bytes) -> None:
    cuts = [0, 1, len(whole) // 5, len(whole) // 4, len(whole) // 3]
    for cut in cuts:
        follow_until_cut(partner, cut)
    ends_as(whole, partner)
    assert partner.written == [*cuts, len(whole) - sum(cuts)], "nothing was written twice"
    assert partner.read < len(whole), "and nothing was read back twice"


def test_what_was_killed_in_the_middle_goes_on_too(
    partner: Sftp, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(run: Any) -> None:
        if sum(partner.written) > len(whole) // 2:
            raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("sendouts.stages.carry_out._Whole.tick", killed)
        with pytest.raises(SystemExit):
            follow()
    before = sum(partner.written)
    claims.drop_all(EffectRun)
    ends_as(whole, partner)
    assert before > len(whole) // 2 and sum(partner.written) == len(whole)


@pytest.mark.parametrize("damage", ["another", "longer", "a hole", "shorter", "gone", "unreadable", "another proven"])
def test_what_is_not_ours_there_is_not_continued(partner: Sftp, whole: bytes, damage: str) -> None:
    part = follow_until_cut(partner, len(whole) // 2)
    there = part.read_bytes()
    if damage == "another proven":
        follow_until_cut(partner, len(whole) // 10)
        EffectRun.objects.update(state=EffectRun.objects.get().state | {"digest": "of other contents"})
    elif damage == "unreadable":
        partner.may_read = False
    elif damage == "gone":
        part.unlink()
    else:
        hole = there[:1_000] + bytes(512) + there[1_512:]
        part.write_bytes(
            {"another": b"x" * 50, "longer": whole + b"x", "a hole": hole, "shorter": there[:1_000]}[damage]
        )
    ends_as(whole, partner)
    if damage != "shorter":
        assert partner.written[-1] == len(whole), "it has begun again"


def test_what_a_server_still_appends_after_a_cut_is_no_part_of_the_file(partner: Sftp, whole: bytes) -> None:
    partner.appends = True
    follow_until_cut(partner, len(whole) // 4)
    part = follow_until_cut(partner, len(whole) // 4)

    late = [b"of the session before"]

    def belated(written: int) -> bool:
        if written and late:
            with part.open("ab") as file:
                file.write(late.pop())
        return False

    partner.hangs = belated
    ends_as(whole, partner)
    assert not late


def test_a_host_that_hangs_while_it_appends_is_given_another_file(
    partner: Sftp, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sftp, "STALLED_SECONDS", 1)
    partner.appends = True
    part = follow_until_cut(partner, len(whole) // 4)
    partner.hangs = lambda written: written > 0
    assert write(follow().error) == CUT_OFF
    partner.hangs = lambda written: False
    ends_as(whole, partner)
    assert not part.exists() and partner.written[-1] == len(whole)


def test_a_host_that_hangs_is_left_and_asked_again(gate: Gate, partner: Sftp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sftp, "STALLED_SECONDS", 1)
    partner.hangs = lambda written: True
    run = transfer(gate, partner)
    assert run.ended_at is None and run.due_at is not None
    partner.hangs = lambda written: False
    is_whole(gate, follow(), partner)


def test_a_kill_after_the_file_was_laid_down_lays_the_same_down_again(
    gate: Gate, partner: Sftp, monkeypatch: pytest.MonkeyPatch
) -> None:
    with killed_when_settling(monkeypatch):
        transfer(gate, partner)
    before = partner.files()
    claims.drop_all(EffectRun)
    is_whole(gate, follow(), partner)
    assert partner.files() == before and partner.logins == 2


def test_another_host_key_gets_no_password(gate: Gate, partner: Sftp) -> None:
    run = transfer(gate, partner, host_key="SHA256:" + "A" * 43)
    assert write(run.error) == "127.0.0.1 is not the host that the fingerprint belongs to."
    assert (partner.logins, partner.files(), run.due_at) == (0, {}, None)


def test_a_host_with_several_keys_is_known_by_any_of_them(gate: Gate, partner: Sftp) -> None:
    is_whole(gate, transfer(gate, partner, host_key=partner.other_host_key), partner)


KEY = asyncssh.generate_private_key("ssh-ed25519")


@pytest.mark.parametrize("form", ["lines", "one line", "rsa"])
def test_a_private_key_logs_in_where_no_password_does(gate: Gate, partner: Sftp, form: str) -> None:
    key = KEY if form != "rsa" else asyncssh.generate_private_key("ssh-rsa", key_size=2_048)
    partner.public_key = key.convert_to_public()
    text = key.export_private_key().decode()
    Credential.objects.update(secret=text.replace("\n", "") if form == "one line" else text)
    is_whole(gate, transfer(gate, partner), partner)
    assert partner.logins == 0


def test_another_private_key_is_said_in_a_sentence(gate: Gate, partner: Sftp) -> None:
    partner.public_key = KEY.convert_to_public()
    Credential.objects.update(secret=asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode())
    run = transfer(gate, partner)
    assert (write(run.error), run.due_at) == ("127.0.0.1 does not know this user and password.", None)


ENCRYPTED = KEY.export_private_key("pkcs8-pem", "sesame").decode()


@pytest.mark.parametrize(
    "text",
    [ENCRYPTED, "-----BEGIN OPENSSH PRIVATE KEY-----abc", "-----BEGIN A-----x-----END A-----"],
    ids=["encrypted", "cut", "unknown"],
)
def test_a_key_that_cannot_be_read_is_sent_nowhere(gate: Gate, partner: Sftp, text: str) -> None:
    Credential.objects.update(secret=text)
    run = transfer(gate, partner)
    assert write(run.error) == "The private key of “partner” cannot be read, or has a passphrase."
    assert (run.due_at, partner.logins, partner.files()) == (None, 0, {})


def test_where_nobody_may_rename_nothing_is_left_behind(gate: Gate, partner: Sftp) -> None:
    partner.may_rename = False
    run = transfer(gate, partner)
    assert write(run.error) == "127.0.0.1 lets this user rename no file. Have it written under its own name."
    assert (run.due_at, partner.files()) == (None, {})


def test_a_file_grows_under_its_own_name_where_nobody_may_rename(gate: Gate, partner: Sftp) -> None:
    partner.may_rename = False
    partner.cut_at = 1_000
    run = transfer(gate, partner, upload="direct")
    assert write(run.error) == CUT_OFF
    ((name, begun),) = partner.files().items()
    assert name.endswith(".csv") and len(begun) == 1_000
    partner.cut_at = None
    is_whole(gate, follow(), partner)
    assert partner.written[-1] == len(partner.files()[name]) - 1_000, "it went on where it was cut"


@pytest.mark.parametrize("damage", ["another", "longer", "unreadable"])
def test_what_is_not_ours_under_the_name_itself_is_written_over(gate: Gate, partner: Sftp, damage: str) -> None:
    partner.cut_at = 1_000
    transfer(gate, partner, upload="direct")
    partner.cut_at = None
    (name,) = partner.files()
    if damage == "unreadable":
        partner.may_read = False
    else:
        (partner.root / name).write_bytes(b"x" * (500 if damage == "another" else 100_000))
    is_whole(gate, follow(), partner)


def test_a_folder_that_nobody_may_make_is_used_where_it_is_there(gate: Gate, partner: Sftp) -> None:
    partner.may_make_folders = False
    (partner.root / "Newsletter" / "Welcome" / "Day-1").mkdir(parents=True)
    is_whole(gate, transfer(gate, partner), partner)


def test_a_folder_that_is_missing_and_may_not_be_made_is_said_in_a_sentence(gate: Gate, partner: Sftp) -> None:
    partner.may_make_folders = False
    (partner.root / "Newsletter").mkdir()
    run = transfer(gate, partner)
    assert write(run.error) == "127.0.0.1 lets this user make no folder. Name one that exists, or none."
    assert (run.due_at, partner.files()) == (None, {})


def test_a_wrong_password_is_said_in_a_sentence(gate: Gate, partner: Sftp) -> None:
    Credential.objects.update(secret="another")
    run = transfer(gate, partner)
    assert (write(run.error), run.due_at) == ("127.0.0.1 does not know this user and password.", None)


def test_who_may_not_write_is_told_so(gate: Gate, partner: Sftp) -> None:
    partner.may_write = False
    run = transfer(gate, partner)
    assert (write(run.error), run.due_at) == ("127.0.0.1 lets this user put no file there.", None)


def test_a_host_that_staff_did_not_allow_is_not_dialled(gate: Gate, partner: Sftp, settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = ["sftp.example.com", f"127.0.0.1:{partner.port + 1}"]
    run = transfer(gate, partner)
    assert write(run.error) == "127.0.0.1 may not be called (host_not_listed)."
    settings.OUTBOUND_ALLOWED_HOSTS = ["localhost"]
    assert partner.logins == 0


def test_a_name_that_leads_to_an_inner_address_is_not_dialled(gate: Gate, partner: Sftp, settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = ["localhost"]
    run = transfer(gate, partner, host="localhost")
    assert write(run.error) == "localhost may not be called (private_address)."
    assert partner.logins == 0


def test_nobody_listening_is_tried_again(gate: Gate, partner: Sftp) -> None:
    run = transfer(gate, partner, port=1)
    assert write(run.error) == "127.0.0.1 could not be reached, or stopped answering." and run.due_at is not None


def test_of_nobody_there_is_no_file(gate: Gate, partner: Sftp) -> None:
    run = transfer(gate, partner, sent={"no_consent": 0}, whom="rejected")
    assert (run.left_out, run.ended_at is None, partner.logins, partner.files()) == (100, False, 0, {})
