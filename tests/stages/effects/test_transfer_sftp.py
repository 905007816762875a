"""The outcome as a file on an SFTP server: there when it is whole, the same after every fault, only on the host that was meant."""

import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from actions.catalog.transfer import content as transfer_content
from actions.catalog.transfer import sftp as transfer_sftp
from actions.models import Credential
from actions.sentences import write
from outbound import sftp
from sendouts.models import EffectRun, PendingEffect
from sendouts.services import credentials
from tests.sftp import PASSWORD, USER, Sftp, sftp_server
from tests.stages.effect_cases import ended, follow, killed_when_settling
from work import claims


@pytest.fixture
def partner(tmp_path: Path, db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sftp]:
    settings.OUTBOUND_ALLOWED_HOSTS, settings.OUTBOUND_ALLOW_HTTP = ["127.0.0.1"], False
    settings.CREDENTIALS = {}
    monkeypatch.setattr(credentials, "FRESH_SECONDS", 0.0)
    Credential.objects.create(name="partner", kind="basic", user=USER, secret=PASSWORD)
    with sftp_server(tmp_path) as found:
        yield found


def begin(partner: Sftp, **config: Any) -> EffectRun:
    place = {"host": "127.0.0.1", "port": partner.port, "host_key": partner.host_key, "credential": "partner"}
    return ended("transfer_sftp", **place | config)


def transfer(partner: Sftp, **config: Any) -> EffectRun:
    begin(partner, **config)
    return follow()


def is_whole(run: EffectRun, partner: Sftp) -> None:
    ((name, content),) = partner.files().items()
    assert name.startswith("Newsletter/Summer/Day-1/") and name.endswith(f"-{run.batch_id}-1.csv")
    found = [row["contact_id"] for row in csv.DictReader(io.StringIO(content.decode(), newline=""))]
    assert found == [f"A-{row}" for row in range(100)]
    assert (run.done, run.ended_at is None, run.error) == (100, False, "")
    assert not PendingEffect.objects.exists()


def test_the_file_is_there_whole_under_its_name(partner: Sftp) -> None:
    is_whole(transfer(partner, host_key=partner.other_host_key), partner)


def test_a_long_and_packed_file_too(partner: Sftp) -> None:
    run = transfer(partner, contacts=2_000, gzip=True, format="ndjson")
    ((name, content),) = partner.files().items()
    assert name.endswith(".ndjson.gz") and run.done == 2_000
    assert len(gzip.decompress(content).splitlines()) == 2_000


FORMS: dict[str, dict[str, Any]] = {"csv": {}, "packed": {"gzip": True, "format": "ndjson"}}
CUT_OFF = "127.0.0.1 could not be reached, or stopped answering."


@pytest.fixture(params=["csv"])
def whole(partner: Sftp, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> bytes:
    """A transfer of 500 contacts that has not begun yet, and what its file has to be; it leaves in small packets."""
    monkeypatch.setattr(transfer_sftp, "_BLOCK_BYTES", 512)
    monkeypatch.setattr(transfer_content, "ROWS", 100)
    with killed_when_settling(monkeypatch):
        transfer(partner, contacts=500, **FORMS[request.param])
    ((name, content),) = partner.files().items()
    (partner.root / name).unlink()
    partner.written.clear()
    EffectRun.objects.update(state={})
    return content


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
    assert (run.done, run.ended_at is None, run.error) == (500, False, "")


@pytest.mark.parametrize("whole", FORMS, indirect=True)
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


def test_a_host_that_hangs_is_left_and_given_another_file(
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


def test_a_kill_after_the_file_was_laid_down_lays_the_same_down_again(
    partner: Sftp, monkeypatch: pytest.MonkeyPatch
) -> None:
    with killed_when_settling(monkeypatch):
        transfer(partner)
    before = partner.files()
    is_whole(follow(), partner)
    assert partner.files() == before and partner.logins == 2


KEY = asyncssh.generate_private_key("ssh-ed25519")
ANOTHER = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
ENCRYPTED = KEY.export_private_key("pkcs8-pem", "sesame").decode()
NOT_KNOWN = "127.0.0.1 does not know this user and password."
NOT_READ = "The private key of “partner” cannot be read, or has a passphrase."


@pytest.mark.parametrize("form", ["lines", "one line", "rsa"])
def test_a_private_key_logs_in_where_no_password_does(partner: Sftp, form: str) -> None:
    key = KEY if form != "rsa" else asyncssh.generate_private_key("ssh-rsa", key_size=2_048)
    partner.public_key = key.convert_to_public()
    text = key.export_private_key().decode()
    Credential.objects.update(secret=text.replace("\n", "") if form == "one line" else text)
    is_whole(transfer(partner), partner)
    assert partner.logins == 0


@pytest.mark.parametrize(
    ("secret", "error"),
    [
        ("another", NOT_KNOWN),
        (ANOTHER, NOT_KNOWN),
        (ENCRYPTED, NOT_READ),
        ("-----BEGIN OPENSSH PRIVATE KEY-----abc", NOT_READ),
        ("-----BEGIN A-----x-----END A-----", NOT_READ),
    ],
    ids=["password", "key", "encrypted", "cut", "unknown"],
)
def test_a_secret_that_does_not_log_in_is_said_in_a_sentence(partner: Sftp, secret: str, error: str) -> None:
    if secret == ANOTHER:
        partner.public_key = KEY.convert_to_public()
    Credential.objects.update(secret=secret)
    run = transfer(partner)
    assert (write(run.error), run.due_at, partner.files()) == (error, None, {})
    assert partner.logins == 0 or error == NOT_KNOWN


@pytest.mark.parametrize(
    ("forbidden", "error"),
    [
        ("may_write", "127.0.0.1 does not let this user store a file there."),
        ("may_rename", "127.0.0.1 does not let this user rename a file. Have it written under its own name."),
        ("may_make_folders", "127.0.0.1 does not let this user create a folder. Name one that exists, or none."),
    ],
)
def test_what_the_host_forbids_is_said_in_a_sentence_and_nothing_is_left_behind(
    partner: Sftp, forbidden: str, error: str
) -> None:
    (partner.root / "Newsletter").mkdir()
    setattr(partner, forbidden, False)
    run = transfer(partner)
    assert (write(run.error), run.due_at, partner.files()) == (error, None, {})


@pytest.mark.parametrize("damage", ["", "another", "longer", "unreadable"])
def test_a_file_grows_under_its_own_name_where_nobody_may_rename(partner: Sftp, damage: str) -> None:
    partner.may_rename = False
    partner.cut_at = 1_000
    assert write(transfer(partner, upload="direct").error) == CUT_OFF
    partner.cut_at = None
    ((name, begun),) = partner.files().items()
    assert name.endswith(".csv") and len(begun) == 1_000
    if damage == "unreadable":
        partner.may_read = False
    elif damage:
        (partner.root / name).write_bytes(b"x" * (500 if damage == "another" else 100_000))
    is_whole(follow(), partner)
    if not damage:
        assert partner.written[-1] == len(partner.files()[name]) - 1_000, "it went on where it was cut"


def test_a_folder_that_nobody_may_make_is_used_where_it_is_there(partner: Sftp) -> None:
    partner.may_make_folders = False
    (partner.root / "Newsletter" / "Summer" / "Day-1").mkdir(parents=True)
    is_whole(transfer(partner), partner)


@pytest.mark.parametrize(
    ("config", "hosts", "error"),
    [
        ({"host_key": "SHA256:" + "A" * 43}, None, "127.0.0.1 is not the host that the fingerprint belongs to."),
        ({}, ["sftp.example.com", "127.0.0.1:1"], "127.0.0.1 may not be called (host_not_listed)."),
        ({"host": "localhost"}, ["localhost"], "localhost may not be called (private_address)."),
    ],
)
def test_a_host_that_was_not_meant_gets_no_password(
    partner: Sftp, settings: Any, config: dict[str, Any], hosts: list[str] | None, error: str
) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = hosts or settings.OUTBOUND_ALLOWED_HOSTS
    run = transfer(partner, **config)
    assert (write(run.error), run.due_at, partner.logins, partner.files()) == (error, None, 0, {})


def test_nobody_listening_is_tried_again(partner: Sftp) -> None:
    run = transfer(partner, port=1)
    assert write(run.error) == CUT_OFF and run.due_at is not None


def test_of_nobody_there_is_no_file(partner: Sftp) -> None:
    run = transfer(partner, contacts=9, whom="rejected")
    assert (run.left_out, run.ended_at is None, partner.logins, partner.files()) == (9, False, 0, {})
